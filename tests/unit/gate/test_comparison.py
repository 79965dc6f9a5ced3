"""Comparison of two runs, and what it decides."""

from dataclasses import replace

import pytest
from built import RACE, call, observation
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import BaselineEntry, Estimate, Place, Tolerance, Where
from pytest_gilcheck.gate.comparison import KINDS, baseline_entries, compare, fails, findings, keyed
from pytest_gilcheck.gate.exit_status import INCONCLUSIVE, NOT_AS_EXPECTED, OK, status_of_comparison
from pytest_gilcheck.gate.session import Session
from pytest_gilcheck.judge import judge
from pytest_gilcheck.judge.drift import baseline_entry
from pytest_gilcheck.report.comparison import comparison_lines, finding_lines, other_changes
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
        replace(baseline_entry(key, entry.observation, entry.verdict), test=entry.test, where=None)
        for key, entry in zip([entry.key for entry in of_checks], checks, strict=True)
    ]
    assert len({id(entry.machine_class) for entry in of_checks}) == 1
    assert (of_agreement.agreement, of_agreement.machine_class) == ("differ", ())


def test_keys_have_origin_test_and_name_and_are_unique():
    """A marked test is checked under its own name, which its id has already. Older reports have no ordinals."""
    entries = [
        check(test="a.py::test_f"),
        check(test="a.py::test_f", origin="one"),
        check(test="a.py::test_f"),
        check(test="a.py::test_f", ordinal=4),
        check(),
        CheckEntry("a.py::f", HELD.verdict, HELD.observation, "tests/a.py::f"),
        AgreementEntry(RACE, "a.py::test_f"),
    ]

    assert [key for key, _ in keyed(entries)] == [
        "a.py::test_f f",
        "[one] a.py::test_f f",
        "a.py::test_f f #2",
        "a.py::test_f f #4",
        "f",
        "tests/a.py::f",
        "a.py::test_f agreement of counter.add",
    ]


def compared(before, after):
    """The comparison of two runs with these entries."""
    return compare(baseline_entries(before), baseline_entries(after), ("before", "after"))


def of_words(key="t f", **words):
    """An entry with these words and figures."""
    return BaselineEntry(key, **{"test": "t", **words})


RELEASED_ENTRY = of_words(gil="released", overlap="overlaps", held_share=Estimate(0.0003, 0.0003, 0.0003))
HELD_ENTRY = of_words(
    gil="held",
    overlap="serialised",
    held_share=Estimate(1.0, 1.0, 1.0),
    where=Where(20_000_000, function=Place("src/search.c", 31, "search")),
)
UNDECIDED = of_words(gil="inconclusive", overlap="inconclusive")
AGREES, DIFFERS = of_words(agreement="agree"), of_words(agreement="differ", difference="on (3,): expected 3, got 4")


def judged(before, after, *tolerances, **more):
    """The findings, and their kinds."""
    comparison = compare(
        {entry.key: entry for entry in before}, {entry.key: entry for entry in after}, ("main", "this run"), **more
    )
    return comparison, findings(comparison, tolerances)


OVERLAP = Tolerance("overlap")


@pytest.mark.parametrize(
    ("before", "after", "tolerances", "kinds"),
    [
        (RELEASED_ENTRY, HELD_ENTRY, (), ["worse"]),
        (HELD_ENTRY, RELEASED_ENTRY, (), ["better"]),
        (AGREES, DIFFERS, (), ["worse"]),
        (RELEASED_ENTRY, UNDECIDED, (), ["undecided"]),
        (UNDECIDED, HELD_ENTRY, (), ["no_baseline"]),
        (UNDECIDED, UNDECIDED, (), ["no_baseline"]),
        (RELEASED_ENTRY, None, (), ["gone"]),
        (UNDECIDED, None, (), ["no_baseline"]),
        (None, HELD_ENTRY, (), []),
        # What nobody asked for counts for nothing.
        (RELEASED_ENTRY, replace(RELEASED_ENTRY, overlap="serialised"), (), []),
        (RELEASED_ENTRY, replace(RELEASED_ENTRY, overlap="serialised"), (OVERLAP,), ["worse"]),
        (RELEASED_ENTRY, replace(RELEASED_ENTRY, overlap="inconclusive"), (), []),
        (RELEASED_ENTRY, replace(RELEASED_ENTRY, overlap="inconclusive"), (OVERLAP,), ["undecided"]),
        (replace(RELEASED_ENTRY, overlap="inconclusive"), RELEASED_ENTRY, (OVERLAP,), ["no_baseline"]),
        (RELEASED_ENTRY, replace(HELD_ENTRY, overlap="inconclusive"), (OVERLAP,), ["worse", "undecided"]),
        (RELEASED_ENTRY, HELD_ENTRY, (Tolerance("held_share", 0.05), OVERLAP), ["worse"]),
    ],
)
def test_comparison_finds_what_counts_once_for_each_check(before, after, tolerances, kinds):
    """The words on the GIL and on agreement always count, overlap and figures where somebody asks for them."""
    comparison, found = judged([before] if before else [], [after] if after else [], *tolerances)

    assert [finding.kind for finding in found] == kinds
    if before and after:
        head = next(comparison_lines(comparison, found))
        assert head.startswith("this run compared with main: 1 check in both: 1 ")
        assert head.count(",") == 0  # a check counts once


@given(
    st.lists(st.sampled_from([RELEASED_ENTRY, HELD_ENTRY, UNDECIDED]), min_size=1, max_size=6),
    st.lists(st.sampled_from([RELEASED_ENTRY, HELD_ENTRY, UNDECIDED]), min_size=1, max_size=6),
    st.sampled_from([(), (OVERLAP,), (Tolerance("held_share", 0.1),)]),
)
def test_comparison_when_a_word_became_worse_or_went_away_then_it_is_never_silent(before, after, tolerances):
    """Each check of the baseline with a word on the GIL that is not the same or better now has a line, and only these fail."""
    before = [replace(entry, key=f"t f{n}") for n, entry in enumerate(before)]
    after = [replace(entry, key=f"t f{n}") for n, entry in enumerate(after)]
    comparison, found = judged(before, after, *tolerances)
    now = {entry.key: entry for entry in after}

    failing = {f.check.entry.key for f in found if fails(f, fails_if_inconclusive=True)}
    told = "\n".join(comparison_lines(comparison, found))
    for then in before:
        same = now.get(then.key) == then
        was_decided = then.gil != "inconclusive"
        lost = now.get(then.key) is None or (then.gil == "released" and now[then.key].gil != "released")
        if same and then.gil != "inconclusive":
            assert f"{then.key}:" not in told
        if was_decided and lost:
            assert then.key in failing
        if not was_decided:
            assert then.key not in failing
            assert f"{then.key}: GIL inconclusive" in told
    assert sorted(KINDS.index(f.kind) for f in found) == [KINDS.index(f.kind) for f in found]


def test_finding_says_what_was_what_is_and_where_the_gil_is_held_now():
    """In shares, never in differences of shares."""
    _, (finding,) = judged([RELEASED_ENTRY], [HELD_ENTRY])

    first, *below = finding_lines(finding, "main")

    assert first.startswith("WORSE: t f: GIL released -> held, held share < 0.1 %")
    assert first.endswith(" -> 100 %")
    assert "src/search.c:31" in " ".join(below)


def test_finding_says_the_limit_of_a_figure_and_the_wrong_result_of_an_agreement():
    """The reader must not look for either elsewhere."""
    _, (worse,) = judged([RELEASED_ENTRY], [replace(HELD_ENTRY, gil="released")], Tolerance("held_share", 0.05))
    _, (differs,) = judged([AGREES], [DIFFERS])

    assert "(limit: held_share:0.05)" in next(finding_lines(worse, "main"))
    assert [*finding_lines(differs, "main")] == [
        "WORSE: t f: results agree -> DIFFER",
        "    on (3,): expected 3, got 4",
    ]


def test_finding_without_a_baseline_says_so():
    """It is said, and it fails nothing."""
    _, (both,) = judged([UNDECIDED], [UNDECIDED])
    _, (now_held,) = judged([UNDECIDED], [HELD_ENTRY])

    assert [*finding_lines(both, "main")] == ["t f: GIL inconclusive in both runs, not compared"]
    assert [*finding_lines(now_held, "main")] == ["t f: GIL inconclusive in main, held now, not compared"]
    assert not fails(both, fails_if_inconclusive=True)


def test_comparison_when_tests_were_not_to_run_then_their_checks_are_not_gone():
    """A run of one file is no change of all others."""
    comparison, found = judged([RELEASED_ENTRY], [], was_to_run=lambda _test: False)

    assert (comparison.gone, comparison.n_not_run, found) == ((), 1, ())
    assert "1 check of main not compared" in "\n".join(comparison_lines(comparison, found))


def test_comparison_when_figures_changed_that_nobody_asked_for_then_they_are_information():
    """Shown by the command and with -v."""
    slower = replace(RELEASED_ENTRY, overlap="serialised")
    comparison, found = judged([RELEASED_ENTRY], [slower])

    assert [*other_changes(comparison, found)] == ["  for information: t f: overlap overlaps -> serialised"]


def test_baseline_when_checks_are_examples_of_given_then_they_are_left_out():
    """The next run has other examples."""
    assert list(baseline_entries([check(ordinal=None), check(ordinal=None)])) == []


@pytest.mark.parametrize(
    ("before", "after", "tolerances", "status"),
    [
        ([HELD], [HELD], (), OK),
        ([HELD], [RELEASED], (), OK),
        ([RELEASED], [HELD], (), NOT_AS_EXPECTED),
        ([RELEASED], [HELD], (OVERLAP,), NOT_AS_EXPECTED),
        ([RELEASED, HELD], [RELEASED], (), INCONCLUSIVE),
        ([], [HELD], (), INCONCLUSIVE),
        ([RELEASED], [check()], (), INCONCLUSIVE),
        ([check()], [RELEASED], (), OK),
    ],
)
def test_exit_status_is_worse_for_what_counts(before, after, tolerances, status):
    """A check that is gone, or not decided any more, is inconclusive."""
    comparison = compared(before, after)

    assert status_of_comparison(comparison, findings(comparison, tolerances)) == status


def test_a_comparison_without_common_checks_fails_a_gate():
    """A gate that checked nothing fails."""
    session = Session()
    session.journal.extend([to_line(HELD)])
    session.compare_with("main", {}, fails_if_inconclusive=False)
    session.close()

    assert ["nothing was compared with main" in failure.message for failure in session.failures] == [True]


@pytest.mark.parametrize("fails_if_inconclusive", [False, True])
def test_a_check_that_cannot_be_told_any_more_fails_the_gate_or_is_said(fails_if_inconclusive):
    """``--gilcheck-inconclusive`` says which."""
    session = Session()
    session.journal.extend([to_line(check())])
    session.compare_with("main", baseline_entries([HELD]), fails_if_inconclusive=fails_if_inconclusive)
    session.close()

    said = [failure.message for failure in session.failures]
    told = [*comparison_lines(session.comparison, session.findings, left_out=session.failed_findings)]
    line = "INCONCLUSIVE: f: GIL held in main, inconclusive now"
    assert (said == [line]) is fails_if_inconclusive
    assert (f"  {line}" in told) is not fails_if_inconclusive
