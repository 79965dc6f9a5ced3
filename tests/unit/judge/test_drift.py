"""What changed between two runs: laws of a comparison."""

from dataclasses import replace

import pytest
from built import RACE, call, estimates, observation
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import FIGURES, WORDS, BaselineEntry, Estimate, Tolerance
from pytest_gilcheck.judge import judge
from pytest_gilcheck.judge.drift import baseline_entry, baseline_entry_of_agreement, changes, is_beyond
from pytest_gilcheck.judge.holding import longest_hold, longest_hold_share

MS = 1_000_000
figures = st.just(Estimate()) | estimates(st.floats(0, 8, allow_nan=False))
baseline_entries = st.builds(
    BaselineEntry,
    key=st.just("f"),
    **{word: st.sampled_from([*order, "inconclusive"]) for word, order in WORDS.items()},
    **dict.fromkeys(FIGURES, figures),
)
tolerances = st.builds(Tolerance, st.sampled_from([*FIGURES]), st.floats(0, 2), is_relative=st.booleans())


def kinds(before, after):
    return {change.figure: change.kind for change in changes(before, after)}


@given(baseline_entries)
def test_nothing_changes_against_itself(one):
    assert set(kinds(one, one).values()) <= {"same", "no_baseline"}


@given(baseline_entries, baseline_entries)
def test_worse_one_way_is_better_the_other_for_words_and_shares(before, after):
    """A word of the GIL counts only with its share; factors are measured against what they were."""
    forth, back = kinds(before, after), kinds(after, before)
    mirror = {"worse": "better", "better": "worse", "same": "same"}

    for figure in ("overlap", "agreement", "gil", "held_share", "longest_hold_share"):
        one, other = forth.get(figure), back.get(figure)
        if {one, other} & {"undecided", "no_baseline"}:
            assert "no_baseline" in {one, other} <= {"undecided", "no_baseline"}
        else:
            assert one == mirror.get(other)


@given(baseline_entries, baseline_entries)
def test_a_change_counts_only_where_intervals_are_apart(before, after):
    for change in changes(before, after):
        if change.figure in FIGURES and change.kind in {"worse", "better"}:
            old, new = getattr(before, change.figure), getattr(after, change.figure)
            assert old.high < new.low or new.high < old.low


@given(baseline_entries, baseline_entries, tolerances, st.floats(0, 2))
def test_more_tolerance_never_fails_more(before, after, tolerance, more):
    wider = replace(tolerance, amount=tolerance.amount + more)
    for change in changes(before, after):
        if change.figure == tolerance.figure and is_beyond(change, wider):
            assert is_beyond(change, tolerance)


def test_a_lost_release_is_worse_in_word_and_share_and_the_other_way_is_better():
    released = observation(*[call(1_000, 20 * MS)] * 7)
    held = observation(*[call(20 * MS)] * 7)
    before, after = (baseline_entry("f", seen, judge(seen)) for seen in (released, held))

    assert kinds(before, after) == {"gil": "worse", "held_share": "worse", "longest_hold_share": "worse"}
    assert set(kinds(after, before).values()) == {"better"}


def test_wrong_answers_are_worse_on_any_machine_and_say_which():
    """An agreement has no figure and no machine."""
    before = baseline_entry_of_agreement("f", replace(RACE, word="agree", difference=None))
    after = baseline_entry_of_agreement("f", RACE)

    (change,) = changes(before, after)
    assert (change.figure, change.kind) == ("agreement", "worse")
    assert after.difference == "on (689,): expected 689, got 742; came again in 20 of 20 replays"
    assert is_beyond(change, Tolerance("agreement"))
    assert kinds(after, before) == {"agreement": "better"}
    assert kinds(after, after) == {"agreement": "same"}


def test_a_word_at_its_border_is_no_change():
    """0.049 and 0.051 are two words and one behaviour."""
    before = BaselineEntry("f", gil="released", held_share=Estimate(0.045, 0.04, 0.05))
    after = BaselineEntry("f", gil="partial", held_share=Estimate(0.055, 0.051, 0.06))

    assert kinds(before, after) == {"gil": "same", "held_share": "same"}


def test_what_only_the_second_run_does_not_decide_is_undecided():
    """And what the first one did not decide has no baseline."""
    decided = BaselineEntry("f", gil="released", held_share=Estimate(0, 0, 0))
    inconclusive = BaselineEntry("f", gil="inconclusive")

    assert kinds(decided, inconclusive) == {"gil": "undecided", "held_share": "undecided"}
    assert kinds(inconclusive, decided) == {"gil": "no_baseline", "held_share": "no_baseline"}


@pytest.mark.parametrize(("amount", "beyond"), [(0.39, True), (0.41, False)])
def test_a_tolerance_is_overrun_by_the_nearer_ends(amount, beyond):
    before = BaselineEntry("f", held_share=Estimate(0.1, 0.0, 0.1))
    after = BaselineEntry("f", held_share=Estimate(0.6, 0.5, 0.6))
    (change,) = changes(before, after)

    assert is_beyond(change, Tolerance("held_share", amount)) is beyond


def test_time_off_the_processor_widens_the_longest_hold_downwards():
    """A neighbour that takes the processor makes no hold of ours longer."""
    late = call(30 * MS, 10 * MS, held_delay_ns=20 * MS, free_delay_ns=0, delay_ns=20 * MS)

    found, share = longest_hold([late]), longest_hold_share([late])

    assert (found.low, found.high) == (10 * MS, 30 * MS)
    assert share.low <= 0.25 <= share.high


def test_word_that_is_inconclusive_in_both_runs_has_no_baseline():
    """An added lock, looked at beside busy processes both times, once passed a gate that asked for overlap, without a word."""
    inconclusive = BaselineEntry(key="f", gil="released", overlap="inconclusive")

    (change,) = [each for each in changes(inconclusive, inconclusive) if each.figure == "overlap"]

    assert (change.kind, change.before, change.after) == ("no_baseline", "inconclusive", "inconclusive")


def test_word_that_nobody_measured_is_no_change():
    """An agreement has no word on the GIL."""
    agreement = BaselineEntry(key="agreement of f", agreement="agree")

    assert [change.figure for change in changes(agreement, agreement)] == ["agreement"]
