"""Whether a call detaches its thread, where there is no GIL: the share, the word and the longest pause."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Estimate, Reason
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.holding import word
from pytest_gilcheck.judge.recorded import is_exact, recorded_share, sleeps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_gilcheck.evidence import AttachedCall, Attachment

#: Words of the GIL -> those of a thread without one.
_WORDS = {"released": "detached", "held": "attached", "partial": "partial"}


def judge_attachment(attachment: Attachment | None) -> tuple[str, Estimate, list[Reason]]:
    """Return the word, the share of the call during which its thread was attached, and reasons.

    Args:
        attachment: What was sampled and recorded.

    Returns:
        ``detached``, ``attached``, ``partial`` or ``inconclusive``; the share; and what the report must say of it.
    """
    if attachment is None or not any(call.n_samples for call in attachment.calls):
        return "inconclusive", Estimate(quantity="attached share", why_not="no-samples"), []
    calls = attachment.calls
    recorded = recorded_share(attachment)
    own = recorded if isinstance(recorded, Estimate) else attached_share(calls)
    notes = [recorded] if isinstance(recorded, Reason) else []
    either = attached_share(calls, with_others=True)
    share = own
    n_others = max(call.n_most_others for call in calls)
    if word(own) != word(either) and others_attach(calls):
        if not _are_callees(calls, attachment.windows):
            values = {"least_share": own.value, "most_share": either.value}
            return "inconclusive", own, [*notes, Reason.of("whose-attachment", n_threads=n_others, **values)]
        share = either
        notes.append(Reason.of("own-threads-attached", n_threads=n_others))
    decided = word(share)
    if decided is None:
        n_samples = sum(call.n_samples for call in calls)
        unsampled_share = sum(call.unsampled_ns for call in calls) / max(1, sum(call.span_ns for call in calls))
        why = Reason.of(
            "attachment-borderline", attached_share=share, n_samples=n_samples, unsampled_share=unsampled_share
        )
        return "inconclusive", share, [*notes, why]
    return _WORDS[decided], share, notes


def attachment_witness(attachment: Attachment) -> tuple[str, str]:
    """Return the name and the grade of the witness that decides of this attachment.

    Args:
        attachment: What was sampled and recorded.

    Returns:
        ``recorder`` where the share is that of the record, ``exact`` if the samples confirm it closely; else ``sampler``, whose
        shares have bounds.
    """
    recorded = recorded_share(attachment)
    if not isinstance(recorded, Estimate) or judge_attachment(attachment)[1] != recorded:
        return "sampler", "bounded"
    return "recorder", "exact" if is_exact(recorded) else "bounded"


def decides_attachment(attachment: Attachment) -> bool:
    """Return whether these calls decide the word.

    Args:
        attachment: What was sampled so far.

    Returns:
        False if more calls may tell more.
    """
    return judge_attachment(attachment)[0] != "inconclusive"


def knows_attached_share(attachment: Attachment) -> bool:
    """Return whether the attached share is known as a figure, and not only as a word.

    Args:
        attachment: What was sampled so far.

    Returns:
        True if the bounds are close enough to be read as one figure, and a recorded share is exact.
    """
    share = judge_attachment(attachment)[1]
    if attachment_witness(attachment)[0] == "recorder":
        return is_exact(share)
    return share.low is not None and share.high is not None and share.high - share.low <= 2 * rules.SHARE_HALF_WIDTH


def others_attach(calls: Sequence[AttachedCall]) -> bool:
    """Return whether other threads are attached within these calls for so long that it matters whose they are.

    Args:
        calls: The calls.

    Returns:
        True if what they do between the calls must be known.
    """
    return _others_share(calls) > rules.OTHERS_ATTACHED_SHARE


def attached_share(calls: Sequence[AttachedCall], *, with_others: bool = False) -> Estimate:
    """Return the share of calls during which their thread was attached, over all of them together.

    The moments of the samples do not depend on what the call does, so that each of them is a draw. (Wilson's interval of a
    share holds for moments that are drawn apart; those of a sampler lie more evenly, which makes it wider than need be.)
    Three things may depend on it. A call that shares the processor with the sampling thread is interrupted after a time
    slice, at the same place each time: what it ran meanwhile may have been either. A call that sleeps leaves the processor
    to the sampling thread, so that beside a load the time in which it does not sleep may be left out: what was not sampled of
    such a call may have been either. And where the system does not report the time off the processor, that may have been
    either, too.

    Args:
        calls: The calls.
        with_others: Whether another thread that is attached counts as well.

    Returns:
        The share with its bounds.
    """
    run_ns = sum(call.run_ns for call in calls)
    span_ns = sum(call.span_ns for call in calls)
    squares = sum(call.run_ns**2 / call.n_effective for call in calls if call.n_effective)
    if run_ns <= 0 or span_ns <= 0 or not squares:
        return Estimate(quantity="attached share", why_not="no-samples")
    value = min(1.0, sum(call.either_ns if with_others else call.attached_ns for call in calls) / run_ns)
    low, high = _wilson(value, run_ns**2 / squares)
    unsampled_ns = sum(max(call.shared_ns, call.unsampled_ns if sleeps(call) else 0) for call in calls)
    unsampled = min(1.0, unsampled_ns / max(1, min(span_ns, run_ns)))
    low, high = low * (1 - unsampled), high * (1 - unsampled) + unsampled
    unknown = min(1.0, sum(_unknown_delay_ns(call) for call in calls) / span_ns)
    low, high = ((low - unknown) / (1 - unknown), high / (1 - unknown)) if unknown < 1 else (0.0, 1.0)
    low, high = max(0.0, low), min(1.0, high)
    return Estimate(min(high, max(low, value)), low, high, quantity="attached share")


def _unknown_delay_ns(call: AttachedCall) -> int:
    """Return how long the thread may have been kept off the processor in a state that is not known."""
    return max(0, call.span_ns - call.cpu_ns) if call.delay_ns is None else 0


def _wilson(share: float, n: float) -> tuple[float, float]:
    """Return Wilson's interval of a share of `n` draws, which is exact at its ends: a share of 0 has the lower bound 0."""
    z, n = rules.SAMPLED_SHARE_Z, max(1.0, n)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (centre - half if share > 0 else 0.0), (centre + half if share < 1 else 1.0)


def _others_share(calls: Sequence[AttachedCall]) -> float:
    run_ns = sum(call.run_ns for call in calls)
    return sum(call.either_ns - call.attached_ns for call in calls) / run_ns if run_ns else 0.0


def _are_callees(calls: Sequence[AttachedCall], windows: Sequence[AttachedCall]) -> bool:
    """Return whether other threads are attached within the calls only, and within nearly all of them, and so work for them.

    A neighbour that was preempted while it was attached is so for some calls in a row.
    """
    if sum(window.n_samples for window in windows) < rules.ENOUGH_SAMPLES:
        return False
    share = _others_share(calls)
    n_alike = sum(_others_share([call]) >= share / 2 for call in calls)
    return n_alike >= rules.OWN_WORK_CALLS_SHARE * len(calls) and (
        rules.OWN_THREADS_FACTOR * _others_share(windows) <= share
    )


def longest_pause_ns(attachment: Attachment | None, share: Estimate) -> int | None:
    """Return for how long a call keeps the interpreter from stopping the world, as a garbage collection does.

    A collection beside a call waits until the call's thread is detached, and then takes as long as it takes alone.
    It cannot wait for longer than the call is attached: what is more is the machine's doing. If none waited longer than one
    alone takes, beside a call that is attached for longer than that, none began within the call.

    Args:
        attachment: What was sampled.
        share: The attached share.

    Returns:
        Nanoseconds. None where it was not measured, or no collection felt a call that it must have felt.
    """
    if attachment is None or attachment.pauses is None or not attachment.pauses.n_collections or share.high is None:
        return None
    pauses = attachment.pauses
    longest_call_ns = max((call.span_ns for call in attachment.calls), default=0)
    waited_ns = max(0, pauses.longest_ns - pauses.alone_ns)
    if not waited_ns and max((call.longest_attached_ns for call in attachment.calls), default=0) > pauses.alone_ns:
        return None
    return round(min(waited_ns, share.high * longest_call_ns))
