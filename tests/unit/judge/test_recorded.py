"""Where there is no GIL: what a record decides, and when the samples have to."""

from dataclasses import replace

import pytest
from built import attachments
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import AttachedCall, Attachment, Estimate, Reason, RecordedCall
from pytest_gilcheck.judge.attachment import attachment_witness, judge_attachment, knows_attached_share
from pytest_gilcheck.judge.recorded import recorded_share

SPAN_NS = 20_000_000


def recorded(share, *, n=300, other=None, doubt_ns=0, **figures):
    """Return a call that was attached for this share as recorded, and for another share as sampled if `other` is one."""
    attached_ns = round(share * SPAN_NS)
    sampled_ns = attached_ns if other is None else round(other * SPAN_NS)
    record = RecordedCall(
        run_ns=SPAN_NS,
        least_attached_ns=max(0, attached_ns - doubt_ns),
        most_attached_ns=min(SPAN_NS, attached_ns + doubt_ns),
        n_changes=2,
        n_compared=n,
        n_contradicting=0,
        n_agreeing_attached=share * n,
        n_agreeing_detached=(1 - share) * n,
    )
    return AttachedCall(
        span_ns=SPAN_NS,
        n_samples=n,
        n_effective=float(n),
        run_ns=SPAN_NS,
        attached_ns=sampled_ns,
        either_ns=sampled_ns,
        delay_ns=0,
        cpu_ns=SPAN_NS,
        recorded=replace(record, **figures),
    )


@pytest.mark.parametrize(
    ("share", "word"),
    [(0.0, "detached"), (0.01, "detached"), (0.25, "partial"), (0.5, "partial"), (0.75, "partial"), (1.0, "attached")],
)
def test_a_record_that_the_samples_confirm_is_exact(share, word):
    attachment = Attachment((recorded(share),) * 7)

    decided, estimate, notes = judge_attachment(attachment)

    assert (decided, notes) == (word, [])
    assert estimate.value == pytest.approx(share, abs=1e-6)
    assert estimate.high == pytest.approx(share, abs=1e-6)
    assert estimate.low <= share <= estimate.low + 0.02
    assert attachment_witness(attachment) == ("recorder", "exact")
    assert knows_attached_share(attachment)


def test_more_calls_are_made_until_samples_confirm_the_record_closely():
    few, many = (Attachment((recorded(1.0, n=n),) * 7) for n in (30, 50))

    assert judge_attachment(few)[0] == judge_attachment(many)[0] == "attached"
    assert attachment_witness(few) == ("recorder", "bounded")
    assert not knows_attached_share(few)
    assert knows_attached_share(many)


def test_a_call_that_is_detached_throughout_needs_few_samples():
    """Samples alone leave it open: beside a load there are few. But none at all would be nothing but trust."""
    attachment = Attachment((recorded(0.0, n=3),) * 7)

    assert judge_attachment(attachment)[0] == "detached"
    assert attachment_witness(attachment) == ("recorder", "exact")
    without = Attachment(tuple(replace(call, recorded=None) for call in attachment.calls))
    assert judge_attachment(without)[0] == "inconclusive"
    for n in (0, 2):
        unconfirmed = Attachment((recorded(0.0, n=n),) * 7)
        assert judge_attachment(unconfirmed)[0] == "inconclusive"
        assert attachment_witness(unconfirmed)[1] == "bounded"


@given(share=st.floats(0, 1), n=st.integers(0, 500), n_calls=st.integers(1, 20), missed=st.floats(0, 1))
def test_the_lower_bound_allows_for_what_the_samples_may_have_missed(share, n, n_calls, missed):
    """The interpreter may have detached the thread for a part of the attached time that no sample met."""
    estimate = recorded_share(Attachment((recorded(share, n=n),) * n_calls))

    n_attached = share * n * n_calls
    if (1 - share) * n * n_calls >= 20:
        assert estimate.high == pytest.approx(share, abs=1e-6)
    assert estimate.high >= share - 1e-6
    if (1 - missed) ** n_attached > 0.0011:  # all samples miss it more often than once in a thousand
        assert estimate.low <= share * (1 - missed) + 1e-6


def test_a_sample_that_contradicts_leaves_it_to_the_samples():
    """As where the interpreter detaches by itself: recorded as attached throughout, and sampled as detached."""
    calls = (recorded(1.0, other=0.0, n_contradicting=1),) + (recorded(1.0, other=0.0),) * 6
    attachment = Attachment(calls)

    word, estimate, notes = judge_attachment(attachment)

    assert word == "detached"
    assert estimate.low == 0.0
    assert notes == [Reason.of("attachment-not-recorded", n_contradicting=1, n_compared=2100)]
    assert attachment_witness(attachment) == ("sampler", "bounded")


@pytest.mark.parametrize("figure", ["shared_ns", "unsampled_ns"])
def test_attached_time_that_no_sample_speaks_of_may_have_been_detached(figure):
    calls = (replace(recorded(1.0, **{figure: SPAN_NS // 4}), cpu_ns=SPAN_NS // 2),) * 7

    word, estimate, _ = judge_attachment(Attachment(calls))

    assert word == "inconclusive"
    assert estimate.low <= 0.75 and estimate.high == 1.0
    assert attachment_witness(Attachment(calls)) == ("recorder", "bounded")


@pytest.mark.parametrize(
    ("n_calls", "never", "word"),
    [(20, None, "attached"), (9, None, "inconclusive"), (20, 7, "inconclusive")],
)
def test_calls_that_are_sampled_in_one_part_each_are_sampled_in_all_of_them_together(n_calls, never, word):
    """Beside a load no single call is sampled throughout. Where no call is sampled, nothing is known."""
    calls = [
        replace(
            call := recorded(1.0, n=50, shared_ns=SPAN_NS // 2),
            recorded=replace(call.recorded, sampled_tenths=tuple(tenth != never for tenth in range(10))),
        )
        for _ in range(n_calls)
    ]

    decided, estimate, _ = judge_attachment(Attachment(tuple(calls)))

    assert decided == word
    assert estimate.low >= (0.98 if word == "attached" else 0.45)


def test_where_the_delay_fell_may_not_be_known():
    estimate = recorded_share(Attachment((recorded(0.5, doubt_ns=SPAN_NS // 10),) * 7))

    assert estimate.low <= 0.4 and estimate.high == pytest.approx(0.6)


def test_calls_that_are_not_recorded_are_left_out_if_there_are_enough_others():
    """The first calls load modules."""
    why = Reason.of("attachment-not-recorded", text="a native module was loaded")
    cold = replace(recorded(1.0), recorded=None)

    many = Attachment((cold,) * 7 + (recorded(0.25),) * 7, not_recorded=why)
    few = Attachment((cold,) * 7 + (recorded(0.25),) * 6, not_recorded=why)

    assert recorded_share(many).value == pytest.approx(0.25)
    assert recorded_share(few) == why
    assert why in judge_attachment(few)[2]
    assert attachment_witness(few) == ("sampler", "bounded")


def test_a_report_of_before_there_was_a_record_is_judged_by_its_samples():
    attachment = Attachment((replace(recorded(1.0), recorded=None),) * 7)

    assert recorded_share(attachment) is None
    assert judge_attachment(attachment)[::2] == ("attached", [])


def test_threads_of_the_callees_own_are_sampled():
    """The record is of the call's own thread alone."""
    inside = replace(recorded(0.0), either_ns=SPAN_NS, n_most_others=1)
    outside = replace(recorded(0.0), recorded=None)
    attachment = Attachment((inside,) * 7, (outside,) * 7)

    word, _, notes = judge_attachment(attachment)

    assert (word, [note.slug for note in notes]) == ("attached", ["own-threads-attached"])
    assert attachment_witness(attachment) == ("sampler", "bounded")


@given(attachments)
def test_no_record_whatever_breaks_the_judge(attachment):
    share = recorded_share(attachment)

    if isinstance(share, Estimate):
        assert 0 <= share.low <= share.value <= share.high <= 1
    assert attachment_witness(attachment) in [("sampler", "bounded"), ("recorder", "bounded"), ("recorder", "exact")]
