"""Which question each reason is about, and what an undecided verdict says when it is asked one."""

from dataclasses import replace
from itertools import combinations

import pytest
from built import call, observation, verdict_on, verdicts
from hypothesis import given

from pytest_gilcheck.evidence import Inconclusive, Reason
from pytest_gilcheck.evidence.reason import CONCERNS, SLUGS, concerning

MS = 1_000_000
STRADDLING = [call(held * MS, 100 * MS) for held in (4, 4, 5, 5, 6, 6, 7)]


def test_questions_share_no_slug_and_know_no_other():
    """A slug of two questions would be left out of both."""
    assert set().union(*CONCERNS.values()) <= set(SLUGS)
    assert not any(one & other for one, other in combinations(CONCERNS.values(), 2))


def test_reasons_when_a_slug_is_of_no_question_then_it_concerns_all():
    """Stolen time widens every bound."""
    stolen, overlap = Reason("stolen-time"), Reason("no-spare-cores")

    assert concerning("gil", [stolen, overlap]) == (stolen,)
    assert concerning("overlap", [stolen, overlap]) == (stolen, overlap)


@given(verdicts)
def test_reasons_of_a_question_are_some_of_the_verdict_s_in_their_order(verdict):
    """Nothing is added."""
    for question in ("gil", "attachment", "overlap"):
        found = concerning(question, verdict.notes)
        assert list(found) == [note for note in verdict.notes if note in found]


def test_released_when_overlap_is_undecided_too_then_it_raises_with_the_reasons_of_the_gil():
    """`.released` listed that the machine was too busy to judge overlap, about which nobody had asked."""
    verdict = verdict_on(observation(*STRADDLING, notes=(Reason("one-cpu"), Reason("tracer"))))

    with pytest.raises(Inconclusive, match="too close to the threshold") as raised:
        _ = verdict.released

    assert raised.value.slugs == ("tracer", "borderline")
    assert "one-cpu" not in str(raised.value)


def test_overlaps_when_the_gil_is_undecided_too_then_it_raises_with_the_reasons_of_overlap():
    verdict = verdict_on(observation(*STRADDLING, notes=(Reason("one-cpu"), Reason("where-failed"))))

    with pytest.raises(Inconclusive, match="one core only") as raised:
        _ = verdict.overlaps

    assert raised.value.slugs == ("one-cpu",)


def test_overlaps_when_nothing_says_why_then_it_raises_with_the_diagnosis():
    verdict = replace(verdict_on(observation(*STRADDLING)), overlap="not_measured", diagnosis="It is so.")

    with pytest.raises(Inconclusive, match=r"f: whether calls overlap is not measured \(It is so\.\)"):
        _ = verdict.overlaps
