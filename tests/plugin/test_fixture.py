"""The fixture: measures, judges, reports; policies for what is not decided."""

import json

import pytest


def test_fixture_gives_verdicts_and_results(project):
    """Everything after the function is the function's own."""
    result = project("""
def test_it(gilcheck):
    verdict = gilcheck(lambda *a, **k: (specimens.holds(20 * MS), a, k)[1:], 1, threads=2)
    assert verdict.held and not verdict.released
    assert verdict.result == ((1,), {"threads": 2})
    assert verdict.name
""")
    result.assert_outcomes(passed=1)


def test_options_say_how_it_is_measured(project):
    """Name, setup and args_for; several checks in one test."""
    result = project("""
def test_it(gilcheck):
    seen = []
    named = gilcheck.options(name="mine", overlap=False, setup=lambda: (20 * MS,))
    assert named(specimens.holds).name == "mine"
    assert gilcheck.options(args_for=lambda index: (index,), overlap=False)(lambda index: index).result == 0
    with pytest.raises(UsageError, match="did you mean 'threads'"):
        gilcheck.options(thread=2)
""")
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("async def f(): pass", "a coroutine function"),
        ("def f(): yield", "a generator function"),
        ("f = 1", "cannot be called"),
    ],
)
def test_what_cannot_be_measured_is_refused(project, source, kind):
    """With the remedy, in the test that asked."""
    result = project(f"{source}\ndef test_it(gilcheck):\n    gilcheck(f)\n")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*UsageError: *{kind}*"])


def test_failing_check_shows_its_answer_as_a_section(project):
    """The assertion itself is short."""
    result = project("""
def test_it(gilcheck):
    assert gilcheck(specimens.holds, 20 * MS).released
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*gilcheck call*", "*holds: held for 100 % of the call *", "*held from start to end*"])


def test_exception_of_the_call_shows_the_users_own_lines(project):
    """As if it had been called directly."""
    result = project("""
def inner(text):
    return int(text)

def test_it(gilcheck):
    gilcheck(inner, "no number")
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*return int(text)*", "E * ValueError: invalid literal*'no number'*"])


def test_session_fixture_serves_wider_scopes(project):
    """And tests under hypothesis."""
    result = project("""
from hypothesis import given, settings, strategies as st

@pytest.fixture(scope="module")
def measured(gilcheck_session):
    return gilcheck_session.options(overlap=False)(specimens.holds, 20 * MS)

def test_scope(measured):
    assert measured.held

@given(st.integers(1, 3))
@settings(max_examples=3, deadline=None)
def test_given(gilcheck_session, n):
    assert gilcheck_session.options(overlap=False)(specimens.holds, n * 10 * MS).held
""")
    result.assert_outcomes(passed=2)


def test_span_measures_a_block(project):
    """Once, in the test's own thread."""
    result = project("""
def test_it(gilcheck):
    with gilcheck.span("load") as span:
        with pytest.raises(UsageError, match="has not ended"):
            span.verdict
        specimens.holds(20 * MS)
    assert span.verdict.name == "load"
    assert span.held
    with pytest.raises(UsageError, match="expected a name"):
        with gilcheck.span(3): pass

def test_a_block_that_raises_has_no_verdict(gilcheck):
    with pytest.raises(KeyError):
        with gilcheck.span("load") as span:
            raise KeyError
    with pytest.raises(UsageError):
        span.verdict

def test_blocks_that_raise_leave_no_span_open(gilcheck):
    with gilcheck.span("outer") as outer:
        for _ in range(20):
            with pytest.raises(KeyError):
                with gilcheck.span("inner"):
                    raise KeyError
        specimens.holds(20 * MS)
    assert outer.verdict.longest_hold_ns >= 20 * MS
""")
    result.assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("policy", "outcome", "says"),
    [
        ("fail", {"failed": 1}, "*Inconclusive*not-measured*"),
        ("skip", {"skipped": 1}, "*SKIPPED*gilcheck:*not-measured*"),
        ("warn", {"passed": 1, "warnings": 1}, "*PytestWarning: gilcheck: *not-measured*"),
    ],
)
@pytest.mark.parametrize("where", ["command line", "ini"])
def test_inconclusive_values_follow_the_policy(project, blinded, policy, outcome, says, where):
    """Never a plain pass."""
    body = f"{blinded}\ndef test_it(gilcheck):\n    assert gilcheck(len, '').released\n"
    if where == "ini":
        result = project(body, "-rs", "-Wdefault", ini=f"gilcheck_inconclusive = {policy}")
    else:
        result = project(body, "-rs", "-Wdefault", f"--gilcheck-inconclusive={policy}")

    result.assert_outcomes(**outcome)
    result.stdout.fnmatch_lines([says])


@pytest.mark.parametrize(
    ("policy", "says"), [("skip", "SKIPPED [[]1[]] test_a.py:{line}: *"), ("warn", "*test_a.py:{line}: *")]
)
def test_an_undecided_value_is_reported_at_the_line_that_asks_for_it(project, pytester, blinded, policy, says):
    """A skip stood at a line of this plugin, where nobody can look up which assertion it was."""
    body = f"{blinded}\ndef test_it(gilcheck):\n    verdict = gilcheck(len, '')\n    assert verdict.released\n"

    result = project(body, "-rs", "-Wdefault", f"--gilcheck-inconclusive={policy}")

    lines = pytester.path.joinpath("test_a.py").read_text().splitlines()
    line = lines.index("    assert verdict.released") + 1
    result.stdout.fnmatch_lines([says.format(line=line)])
    result.stdout.no_fnmatch_line("*item_hooks.py*")


@pytest.mark.parametrize("policy", ["fail", "skip"])
def test_inconclusive_values_follow_the_policy_in_fixtures_too(project, blinded, policy):
    """A check in a fixture is a check."""
    result = project(
        f"{blinded}\n@pytest.fixture\ndef fast(gilcheck, blind):\n    return gilcheck(len, '').released\ndef test_it(fast): pass\n",
        f"--gilcheck-inconclusive={policy}",
    )

    result.assert_outcomes(**({"errors": 1} if policy == "fail" else {"skipped": 1}))


@pytest.mark.parametrize("policy", ["fail", "skip"])
def test_inconclusive_values_follow_the_policy_in_unittest_cases_too(project, blinded, policy):
    """Where `check` is used without the fixture."""
    result = project(
        f"{blinded}\nimport unittest\nclass TestIt(unittest.TestCase):\n    def test_it(self):\n        self.assertTrue(check(len, '').released)\n",
        f"--gilcheck-inconclusive={policy}",
    )

    result.assert_outcomes(**({"failed": 1} if policy == "fail" else {"skipped": 1}))


def test_expected_failures_stay_expected(project, blinded):
    """xfail, raises and skips are pytest's own."""
    result = project(f"""{blinded}
@pytest.mark.xfail
def test_xfail(gilcheck):
    assert gilcheck(len, '').released

def test_raises(gilcheck):
    with pytest.raises(Inconclusive):
        gilcheck(len, '').released

def test_skip(gilcheck):
    gilcheck(pytest.skip, "from inside")
""")
    result.assert_outcomes(xfailed=1, passed=1, skipped=1)


def test_hook_hears_of_every_check(project, pytester):
    """Users may collect verdicts of their own."""
    pytester.makeconftest("""
def pytest_gilcheck_verdict(item, observation, verdict):
    print("HEARD", item and item.name, observation.name, verdict.gil)
""")
    result = project(
        """
def test_it(gilcheck, gilcheck_session):
    gilcheck.options(name="one", overlap=False)(specimens.holds, 20 * MS)
    gilcheck_session.options(name="two", overlap=False)(specimens.holds, 20 * MS)
""",
        "-s",
    )
    result.stdout.fnmatch_lines(["*HEARD test_it one held", "HEARD test_it two held"])


def test_disabled_checks_call_once_and_skip_where_asked(project):
    """Fast runs still run the code."""
    result = project(
        """
n = 0
def count(*args):
    global n
    n += 1
    return args

def test_result(gilcheck):
    assert gilcheck.options(setup=lambda: (7,))(count, 1).result == (7,)
    with gilcheck.span("block"):
        count()
    assert n == 2
    with pytest.raises(UsageError):
        gilcheck.options(nonsense=1)

def test_verdict(gilcheck):
    gilcheck(count, 1).released

@pytest.mark.gilcheck
def test_marked():
    count()
""",
        "--gilcheck-disable",
        "-rs",
    )
    result.assert_outcomes(passed=2, skipped=1)
    result.stdout.fnmatch_lines(["*not measured under --gilcheck-disable (asked for .released)*"])


def test_json_holds_every_check(project, pytester):
    """Also of tests that failed."""
    result = project(
        """
def test_one(gilcheck):
    gilcheck.options(overlap=False)(specimens.holds, 20 * MS)
def test_two(gilcheck):
    assert gilcheck.options(overlap=False)(specimens.releases, 20 * MS).held
""",
        "--gilcheck-json=out/x.json",
    )
    result.assert_outcomes(passed=1, failed=1)
    _, *entries, end = map(json.loads, (pytester.path / "out" / "x.json").read_text().splitlines())
    assert [(entry["check"]["name"], entry["check"]["verdict"]["gil"]) for entry in entries] == [
        ("pytest_gilcheck.specimens.holds", "held"),
        ("pytest_gilcheck.specimens.releases", "released"),
    ]
    assert end["end"]["interrupted"] is None


@pytest.mark.parametrize("path", ["/dev/full", "/proc/nowhere/x.json"])
def test_json_that_cannot_be_written_fails_the_run(project, path):
    """With the reason, and the table is shown nevertheless."""
    result = project(
        """
def test_one(gilcheck):
    gilcheck.options(overlap=False)(specimens.holds, 20 * MS)
""",
        "--gilcheck",
        f"--gilcheck-json={path}",
    )
    result.stdout.fnmatch_lines(["test_one *held*", f"*--gilcheck-json={path} was not written: *"])
    assert result.ret == 1


def test_json_of_a_run_without_checks_is_not_written(project, pytester):
    """Unless the run was to check something: the option says so on the command line, and not in a file."""
    project("def test_it(): pass", ini="gilcheck_json = x.json")
    assert not (pytester.path / "x.json").exists()

    asked = project("def test_it(): pass", "--gilcheck-json=x.json")
    assert asked.ret == 1
    asked.stdout.fnmatch_lines(["gilcheck: no check ran: *"])


def test_a_check_in_a_thread_of_a_test_is_reported_as_its_own(project, pytester):
    """Threads have contexts of their own; what they find is nobody else's."""
    body = """
import threading
def test_it():
    thread = threading.Thread(target=lambda: check.options(overlap=False, name="elsewhere")(specimens.holds, 5 * MS))
    thread.start()
    thread.join()
"""
    result = project(body, "--gilcheck", "--gilcheck-max-held-share=0.5")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*CheckFailed: elsewhere: held 100 % of the call, allowed at most 50 %*"])


@pytest.mark.parametrize("arguments", [["-v"], ["-vv"], ["-vv", "-n1"]], ids=" ".join)
def test_very_verbose_every_frame_is_shown(project, arguments):
    """In the section of a failed test and in the session's report sections, as the command's -vv does; -v shows none."""
    if "-n1" in arguments:
        pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    body = """
def test_it(gilcheck):
    verdict = gilcheck.options(overlap=False, name='half')(specimens.releases_then_holds, 2 * MS, 2 * MS)
    assert verdict.where is not None and verdict.gil == "released"
"""
    out = project(body, "--gilcheck", *arguments, subprocess=True).stdout.str()

    n_report_sections = sum(line.startswith("half: partial") for line in out.splitlines())
    assert n_report_sections == 2
    every = "-vv" in arguments
    assert out.count("GIL event 0 (release, once)") == (n_report_sections if every else 0)
    assert ("unlock_and_read" in out) is every


@pytest.mark.parametrize("left_out_first", [True, False])
def test_session_fixture_when_one_test_is_left_out_then_others_are_measured(project, left_out_first):
    """The first test's checker was once kept for all."""
    names = ("test_a", "test_b") if left_out_first else ("test_b", "test_a")
    body = "".join(
        f"""
def {name}(gilcheck_session):
    assert gilcheck_session.options(overlap=False).options(name="work")(specimens.releases, 5 * MS).released
"""
        for name in names
    )
    result = project(body, "--gilcheck", "--gilcheck-skip=test_a")

    result.assert_outcomes(passed=1, skipped=1)


MISTAKES = {
    "keyword": ("gilcheck.options(thread=4)", "unknown option 'thread'; did you mean 'threads'?"),
    "value": ("gilcheck.options(releases=90)", "expected a share from 0 to 1"),
    "no function": ("gilcheck(3)", "gilcheck measures calls, got 3"),
    "inconclusive": (
        "assert gilcheck.options(overlap=False)(specimens.releases, 5 * MS).overlaps",
        "whether calls overlap is not measured",
    ),
    "session": ("gilcheck_session.options(thread=4)", "unknown option 'thread'"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_in_a_test_shows_the_tests_own_line_and_none_of_ours(project, name):
    """It is the user's statement that is wrong, and no line of the plugin explains it."""
    statement, says = MISTAKES[name]

    # In a process of its own: modules that one run imports and the next one imports again have two classes of one error.
    result = project(f"def test_it(gilcheck, gilcheck_session):\n    {statement}\n", "-rN", subprocess=True)

    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    failure = text[text.index("___ test_it ___") :].partition("- Captured")[0]
    assert says in failure
    assert f">       {statement}" in failure or f">   {statement}" in failure
    assert "pytest_gilcheck/" not in failure
    assert failure.count("\nE ") == 1
