"""The report on a check is a section of its test's report: which plugins receive it, and how long it is kept."""

import pytest

SUITE = """
def checks(gilcheck, name):
    return gilcheck.options(overlap=False, name=name)(specimens.releases, MS)

def test_passes(gilcheck):
    checks(gilcheck, "in passing")

def test_fails(gilcheck):
    assert not checks(gilcheck, "in failing").released

@pytest.fixture
def before(gilcheck):
    checks(gilcheck, "in setup")

def test_fails_after_setup(before):
    assert False

@pytest.fixture
def after(gilcheck):
    yield
    checks(gilcheck, "in teardown")
    assert False

def test_fails_in_teardown(after, gilcheck):
    checks(gilcheck, "before teardown")

@pytest.mark.xfail(strict=False)
def test_passes_against_expectation(gilcheck):
    checks(gilcheck, "unexpected")

def test_skips(gilcheck):
    checks(gilcheck, "in skipping")
    pytest.skip("for a reason")
"""

#: What pytest itself still has at its end, and what other plugins were given: when a report is made, when it is logged, and
#: once its test has been logged to its end, as for pytest-html.
OTHERS = """
import pytest

def names(report):
    return [text.partition(":")[0] for heading, text in report.sections if heading == "Captured gilcheck call"]

made, logged, waiting = [], [], {}

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    made.extend(names(report))
    return report

def pytest_runtest_logreport(report):
    waiting.setdefault(report.nodeid, []).append(report)
    if report.when == "teardown":
        logged.extend(name for each in waiting.pop(report.nodeid) for name in names(each))

def pytest_terminal_summary(terminalreporter):
    reports = [report for kind in terminalreporter.stats.values() for report in kind if hasattr(report, "when")]
    for report in reports:
        print("kept:", report.nodeid.partition("::")[2], report.when, report.outcome, names(report))
    print("made:", sorted(set(made)))
    print("logged:", sorted(set(logged)))
"""

ALL = "['before teardown', 'in failing', 'in passing', 'in setup', 'in skipping', 'in teardown', 'unexpected']"
KEPT = {
    "kept: test_fails call failed ['in failing']",
    "kept: test_fails_after_setup call failed ['in setup']",
    "kept: test_fails_in_teardown teardown failed ['before teardown', 'in teardown']",
    "kept: test_passes_against_expectation call passed ['unexpected']",
    "kept: test_skips call skipped ['in skipping']",
}


def kept_of(result):
    """Return the reports that still have a section of ours."""
    lines = [line for line in result.outlines if line.startswith("kept: ")]
    assert len(lines) >= 3 * 6  # setup, call and teardown of each test
    return {line for line in lines if not line.endswith("[]")}


@pytest.mark.parametrize("xdist", [False, True])
def test_a_section_is_kept_only_where_pytest_shows_it(project, pytester, xdist):
    """pytest keeps all reports: of ten thousand tests that pass, none keeps its section."""
    if xdist:
        pytest.importorskip("xdist")
    pytester.makeconftest(OTHERS)
    result = project(SUITE, "--gilcheck", *(["-n2"] if xdist else []), subprocess=xdist)

    result.assert_outcomes(passed=2, failed=2, errors=1, skipped=1, xpassed=1)
    assert kept_of(result) == KEPT
    # Workers make the reports.
    result.stdout.fnmatch_lines(
        [*([] if xdist else [f"made: {ALL.replace('[', '[[]')}"]), f"logged: {ALL.replace('[', '[[]')}"]
    )


@pytest.mark.parametrize(("asked", "xdist"), [("-rP", False), ("-rA", False), ("-rP", True)])
def test_who_asks_for_the_output_of_passed_tests_sees_their_sections(project, pytester, asked, xdist):
    if xdist:
        pytest.importorskip("xdist")
    result = project(SUITE, "--gilcheck", asked, *(["-n2"] if xdist else []), subprocess=xdist)

    result.stdout.fnmatch_lines(
        ["=* PASSES *", "*_ test_passes _*", "*- Captured gilcheck call -*", "in passing: released for *"]
    )


def test_a_section_is_written_once_in_each_report(project, pytester):
    """Also where a test makes several checks, and compares answers too."""
    pytester.makeconftest(OTHERS)
    body = """
def test_several(gilcheck):
    gilcheck.options(overlap=False, name="first")(specimens.releases, MS)
    gilcheck.agrees(len, inputs=("abc",), name="compared")
    gilcheck.options(overlap=False, name="second")(specimens.releases, MS)
    assert False
"""
    result = project(body, "--gilcheck")

    assert kept_of_one(result) == "kept: test_several call failed ['first', 'second', 'compared']"


def kept_of_one(result):
    (line,) = [line for line in result.outlines if line.startswith("kept: ") and not line.endswith("[]")]
    return line


def test_an_attempt_writes_its_own_section(project, pytester):
    """What a failed attempt has found counts for nothing in the next one."""
    pytest.importorskip("pytest_rerunfailures")
    pytester.makeconftest(OTHERS)
    body = """
N = iter((1, 2))
def test_again(gilcheck):
    gilcheck.options(overlap=False, name=f"attempt {next(N)}")(specimens.releases, MS)
    assert False
"""
    result = project(body, "--gilcheck", "-p", "pytest_rerunfailures", "--reruns=1")

    assert "kept: test_again call failed ['attempt 2']" in result.outlines
