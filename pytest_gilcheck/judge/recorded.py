"""The attached share as it was recorded, where there is no GIL, and whether the samples confirm it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Estimate, Reason
from pytest_gilcheck.judge import rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_gilcheck.evidence import AttachedCall, Attachment, RecordedCall

#: The slug of every reason for which a record decides nothing.
_NOT_RECORDED = "attachment-not-recorded"


def recorded_share(attachment: Attachment) -> Estimate | Reason | None:
    """Return the share of calls during which their thread was attached, as loaded modules attached and detached it.

    Such a record has every change that a module made. It lacks those that the interpreter made by itself: it detaches a thread
    around a system call, while it waits for a lock, and for another thread's collection. So a recorded attached time may contain
    detached ones. How much of it is bounded by the samples, none of which may contradict the record: if a part of the attached
    time was not, all of them would have missed that part. A recorded detached time is one, once some samples have confirmed it:
    the interpreter attaches no thread by itself that it has not detached.

    Args:
        attachment: What was sampled and recorded.

    Returns:
        The share with its bounds; or why the record does not tell; or None in reports of before there was a record.
    """
    calls = [call for call in attachment.calls if call.recorded is not None]
    if len(calls) < min(len(attachment.calls), rules.ENOUGH_UNDISTURBED_CALLS) or not calls:
        return attachment.not_recorded
    records = [call.recorded for call in calls if call.recorded is not None]
    n_contradicting = sum(record.n_contradicting for record in records)
    if n_contradicting:
        n_compared = sum(record.n_compared for record in records)
        return Reason.of(_NOT_RECORDED, n_contradicting=n_contradicting, n_compared=n_compared)
    run_ns = sum(record.run_ns for record in records)
    if run_ns <= 0:
        return Reason.of(_NOT_RECORDED, n_missing=len(calls), n_calls=len(calls))
    least_ns = sum(record.least_attached_ns for record in records)
    most_ns = sum(record.most_attached_ns for record in records)
    missed_share = _missed_share(sum(record.n_agreeing_attached for record in records))
    unconfirmed_ns = min(sum(_unconfirmed_ns(call) for call in calls), _unsampled_share(records) * least_ns)
    confirmed_ns = max(0.0, least_ns * (1 - missed_share) - unconfirmed_ns)
    value = (least_ns + most_ns) / 2 / run_ns
    n_detached = sum(record.n_agreeing_detached for record in records)
    if n_detached < rules.CONFIRMING_SAMPLES:
        most_ns += round(_missed_share(n_detached) * max(0, run_ns - most_ns))
    high = min(1.0, most_ns / run_ns)
    low = min(high, confirmed_ns / run_ns)
    return Estimate(min(high, max(low, value)), low, high, quantity="attached share")


def _missed_share(n_samples: float) -> float:
    """Return which share of a time so many samples may all have missed."""
    return 1 - math.pow(rules.MISSED_CHANCE, 1 / n_samples) if n_samples >= 1 else 1.0


def _unconfirmed_ns(call: AttachedCall) -> int:
    """Return how much of a call's recorded attached time no sample can speak of."""
    if call.recorded is None:
        return 0
    return max(call.recorded.shared_ns, call.recorded.unsampled_ns if sleeps(call) else 0)


def _unsampled_share(records: Sequence[RecordedCall]) -> float:
    """Return which share of calls that are attached throughout was sampled in too few of them.

    What the interpreter does by itself at the same place of each call is met there by the samples of some; what it does
    anywhere is met by samples anywhere.
    """
    if not all(record.sampled_tenths for record in records):
        return 1.0
    n_calls: list[int] = [sum(tenth) for tenth in zip(*(record.sampled_tenths for record in records), strict=True)]
    return sum(n < rules.SAMPLED_CALLS for n in n_calls) / len(n_calls)


def sleeps(call: AttachedCall) -> bool:
    """Return whether a call neither ran nor was ready to run for a part of its time.

    Args:
        call: A call.

    Returns:
        True if the sampling thread may have run while it slept, and not while it worked.
    """
    return call.span_ns - call.cpu_ns - (call.delay_ns or 0) > rules.UNDISTURBED_SHARE * call.span_ns


def is_exact(share: Estimate) -> bool:
    """Return whether a recorded share is known so closely that it counts as exact.

    Args:
        share: The share.

    Returns:
        False where the samples were too few to confirm it.
    """
    return share.low is not None and share.high is not None and share.high - share.low <= rules.RECORDED_WIDTH
