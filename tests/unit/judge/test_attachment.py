"""Detached, attached and partial: what the samples of an interpreter without a GIL decide."""

from dataclasses import replace

import pytest
from built import MACHINE, PLAN, attachments
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import (
    AttachedCall,
    Attachment,
    Claim,
    Estimate,
    GcPauses,
    Inconclusive,
    Instrument,
    NotApplicable,
    Observation,
    Reason,
)
from pytest_gilcheck.judge import judge
from pytest_gilcheck.judge.attachment import attached_share, judge_attachment, longest_pause_ns

WITHOUT_GIL = replace(MACHINE, gil="disabled", is_free_threaded=True)


def sampled(share, *, n=300, span_ns=20_000_000, either=None, **figures):
    run_ns = span_ns
    return AttachedCall(
        span_ns=span_ns,
        n_samples=n,
        n_effective=float(n),
        run_ns=run_ns,
        attached_ns=round(share * run_ns),
        either_ns=round((share if either is None else either) * run_ns),
        **{"delay_ns": 0, "cpu_ns": span_ns, **figures},
    )


def observed(attachment, **figures):
    return Observation(
        name="f",
        claim=Claim(),
        machine=WITHOUT_GIL,
        plan=PLAN,
        instrument=Instrument("sampler", "bounded", Reason.of("no-gil", text="the GIL is switched off")),
        pilot=None,
        calls=(),
        attachment=attachment,
        **figures,
    )


@pytest.mark.parametrize(
    ("share", "word"),
    [(0.0, "detached"), (0.01, "detached"), (0.25, "partial"), (0.5, "partial"), (0.75, "partial"), (1.0, "attached")],
)
def test_seven_calls_of_a_known_share_have_its_word(share, word):
    verdict = judge(observed(Attachment((sampled(share),) * 7)))

    assert (verdict.gil, verdict.attachment, verdict.word) == ("not_applicable", word, word)
    assert verdict.attached_share.low <= share <= verdict.attached_share.high
    assert verdict.lets_others_run is (word == "detached")
    assert verdict.detached is (word == "detached")
    assert verdict.attached is (word == "attached")
    assert (verdict.n_calls, verdict.span_ns) == (7, 20_000_000)
    with pytest.raises(NotApplicable, match="detached or .lets_others_run"):
        _ = verdict.released


def test_with_a_gil_the_question_is_that_of_the_gil():
    released = replace(judge(observed(None)), gil="released", attachment="not_applicable")

    assert released.lets_others_run is True
    assert replace(released, gil="held").lets_others_run is False
    assert replace(released, gil="partial").lets_others_run is False
    with pytest.raises(NotApplicable, match="released or .lets_others_run"):
        _ = released.detached
    with pytest.raises(Inconclusive):
        _ = replace(released, gil="inconclusive").lets_others_run


@pytest.mark.parametrize(
    ("attachment", "notes"),
    [
        (Attachment(()), ()),
        (Attachment((replace(sampled(0), n_samples=0, run_ns=0, n_effective=0.0),)), ()),
        (None, (Reason.of("attachment-not-found", text="no word changes"),)),
    ],
)
def test_without_samples_nothing_is_decided(attachment, notes):
    verdict = judge(observed(attachment, notes=notes))

    assert verdict.attachment == "inconclusive"
    assert not verdict.attached_share.measured
    with pytest.raises(Inconclusive):
        _ = verdict.lets_others_run


def test_a_report_of_before_there_were_samples_has_no_answer():
    verdict = judge(observed(None))

    assert (verdict.word, verdict.attachment) == ("not_applicable", "not_applicable")
    with pytest.raises(NotApplicable):
        _ = verdict.lets_others_run


@given(share=st.floats(0, 1), n=st.integers(1, 5000), n_calls=st.integers(1, 20))
def test_a_word_is_given_only_where_the_bounds_lie_on_one_side(share, n, n_calls):
    word, estimate, notes = judge_attachment(Attachment((sampled(share, n=n),) * n_calls))

    assert estimate.low <= estimate.value <= estimate.high
    if word == "detached":
        assert estimate.high <= 0.05
    elif word == "attached":
        assert estimate.low >= 0.95
    elif word == "partial":
        assert estimate.low > 0.05 and estimate.high < 0.95
    else:
        assert [note.slug for note in notes] == ["attachment-borderline"]


@given(attachments)
def test_no_record_whatever_breaks_the_judge(attachment):
    word, share, _ = judge_attachment(attachment)

    assert word in ("detached", "attached", "partial", "inconclusive")
    assert share.low is None or 0 <= share.low <= share.high <= 1


def test_few_samples_do_not_decide():
    assert judge_attachment(Attachment((sampled(0.0, n=20),)))[0] == "inconclusive"
    assert judge_attachment(Attachment((sampled(1.0, n=20),)))[0] == "inconclusive"


def test_what_was_not_sampled_of_a_call_that_sleeps_may_have_been_either():
    """Beside a load the sampling thread runs while the call sleeps detached, and not while it computes attached."""
    sleeps = sampled(0.0, cpu_ns=10_000_000, unsampled_ns=9_000_000)
    runs = sampled(0.0, unsampled_ns=9_000_000)

    assert attached_share((sleeps,) * 21).high > 0.45
    assert judge_attachment(Attachment((sleeps,) * 21))[0] == "inconclusive"
    assert judge_attachment(Attachment((runs,) * 21))[0] == "detached"


def test_a_call_that_shares_the_processor_with_the_sampler_may_have_done_either():
    """It is interrupted after a time slice, in the same part each time, and sampled only there."""
    shares = sampled(1.0, n=3, span_ns=1_000_000, shared_ns=700_000)

    assert attached_share((shares,) * 200).low < 0.3


def test_delay_that_the_system_does_not_report_may_have_been_either():
    calls = (sampled(0.5, delay_ns=None, cpu_ns=12_000_000),) * 21

    share = attached_share(calls)

    assert share.low < 0.2 and share.high > 0.8


INSIDE = sampled(0.0, either=1.0, n_most_others=1)


@pytest.mark.parametrize(
    ("windows", "word", "slug"),
    [
        ((sampled(0.0),) * 7, "attached", "own-threads-attached"),
        ((sampled(0.0, either=1.0),) * 7, "inconclusive", "whose-attachment"),
        ((), "inconclusive", "whose-attachment"),
    ],
)
def test_other_threads_count_if_they_are_attached_within_the_calls_only(windows, word, slug):
    verdict = judge(observed(Attachment((INSIDE,) * 7, windows)))

    assert (verdict.attachment, verdict.reasons[-1]) == (word, slug)


def test_a_neighbour_that_was_attached_for_some_calls_does_not_work_for_them():
    """An idle thread of ours that was preempted made *released* calls partial in 6 of 12 checks on a busy machine."""
    calls = (INSIDE,) * 4 + (sampled(0.0),) * 17

    verdict = judge(observed(Attachment(calls, (sampled(0.0),) * 7)))

    assert (verdict.attachment, verdict.reasons[-1]) == ("inconclusive", "whose-attachment")


def test_neighbours_that_change_no_word_are_not_mentioned():
    both = sampled(1.0, either=1.0, n_most_others=3)

    assert judge_attachment(Attachment((both,) * 7))[2] == []


@pytest.mark.parametrize(
    ("share", "longest_ns", "expected_ns"),
    [(1.0, 19_400_000, 19_000_000), (0.0, 300_000, 0), (1.0, 90_000_000, 20_000_000), (0.01, 9_000_000, 400_000)],
)
def test_a_pause_is_no_longer_than_the_call_is_attached(share, longest_ns, expected_ns):
    pauses = GcPauses(n_calls=1, n_collections=3, longest_ns=longest_ns, alone_ns=400_000)
    estimate = Estimate(share, max(0.0, share - 0.01), min(1.0, share + 0.01))

    assert longest_pause_ns(Attachment((sampled(share),), (), pauses), estimate) == expected_ns


def test_where_no_collection_was_made_the_pause_is_not_known():
    assert longest_pause_ns(Attachment((sampled(1.0),)), Estimate(1.0, 0.99, 1.0)) is None
    assert longest_pause_ns(None, Estimate()) is None
    missed = GcPauses(n_calls=5, n_collections=0, longest_ns=0, alone_ns=400_000)
    assert longest_pause_ns(Attachment((sampled(1.0),), (), missed), Estimate(1.0, 0.99, 1.0)) is None


@pytest.mark.parametrize(("longest_attached_ns", "expected_ns"), [(19_000_000, None), (300_000, 0)])
def test_a_pause_that_no_collection_felt_beside_a_long_attachment_is_not_known(longest_attached_ns, expected_ns):
    """Beside a load the collecting thread ran between the calls only: "waited up to 0 ns" for 20 ms of attachment."""
    pauses = GcPauses(n_calls=5, n_collections=1, longest_ns=300_000, alone_ns=400_000)
    call = sampled(1.0, longest_attached_ns=longest_attached_ns)

    assert longest_pause_ns(Attachment((call,), (), pauses), Estimate(1.0, 0.99, 1.0)) == expected_ns
