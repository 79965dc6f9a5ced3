"""Comparison of two runs, and what it decides."""

import pytest
from built import RACE, call, observation
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import Change, Comparison, Tolerance
from pytest_gilcheck.gate.comparison import baseline_entries, compare, failures, keyed
from pytest_gilcheck.gate.exit_status import INCONCLUSIVE, NOT_AS_EXPECTED, OK, status_of_comparison
from pytest_gilcheck.gate.session import Session
from pytest_gilcheck.judge import judge
from pytest_gilcheck.judge.drift import baseline_entry
from pytest_gilcheck.store.json_report import AgreementEntry, CheckEntry, to_line


def check(*calls, **more):
    """A check of these calls."""
    evidence = observation(*calls)
    return CheckEntry(evidence.name, judge(evidence), evidence, **more)


HELD, RELEASED = check(call(20_000_000)), check(call(0, 20_000_000))


@given(st.lists(st.sampled_from([1_000_000, 20_000_000]), min_size=1, max_size=5))
def test_checks_of_one_machine_share_its_class(spans):
    """And each has the entry that it would have alone."""
    checks = [check(call(span), test=f"test_{n}") for n, span in enumerate(spans)]

    *of_checks, of_agreement = baseline_entries([*checks, AgreementEntry(RACE, "test_race")]).values()

    assert of_checks == [
        baseline_entry(key, entry.observation, entry.verdict)
        for key, entry in zip([entry.key for entry in of_checks], checks, strict=True)
    ]
    assert len({id(entry.machine_class) for entry in of_checks}) == 1
    assert (of_agreement.agreement, of_agreement.machine_class) == ("differ", ())


def test_keys_have_origin_test_and_name_and_are_unique():
    """A marked test is checked under its own name, which its id has already."""
    entries = [
        check(test="a.py::test_f"),
        check(test="a.py::test_f", origin="one"),
        check(test="a.py::test_f"),
        check(),
        CheckEntry("a.py::f", HELD.verdict, HELD.observation, "tests/a.py::f"),
        AgreementEntry(RACE, "a.py::test_f"),
    ]

    assert [key for key, _ in keyed(entries)] == [
        "a.py::test_f f",
        "[one] a.py::test_f f",
        "a.py::test_f f #2",
        "f",
        "tests/a.py::f",
        "a.py::test_f agreement of counter.add",
    ]


def compared(before, after):
    """The comparison of two runs with these entries."""
    return compare(baseline_entries(before), baseline_entries(after), ("before", "after"))


NOT_COMPARED = Comparison("before", "after", (Change("f", "gil", "unknown", "held", "inconclusive"),), n_checks=1)


@pytest.mark.parametrize(
    ("comparison", "tolerances", "status"),
    [
        (compared([HELD], [HELD]), (), OK),
        (compared([HELD], [RELEASED]), (), OK),
        (compared([RELEASED], [HELD]), (), NOT_AS_EXPECTED),
        (compared([RELEASED], [HELD]), (Tolerance("gil"),), NOT_AS_EXPECTED),
        (compared([RELEASED], [HELD]), (Tolerance("agreement"),), OK),
        (compared([RELEASED, HELD], [RELEASED]), (), INCONCLUSIVE),
        (compared([RELEASED, HELD], [RELEASED]), (Tolerance("gil"),), INCONCLUSIVE),
        (compared([], [HELD]), (), INCONCLUSIVE),
        (compared([], [HELD]), (Tolerance("gil"),), INCONCLUSIVE),
        (NOT_COMPARED, (), INCONCLUSIVE),
        (NOT_COMPARED, (Tolerance("gil"),), INCONCLUSIVE),
        (NOT_COMPARED, (Tolerance("overlap"),), OK),
    ],
)
def test_exit_status_is_worse_only_for_what_counts(comparison, tolerances, status):
    """Every change without tolerances, the overrun ones with them; a check that is lost is inconclusive."""
    assert status_of_comparison(comparison, tolerances) == status


def test_a_comparison_without_common_checks_fails_a_gate():
    """A gate that checked nothing fails."""
    overrun, inconclusive = failures(compared([], [HELD]), [Tolerance("gil")])

    assert ["nothing was compared with before" in line for line in overrun] == [True]
    assert inconclusive == []


@pytest.mark.parametrize("fails_if_inconclusive", [False, True])
def test_a_change_that_cannot_be_judged_fails_the_gate_or_is_a_warning(fails_if_inconclusive):
    """``--gilcheck-inconclusive`` says which."""
    session = Session()
    session.journal.extend([to_line(check())])
    session.compare_with(
        "main", baseline_entries([HELD]), [Tolerance("gil")], fails_if_inconclusive=fails_if_inconclusive
    )
    session.close()

    assert (len(session.failures), len(session.warnings)) == ((1, 0) if fails_if_inconclusive else (0, 1))
    (line,) = session.failures + session.warnings
    assert line.startswith("f: gil inconclusive now, not compared (asked for by gil)")
