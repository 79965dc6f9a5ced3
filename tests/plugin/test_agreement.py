"""Agreements in reports, baselines and the gate."""

import json
import sys

import pytest

#: Differs each time: on the smallest input where alone, on any where several threads are inside at once.
SUBJECTS = """
import threading
import time
import unittest
from hypothesis import given, settings, strategies as st
from pytest_gilcheck import Disagreement, agrees
INTS = st.integers(0, 1000).map(lambda n: (n,))

def right(n):
    return n + 1

def wrong(n):
    return n + 1 if n < 100 else 0

INSIDE = threading.Lock()

def races(n):
    if not INSIDE.acquire(blocking=False):
        return n
    time.sleep(0.002)
    INSIDE.release()
    return n + 1

def oracle(n):
    return 1 + n
"""
AGREES = f"""{SUBJECTS}
def test_it(gilcheck):
    gilcheck.agrees(right, oracle, INTS, examples=10)
"""
DIFFERS = AGREES.replace("agrees(right", "agrees(wrong")
RACES = AGREES.replace("agrees(right", "agrees(races")
#: As a build whose function of the same name has a race.
REGRESSED = RACES.replace("agrees(races", "options(name='right').agrees(races")


def report(pytester, name="o.json"):
    """Checks and agreements of a saved report, and how its run ended."""
    _, *lines, end = map(json.loads, (pytester.path / name).read_text().splitlines())
    entries = {f"{kind}s": [line[kind] for line in lines if kind in line] for kind in ("check", "agreement")}
    return entries | end["end"]


def test_an_agreement_is_shown_kept_and_enough_for_a_gate(project, pytester):
    result = project(AGREES, "--gilcheck", "--gilcheck-json=o.json")

    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["*= gilcheck =*", "agreement of  results  examples  calls  threads*", "test_it*agree*4*"]
    )
    json_report = report(pytester)
    assert json_report["checks"] == []
    (entry,) = json_report["agreements"]
    assert entry["agreement"]["name"] == "right"
    assert entry["agreement"]["word"] == "agree"
    assert entry["agreement"]["n_examples"] >= 1
    assert (entry["test"], entry["file"], entry["failed"]) == ("test_a.py::test_it", "test_a.py", False)
    line = (pytester.path / "test_a.py").read_text().splitlines()[entry["line"] - 1]
    assert line == "def test_it(gilcheck):"


def test_a_difference_fails_its_test_and_every_report_tells_it(project, pytester, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(pytester.path / "summary.md"))

    result = project(
        DIFFERS, "--gilcheck", "-v", "--gilcheck-json=o.json", "--gilcheck-gitlab=q.json", "--junit-xml=j.xml"
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            ">*gilcheck.agrees(wrong, oracle, INTS, examples=10)",
            "E *Disagreement: wrong returns another result than the reference, even in one thread",
            "*- Captured gilcheck call -*",
            "wrong: results DIFFER (*",
            "test_it*DIFFER*",
            "wrong returns another result than the reference, even in one thread",
            "  on (100,): expected 101, got 0; came again in 20 of 20 replays",
            "wrong: results DIFFER (*4 threads)",
            "  to repeat: agrees(..., inputs=(100,)) or blob=*",
            "::error *test_a.py,line=*,title=gilcheck%3A wrong::wrong returns another result than the reference, even in one thread: on (100,)*20 of 20*",
        ]
    )
    (entry,) = report(pytester)["agreements"]
    assert entry["failed"] is True
    assert entry["agreement"]["difference"]["inputs"] == "(100,)"
    (finding,) = json.loads((pytester.path / "q.json").read_text())
    assert finding["severity"] == "major"
    assert finding["description"].startswith("wrong returns another result than the reference, even in one thread")
    assert '<property name="gilcheck.wrong.agreement" value="differ" />' in (pytester.path / "j.xml").read_text()
    assert "wrong | DIFFER |" in (pytester.path / "summary.md").read_text()


def test_a_difference_that_a_test_expects_is_told_and_fails_nothing(project, pytester, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    body = f"""{SUBJECTS}
def test_it(gilcheck):
    with pytest.raises(Disagreement):
        gilcheck.agrees(races, oracle, INTS)
"""
    result = project(body, "--gilcheck", "--gilcheck-json=o.json")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["test_it*DIFFER*", "::warning *races returns another result when 4 threads call it*"])
    assert report(pytester)["agreements"][0]["failed"] is False


def test_answers_that_became_wrong_are_worse_than_the_baseline(project):
    """In word and limit, with the wrong answer."""
    assert project(AGREES, "--gilcheck", "--gilcheck-save=main").ret == 0
    gate = ("--gilcheck", "--gilcheck-compare=main", "--gilcheck-compare-fail=agreement")
    assert project(AGREES, *gate).ret == 0

    result = project(REGRESSED, *gate)

    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "gilcheck: this run compared with 0001_main.json: 1 check in both: 1 worse",
            "gilcheck: WORSE: test_a.py::test_it agreement of right: results agree -> DIFFER",
            "    *expected 1, got 0; came again in * of 20*",
        ]
    )


def test_an_agreement_that_went_away_is_told_as_gone(project):
    project(AGREES, "--gilcheck", "--gilcheck-save=main")

    result = project(AGREES.replace("test_it", "test_new"), "--gilcheck", "--gilcheck-compare=main")

    result.stdout.fnmatch_lines(
        [
            "  new: test_a.py::test_new agreement of right",
            "gilcheck: GONE: test_a.py::test_it agreement of right: results agree in 0001_main.json, and not checked now*",
        ]
    )


def test_a_verdict_tells_what_came_of_comparing_the_same_function_before(project, pytester):
    """In the same test, also through another checker, also for a method; nowhere else."""
    result = project(
        f"""{SUBJECTS}
class Counter:
    def add(self, n):
        return n + 1

def test_agree(gilcheck):
    quick = gilcheck.options(overlap=False)
    assert quick(right, 1).agreement == "not_checked"
    gilcheck.agrees(right, oracle, INTS, examples=5)
    assert quick(right, 1).agreement == "agree"
    assert quick(oracle, 1).agreement == "not_checked"
    assert check.options(overlap=False)(right, 1).agreement == "agree"
    with quick.span("block") as span:
        right(1)
    assert span.verdict.agreement == "not_checked"

def test_differ(gilcheck):
    with pytest.raises(Disagreement):
        gilcheck.agrees(races, oracle, INTS)
    verdict = gilcheck.options(overlap=False)(races, 1)
    assert verdict.agreement == "differ"
    assert "results differ" in verdict.diagnosis

def test_another(gilcheck):
    counter = Counter()
    assert gilcheck.options(overlap=False)(right, 1).agreement == "not_checked"
    gilcheck.agrees(counter.add, oracle, INTS, examples=5)
    assert gilcheck.options(overlap=False)(counter.add, 1).agreement == "agree"
    assert gilcheck.options(overlap=False)(Counter().add, 1).agreement == "not_checked"
""",
        "--gilcheck-json=o.json",
    )

    result.assert_outcomes(passed=3)
    words = [(check["name"], check["verdict"]["agreement"]) for check in report(pytester)["checks"]]
    assert words[1] == ("right", "agree")
    assert report(pytester)["checks"][1]["observation"]["agreement"] == "agree"


def test_the_public_function_is_noted_in_any_test(project, pytester):
    """Also in a `unittest.TestCase`, and beside `check`."""
    body = f"""{SUBJECTS}
class CountTest(unittest.TestCase):
    def test_counts(self):
        agrees(right, oracle, INTS, examples=5)
        assert check.options(overlap=False)(right, 1).agreement == "agree"
"""
    assert project(body, "--gilcheck", "--gilcheck-json=o.json").ret == 0

    (entry,) = report(pytester)["agreements"]
    assert (entry["test"], entry["agreement"]["word"]) == ("test_a.py::CountTest::test_counts", "agree")


def test_examples_of_ones_own_given_become_one_entry(project, pytester):
    body = f"""{SUBJECTS}
@settings(max_examples=8, deadline=None, database=None)
@given(st.integers(0, 10**9))
def test_own(n):
    agrees(right, oracle, inputs=(n,), threads=2)

@settings(deadline=None, database=None)
@given(st.integers(0, 1000))
def test_wrong(n):
    agrees(wrong, oracle, inputs=(n,), threads=2)
"""
    project(body, "--gilcheck", "--gilcheck-json=o.json").assert_outcomes(passed=1, failed=1)

    own, wrong = report(pytester)["agreements"]
    assert (own["test"], own["agreement"]["n_examples"]) == ("test_a.py::test_own", 8)
    assert wrong["agreement"]["word"] == "differ"
    assert wrong["agreement"]["difference"]["inputs"] == "(100,)"


def test_what_is_said_of_checks_counts_for_agreements_where_it_fits(project, pytester):
    """Name, threads, deadline; an argument is nearer."""
    body = f"""{SUBJECTS}
def test_it(gilcheck):
    gilcheck.agrees(right, oracle, INTS, examples=3)
    gilcheck.options(name="of", threads=2, deadline=5).agrees(right, oracle, INTS, examples=3)
    gilcheck.options(threads=2).agrees(right, oracle, INTS, examples=3, threads=5)
"""
    project(body, "--gilcheck", "--gilcheck-threads=3", "--gilcheck-json=o.json").assert_outcomes(passed=1)

    words = [(e["agreement"]["name"], e["agreement"]["n_threads"]) for e in report(pytester)["agreements"]]
    assert words == [("right", 3), ("of", 2), ("right", 5)]


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ("--gilcheck-disable", "not compared under --gilcheck-disable"),
        ("--gilcheck-skip=test_it", "not compared in a test that --gilcheck-only or --gilcheck-skip leaves out"),
    ],
)
def test_nothing_is_compared_where_nothing_is_checked(project, option, why):
    result = project(AGREES, option, "-rs")

    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines([f"SKIPPED*{why}"])


def test_the_hook_hears_of_agreements_too(project, pytester):
    pytester.makeconftest("""
def pytest_gilcheck_agreement(item, agreement):
    print("HEARD", item.name, agreement.name, agreement.word)
""")
    result = project(DIFFERS, "-s")

    result.stdout.fnmatch_lines(["*HEARD test_it wrong differ"])


def test_a_huge_input_does_not_swell_the_document(project, pytester):
    body = f"""{SUBJECTS}
def test_it(gilcheck):
    gilcheck.agrees(len, lambda text: 0, ("x" * 10**6,))
"""
    project(body, "--gilcheck", "--gilcheck-json=o.json").assert_outcomes(failed=1)

    assert (pytester.path / "o.json").stat().st_size < 10_000
    assert "characters left out" in report(pytester)["agreements"][0]["agreement"]["difference"]["inputs"]


def test_an_interrupted_run_keeps_the_agreements_of_the_test_that_was_broken_off(project, pytester):
    body = f"""{AGREES}
def test_stopped(gilcheck):
    gilcheck.agrees(oracle, right, INTS, examples=3)
    raise KeyboardInterrupt
"""
    project(body, "--gilcheck", "--gilcheck-json=o.json", subprocess=True)

    json_report = report(pytester)
    assert json_report["interrupted"] == "stopped"
    assert [entry["agreement"]["name"] for entry in json_report["agreements"]] == ["right", "oracle"]


@pytest.mark.parametrize(
    "stuck",
    ["gilcheck.options(deadline=1)(specimens.never_returns, True)", "gilcheck.agrees(stops, deadline=1, inputs=(1,))"],
)
def test_a_call_that_keeps_the_gil_for_ever_loses_no_agreement(project, pytester, stuck):
    """Nor does one that is only compared."""
    body = f"""{AGREES}
def stops(n):
    return specimens.never_returns(True) if threading.current_thread() is not threading.main_thread() else n

def test_stuck(gilcheck):
    gilcheck.options(name="before", overlap=False)(specimens.releases, MS)
    gilcheck.agrees(oracle, right, INTS, examples=3)
    {stuck}
"""
    result = project(body, "--gilcheck", "--gilcheck-json=o.json", subprocess=True)

    assert result.ret == 1
    json_report = report(pytester)
    assert json_report["interrupted"] == "deadline"
    assert [check["name"] for check in json_report["checks"]] == ["before"]
    assert [entry["agreement"]["name"] for entry in json_report["agreements"]] == ["right", "oracle"]


def test_workers_send_their_agreements_home(project, pytester):
    pytest.importorskip("xdist")
    body = f"""{SUBJECTS}
@pytest.mark.parametrize("n", range(4))
def test_it(gilcheck, n):
    gilcheck.agrees(right, oracle, INTS, examples=3)

def test_wrong(gilcheck):
    gilcheck.agrees(wrong, oracle, INTS)
"""
    result = project(body, "--gilcheck", "--gilcheck-json=o.json", "-n2", subprocess=True)

    result.assert_outcomes(passed=4, failed=1)
    words = {entry["test"]: entry["agreement"]["word"] for entry in report(pytester)["agreements"]}
    assert len(words) == 5
    assert words["test_a.py::test_wrong"] == "differ"


def test_a_worker_that_dies_leaves_its_agreements(project, pytester):
    pytest.importorskip("xdist")
    body = f"""{AGREES}
def test_stuck(gilcheck):
    gilcheck.agrees(oracle, right, INTS, examples=3)
    gilcheck.options(deadline=1)(specimens.never_returns, True)
"""
    result = project(body, "--gilcheck", "--gilcheck-json=o.json", "-n2", subprocess=True)

    result.assert_outcomes(passed=1, failed=1)
    words = {entry["agreement"]["name"]: entry["failed"] for entry in report(pytester)["agreements"]}
    assert words == {"right": False, "oracle": True}


def test_the_command_shows_compares_and_merges_them(project, pytester):
    """Each verb, on the documents of a build that agrees and one that differs."""
    project(AGREES, "--gilcheck", "--gilcheck-json=good.json")
    project(REGRESSED, "--gilcheck", "--gilcheck-json=bad.json")

    def gilcheck(*arguments):
        return pytester.run(sys.executable, "-m", "pytest_gilcheck", *arguments)

    shown = gilcheck("show", "bad.json")
    assert shown.ret == 1
    shown.stdout.fnmatch_lines(["right: results DIFFER (*", "  right returns another result*", "  input:    (0,)"])
    assert gilcheck("show", "-q", "good.json").stdout.str().strip() == "gilcheck: 1 agreement: 1 agree"
    assert gilcheck("show", "good.json").ret == 0
    compared = gilcheck("compare", "good.json", "bad.json", "--fail", "agreement")
    assert compared.ret == 1
    compared.stdout.fnmatch_lines(["  WORSE: *agreement of right: results agree -> DIFFER"])
    assert gilcheck("merge", "good.json", "bad.json", "-o", "all.json").ret == 0
    words = [(entry["origin"], entry["agreement"]["word"]) for entry in report(pytester, "all.json")["agreements"]]
    assert words == [("good", "agree"), ("bad", "differ")]
    table = gilcheck("show", "-f", "table", "all.json").stdout
    table.fnmatch_lines(["agreement of*", "good: test_*agree*", "bad: test_*DIFFER*"])
