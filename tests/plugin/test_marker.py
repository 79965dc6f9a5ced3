"""The marker, the gate and the table."""

import pytest

PLAIN = """
@pytest.mark.gilcheck(overlap=False)
def test_releases():
    specimens.releases(20 * MS)
"""


def test_without_the_switch_marked_tests_run_once_and_the_summary_says_so(project):
    """As ordinary tests."""
    result = project(f"""{PLAIN}
n = 0
@pytest.mark.gilcheck
def test_once():
    global n
    n += 1
    assert n == 1
""")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["gilcheck: 2 checks not run (run them with --gilcheck)"])
    assert result.ret == 0


def test_with_the_switch_they_are_checked_and_a_table_ends_the_run(project):
    """Names, words, figures."""
    result = project(
        f"""{PLAIN}
@pytest.mark.gilcheck(expect="held", overlap=False)
def test_holds():
    specimens.holds(20 * MS)
""",
        "--gilcheck",
    )
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        ["*= gilcheck =*", "check*GIL*held*", "*test_releases*released*", "*test_holds*held*100 %*"]
    )
    assert result.ret == 0


def test_a_claim_that_is_not_met_fails_the_test(project):
    """Short in the assertion, whole in the section."""
    result = project(
        """
@pytest.mark.gilcheck(overlap=False)
def test_holds():
    specimens.holds(20 * MS)

@pytest.mark.gilcheck(releases=0.9, overlap=False)
def test_share():
    specimens.releases_then_holds(10 * MS, 10 * MS)
""",
        "--gilcheck",
    )
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["E*CheckFailed: *::test_holds: expected released, found held.*"])
    result.stdout.fnmatch_lines(["E*CheckFailed: *::test_share: released * of the call, required at least 90 %*"])
    # None of the plugin's own lines between the test's name and the message.
    result.stdout.no_fnmatch_line("*require_all*")
    result.stdout.no_fnmatch_line("*traceback entries are hidden*")


def test_an_assertion_that_fails_shows_the_verdict_in_one_line(project):
    """Not the record's sixteen digits and forty fields, cut in the middle."""
    result = project("""
def test_holds(gilcheck):
    verdict = gilcheck.options(overlap=False)(specimens.holds, 20 * MS)
    assert verdict.held_share < 0.5
""")
    result.stdout.fnmatch_lines(
        [
            "E*assert <held share 1 [[]*, 1[]]> < 0.5",
            "E*= <Verdict on pytest_gilcheck.specimens.holds: held (held share 1 [[]*, 1[]])>.held_share",
        ]
    )


def test_a_gate_that_checked_nothing_fails(project):
    """Status 1, with the remedy."""
    for body in ("def test_it(): pass", ""):
        result = project(body, "--gilcheck")
        assert result.ret == 1
        result.stdout.fnmatch_lines(["gilcheck: no check ran: mark tests with*"])


def test_a_fixtures_check_is_enough_for_the_gate(project):
    """Marked or not."""
    result = project(
        "def test_it(gilcheck):\n    gilcheck.options(overlap=False)(specimens.holds, 20 * MS)\n", "--gilcheck"
    )
    assert result.ret == 0


def test_collecting_only_is_no_gate(project):
    """Nothing was to run."""
    assert project(PLAIN, "--gilcheck", "--collect-only").ret == 0


def test_quiet_and_verbose_tables(project):
    """-v shows the report sections, -qq nothing."""
    assert "instrument    ledger, exact" in project(PLAIN, "--gilcheck", "-v").stdout.str()
    assert "= gilcheck =" not in project(PLAIN, "--gilcheck", "-qq").stdout.str()


REFUSED = {
    "positional": ("@pytest.mark.gilcheck(4)\ndef test_it(): pass", "takes keywords only, got 4*Write for example"),
    "unknown": (
        "@pytest.mark.gilcheck(thread=4)\ndef test_it(): pass",
        "unknown option 'thread'; did you mean 'threads'",
    ),
    "wrong": (
        "@pytest.mark.gilcheck(releases=90)\ndef test_it(): pass",
        "releases: expected a share from 0 to 1*got 90",
    ),
    "expect": (
        "@pytest.mark.gilcheck(expect='free')\ndef test_it(): pass",
        "expected one of released, partial, held, got 'free'",
    ),
    "async": ("@pytest.mark.gilcheck\nasync def test_it(): pass", "is asynchronous*fixture"),
    "unittest": (
        "import unittest\nclass TestIt(unittest.TestCase):\n    @pytest.mark.gilcheck\n    def test_it(self): pass",
        "method of a unittest.TestCase; use `pytest_gilcheck.check",
    ),
    "hypothesis": (
        "from hypothesis import given, strategies as st\n@pytest.mark.gilcheck\n@given(st.integers())\ndef test_it(n): pass",
        "is run by hypothesis; use the `gilcheck_session` fixture",
    ),
    "capsys": (
        "@pytest.mark.gilcheck\ndef test_it(capsys): pass",
        "uses capsys, which competing threads must not share",
    ),
    "monkeypatch": ("@pytest.mark.gilcheck\ndef test_it(monkeypatch): pass", "uses monkeypatch, which*overlap=False"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("switch", [(), ("--gilcheck",)])
def test_misuse_is_refused_at_collection(project, name, switch):
    """With the item's name, whether or not checks run; status 4, no traceback."""
    body, says = REFUSED[name]

    result = project(body, *switch)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: *test_it*{says}*"])


def test_doctest_items_are_refused(project, pytester):
    """They are no functions."""
    pytester.makeconftest("""
import pytest
def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.gilcheck)
pytest_collection_modifyitems = pytest.hookimpl(tryfirst=True)(pytest_collection_modifyitems)
""")
    result = project("def f():\n    '''\n    >>> 1\n    1\n    '''\n", "--doctest-modules", "--gilcheck")
    result.stderr.fnmatch_lines(["ERROR: *is a DoctestItem, not a test function"])


def test_shared_fixtures_are_allowed_without_threads(project):
    """overlap=False calls in one thread at a time."""
    result = project(
        """
@pytest.mark.gilcheck(overlap=False, expect="held")
def test_it(monkeypatch, tmp_path):
    specimens.holds(20 * MS)
""",
        "--gilcheck",
    )
    result.assert_outcomes(passed=1)


def test_nearest_marker_wins_and_farther_ones_fill_in(project):
    """Module, class, function."""
    result = project(
        """
pytestmark = pytest.mark.gilcheck(overlap=False, expect="partial")

@pytest.mark.gilcheck(expect="held")
class TestIt:
    def test_held(self):
        specimens.holds(20 * MS)

    @pytest.mark.gilcheck(expect="released")
    def test_released(self):
        specimens.releases(20 * MS)
""",
        "--gilcheck",
    )
    result.assert_outcomes(passed=2)


def test_parametrised_tests_and_their_fixtures_are_checked_one_by_one(project):
    """The body is called several times with the same arguments."""
    result = project(
        """
@pytest.fixture
def length():
    return 20 * MS

@pytest.mark.parametrize(("name", "expected"), [("holds", "held"), ("releases", "released")])
@pytest.mark.gilcheck(overlap=False, expect=None, max_held_share=1.0)
def test_it(name, expected, length):
    getattr(specimens, name)(length)
""",
        "--gilcheck",
    )
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*test_*held*", "*test_*released*"])


def test_skip_xfail_and_raises_inside_of_a_body_are_pytests_own(project):
    """As in any test."""
    result = project(
        """
@pytest.mark.gilcheck(overlap=False)
def test_skip():
    pytest.skip("inside")

@pytest.mark.gilcheck(overlap=False)
def test_xfail():
    pytest.xfail("inside")

@pytest.mark.xfail
@pytest.mark.gilcheck(overlap=False)
def test_xfail_marked():
    specimens.holds(20 * MS)

@pytest.mark.skip
@pytest.mark.gilcheck
def test_skip_marked(): pass

@pytest.mark.gilcheck(overlap=False, expect="held")
def test_raises():
    with pytest.raises(ValueError):
        specimens.holds(20 * MS)
        int("x")

@pytest.mark.gilcheck(overlap=False)
def test_fails():
    assert [1] == [2]
""",
        "--gilcheck",
    )
    result.assert_outcomes(skipped=2, xfailed=2, passed=1, failed=1)
    result.stdout.fnmatch_lines(["*assert ?1? == ?2?*"])


def test_inconclusive_claims_follow_the_policy(project, pytester, blinded):
    """As values that are asked for."""
    body = (
        f"{blinded}\n@pytest.mark.gilcheck(overlap=False)\ndef test_it(): pass\n".replace(
            "autouse=True", "autouse=True, scope='module'"
        )
        .replace("(monkeypatch)", "()")
        .replace("import dataclasses", "import dataclasses; monkeypatch = pytest.MonkeyPatch()")
    )
    body = body.replace("calls=())))", "calls=())))\n    yield\n    monkeypatch.undo()")

    project(body, "--gilcheck").assert_outcomes(failed=1)
    result = project(body, "--gilcheck", "--gilcheck-inconclusive=skip", "-rs")
    result.assert_outcomes(skipped=1)
    line = (
        pytester.path.joinpath("test_a.py").read_text().splitlines().index("@pytest.mark.gilcheck(overlap=False)") + 1
    )
    result.stdout.fnmatch_lines([f"SKIPPED [[]1[]] test_a.py:{line}: gilcheck: *"])
    warned = project(body, "--gilcheck", "--gilcheck-inconclusive=warn", "-Wdefault")
    warned.stdout.fnmatch_lines([f"*test_a.py:{line}: PytestWarning: gilcheck: *"])


def test_switch_and_disable_contradict_each_other(project):
    """Give one of them."""
    result = project(PLAIN, "--gilcheck", "--gilcheck-disable")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: --gilcheck and --gilcheck-disable contradict each other*"])


WRONG = {"budget": "soon", "deadline": "0s", "threads": "0", "inconclusive": "shrug"}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("where", ["command line", "ini"])
def test_wrong_option_values_are_usage_errors(pytester, name, where):
    """Where it stood, and the value."""
    pytester.makepyfile("def test_it(): pass")
    if where == "ini":
        pytester.makeini(f"[pytest]\ngilcheck_{name} = {WRONG[name]}")
        result = pytester.runpytest_inprocess()
        origin = f"ini option gilcheck_{name}"
    else:
        result = pytester.runpytest_inprocess(f"--gilcheck-{name}={WRONG[name]}")
        origin = f"--gilcheck-{name}"

    assert result.ret == 4
    result.stderr.fnmatch_lines([f"ERROR: {origin}: expected *got '{WRONG[name]}'"])


def test_switches_of_ini_files_are_read(project):
    """gilcheck = true is --gilcheck."""
    result = project(PLAIN, ini="gilcheck = true")
    result.stdout.fnmatch_lines(["*= gilcheck =*"])
    assert project(PLAIN, ini="gilcheck = perhaps").ret == 4


def test_help_shows_every_option(pytester):
    """From the one table."""
    from pytest_gilcheck.declare.options import OPTIONS

    shown = pytester.runpytest_inprocess("--help").stdout.str()

    for option in OPTIONS:
        assert option.flag in shown and option.key in shown
    pytester.runpytest_inprocess("--markers").stdout.fnmatch_lines(["@pytest.mark.gilcheck(*"])
