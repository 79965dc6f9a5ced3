"""Other plugins in the same run: each together with ours, in a process of their own; the verdict is right, and the
neighbour still does its work."""

import importlib.util
import json
import sys

import pytest

CHECK = """
def test_free(gilcheck):
    assert gilcheck.options(overlap=False)(specimens.releases, 5 * MS).released
"""


@pytest.fixture
def together(project, pytester, neighbours):
    """Runs a module with ours and the named neighbours; gives pytest's result, and the checks of the report."""

    def run(body, *arguments, beside=(), **more):
        neighbours(*beside)
        result = project(body, "--gilcheck", "--gilcheck-json=o.json", *arguments, subprocess=True, **more)
        report = pytester.path / "o.json"
        lines = map(json.loads, report.read_text().splitlines() if report.exists() else ())
        return result, [line["check"] for line in lines if "check" in line]

    return run


def words(checks):
    """Return the verdict of each check and the grade of its instrument."""
    return [
        (check["verdict"]["name"], check["verdict"]["gil"], check["verdict"]["instrument"]["grade"]) for check in checks
    ]


def slugs(checks):
    return [{reason["slug"] for reason in check["observation"]["notes"]} for check in checks]


FREE = ("pytest_gilcheck.specimens.releases", "released", "exact")


def test_benchmark_and_check_in_one_test(together, pytester):
    """Its figures are of its own calls, ours of ours."""
    body = """
def test_both(benchmark, gilcheck):
    calls = []
    assert benchmark.pedantic(lambda: calls.append(1) or len(calls), rounds=3, warmup_rounds=0) == 3
    verdict = gilcheck.options(overlap=False)(specimens.releases, 5 * MS)
    assert verdict.released and len(calls) == 3
"""
    result, checks = together(CHECK + body, "--benchmark-json=b.json", beside=["benchmark"])

    result.assert_outcomes(passed=2)
    assert words(checks) == [FREE, FREE]
    (theirs,) = json.loads((pytester.path / "b.json").read_text())["benchmarks"]
    assert (theirs["name"], theirs["stats"]["rounds"]) == ("test_both", 3)


def test_xdist_runs_checks_in_its_worker(together):
    """More of it in test_workers."""
    result, checks = together(CHECK, "-n1")

    result.assert_outcomes(passed=1)
    assert words(checks) == [FREE]


def test_timeout_fires_during_a_check(together):
    """And the next check is right: hooks are out, nothing waits for the call that was left."""
    body = """
@pytest.mark.timeout(1)
def test_stuck(gilcheck):
    gilcheck.options(overlap=False, deadline="5min")(specimens.never_returns, False)
"""
    result, checks = together(body + CHECK, "--timeout-method=signal", beside=["timeout"])

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E*Failed: Timeout (>1.0s) from pytest-timeout."])
    assert words(checks) == [FREE]


@pytest.mark.parametrize(
    "core",
    [
        "ctrace",
        pytest.param(
            "sysmon", marks=pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring is new in 3.12")
        ),
    ],
)
def test_coverage_sees_what_only_a_check_calls(together, pytester, monkeypatch, core):
    """In whatever thread it is called; and the check knows that it was watched."""
    monkeypatch.setenv("COVERAGE_CORE", core)
    pytester.makepyfile(
        measured="def work(n):\n    total = 0\n    for i in range(n):\n        total += i\n    return total\n"
    )
    body = """
import measured
def test_python(gilcheck):
    assert gilcheck.options(name="python", overlap=False)(measured.work, 1000).held
"""
    result, checks = together(CHECK + body, "--cov=measured", "--cov-report=json:c.json", beside=["pytest_cov"])

    result.assert_outcomes(passed=2)
    assert words(checks) == [FREE, ("python", "held", "exact")]
    (lines,) = json.loads((pytester.path / "c.json").read_text())["files"].values()
    assert (lines["executed_lines"], lines["missing_lines"]) == ([1, 2, 3, 4, 5], [])


ASYNC = "@pytest.mark.asyncio\nasync def test_a(gilcheck):\n    assert gilcheck.options(overlap=False)(specimens.releases, 5 * MS).released\n"


def test_asyncio_runs_its_tests_and_they_may_check(together):
    result, checks = together(CHECK + ASYNC, "--asyncio-mode=strict", beside=["asyncio"])

    result.assert_outcomes(passed=2)
    assert words(checks) == [FREE, FREE]


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_a_marked_asyncio_test_is_refused_with_the_remedy(together, mode):
    """Its body would return at once, and look fast and innocent."""
    result, _ = together(f"@pytest.mark.gilcheck\n{ASYNC}", f"--asyncio-mode={mode}", beside=["asyncio"])

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: *test_a: cannot be checked*asynchronous*check what it calls with the `gilcheck` fixture"]
    )


@pytest.mark.skipif(importlib.util.find_spec("memray") is None, reason="memray has no wheel for this system")
@pytest.mark.parametrize("switch", [(), ("--memray",)], ids=["installed", "tracking"])
def test_memray_is_told_where_it_hooks_and_only_there(together, switch):
    """Verdicts are exact beside it, for it hooks allocation and we the lock; a tracked check says so."""
    body = "def test_held(gilcheck):\n    assert gilcheck.options(overlap=False)(specimens.holds, 5 * MS).held\n"
    result, checks = together(CHECK + body, *switch, beside=["memray"])

    result.assert_outcomes(passed=2)
    assert words(checks) == [FREE, ("pytest_gilcheck.specimens.holds", "held", "exact")]
    assert ["native-hooks" in seen for seen in slugs(checks)] == [bool(switch)] * 2
    assert ("MEMRAY REPORT" in result.stdout.str()) is bool(switch)


def test_what_a_failed_attempt_found_counts_for_nothing_in_the_next(together):
    """Neither its claims nor what came of comparing answers."""
    body = """
tries = []
def right(n):
    return n if len(tries) > 1 else n + 1

def test_claim(gilcheck):
    tries.append(1)
    work = specimens.releases if len(tries) > 1 else specimens.holds
    gilcheck.options(expect="released", overlap=False)(work, 5 * MS)

def test_answers(gilcheck):
    tries.append(1)
    if len(tries) == 3:
        del tries[1:]
    gilcheck.agrees(right, lambda n: n, (7,))
    assert gilcheck.options(overlap=False)(right, 1).agreement == "agree"
"""
    result, _ = together(body, "--reruns=2", beside=["rerunfailures"])

    result.assert_outcomes(passed=2)


def test_rerun_tests_report_their_last_attempt_only(together):
    body = "tries = []\n" + CHECK + "    tries.append(1)\n    assert len(tries) == 2\n"

    result, checks = together(body, "--reruns=1", beside=["rerunfailures"])

    assert result.ret == 0
    result.assert_outcomes(passed=1)
    assert result.parseoutcomes()["rerun"] == 1
    result.stdout.fnmatch_lines(
        ["gilcheck: *test_free was run again: 1 checks of the failed attempt are not in this report"]
    )
    assert words(checks) == [FREE]


def test_run_parallel_keeps_its_threads_off_our_items(together):
    """Off a marked test, and off one that uses the fixture; not off others."""
    body = """
import threading
others = set()
def test_other(thread_index):
    others.add(threading.get_ident())

@pytest.mark.gilcheck(overlap=False)
def test_marked():
    specimens.releases(5 * MS)

def test_others_ran_in_threads(gilcheck):
    assert len(others) == 2
    gilcheck.options(overlap=False)(specimens.releases, 5 * MS)
"""
    result, checks = together(CHECK + body, "--parallel-threads=2", beside=["run-parallel"])

    result.assert_outcomes(passed=4)
    assert words(checks) == [FREE, ("test_a.py::test_marked", "released", "exact"), FREE]
    assert not any("short-switch-interval" in seen for seen in slugs(checks))


def test_run_parallel_is_noticed_where_it_cannot_be_kept_off(together):
    """`check` in a test that says nothing of us."""
    body = "def test_o():\n    check.options(overlap=False)(specimens.releases, 5 * MS)\n"

    result, checks = together(body, "--parallel-threads=2", beside=["run-parallel"])

    result.assert_outcomes(passed=1)
    assert len(checks) == 2
    assert {word for _, word, _ in words(checks)} <= {"released", "inconclusive"}
    assert all("short-switch-interval" in seen for seen in slugs(checks))


def test_hypothesis_draws_what_is_checked(together):
    """`@given` with the session's fixture: a check for each example."""
    body = """
from hypothesis import given, settings, strategies as st
@settings(max_examples=3, deadline=None, database=None)
@given(st.integers(4, 6))
def test_h(gilcheck_session, n):
    assert gilcheck_session.options(overlap=False, name=f"holds {n}")(specimens.holds, n * MS).held
"""
    result, checks = together(CHECK + body)

    result.assert_outcomes(passed=2)
    first, *drawn = words(checks)
    assert first == FREE
    assert {name for name, _, _ in drawn} <= {"holds 4", "holds 5", "holds 6"}
    assert {(word, grade) for _, word, grade in drawn} == {("held", "exact")}


def test_unittest_checks_through_check(together):
    """Reported and gated as all others."""
    body = """
import unittest
class TestU(unittest.TestCase):
    def test_u(self):
        self.assertTrue(check.options(overlap=False, name="in-unittest")(specimens.releases, 5 * MS).released)
    def test_limit(self):
        check.options(overlap=False, name="limited", max_held_share=0.1)(specimens.holds, 5 * MS)
"""
    result, checks = together(CHECK + body)

    result.assert_outcomes(passed=2, failed=1)
    assert words(checks) == [FREE, ("limited", "held", "exact"), ("in-unittest", "released", "exact")]
    result.stdout.fnmatch_lines(["E*CheckFailed: limited: held 100 % of the call, allowed at most 10 %*"])
