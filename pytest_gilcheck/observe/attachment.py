"""Watches who is attached to an interpreter without a GIL, and times garbage collections beside calls."""

from __future__ import annotations

import atexit
import contextlib
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from itertools import accumulate, groupby, pairwise
from typing import TYPE_CHECKING

from pytest_gilcheck import _native
from pytest_gilcheck.evidence import AttachedCall, GcPauses, Reason
from pytest_gilcheck.observe.recorded import Blind, BlindParts, Changes, RawSample, Timed, recorded_call

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Samples are taken about so often: fifty to a call, within these bounds. The kernel takes 5 to 50 µs to wake a thread, and
#: more than 20,000 samples a second would be felt by the call on a machine without a free processor.
_SAMPLES_A_CALL = 50
_SHORTEST_GAP_NS = 20_000
_LONGEST_GAP_NS = 50_000

#: A moment further than this from any sample counts as not sampled: three times the longest pause between two.
FAR_NS = 225_000

#: A thread that runs for longer between two samples, and is kept off the processor there as well, has shared the processor with
#: the sampling thread: where it was interrupted then depends on how long it had run. (Specimens of 1 ms, attached for the last
#: quarter, were always interrupted in that quarter, after a time slice of 0.7 ms: 0.81 [0.58, 0.93] for a truth of 0.25.) Any
#: delay tells: one sample takes the processor for 10 µs. (Specimens of 2 ms: 0.83 [0.36, 0.96] for 0.25.)
NEAR_NS = 75_000

#: Collections begin about so often beside calls, so that each call of a millisecond or more meets some of them.
_COLLECTION_GAP_NS = 200_000


@dataclass(slots=True)
class WatchedAttachment:
    """What was seen of a thread that attaches and detaches, once the block in which it was watched has ended.

    Attributes:
        samples: Of its state, in order.
        changes: Where native modules attached and detached it. None: some may be missing.
        not_recorded: Why there are none.
    """

    samples: list[RawSample] = field(default_factory=list)
    changes: Changes | None = None
    not_recorded: Reason | None = None


@contextlib.contextmanager
def watched_attachment(
    span_ns: int, watched: WatchedAttachment, waiting: Sequence[int] = ()
) -> Iterator[Reason | None]:
    """Sample whether the calling thread is attached while the block runs, and record where it attaches and detaches.

    `span_ns`: how long a call takes, which says how often to sample; 0 where that is not known. `waiting`: states, as
    `state_of_this_thread` gives them, of threads that wait for the block, and are attached now and then while they look
    whether it has ended. Gives the reason why nothing is sampled, or None. `watched` gets what was seen.
    """
    gap_ns = min(_LONGEST_GAP_NS, max(_SHORTEST_GAP_NS, span_ns // _SAMPLES_A_CALL))
    atexit.unregister(_native.stop_recording_attachment)
    atexit.register(_native.stop_recording_attachment)
    try:
        sampler = _native.AttachmentSampler(gap_ns, list(waiting))
    except _native.AttachmentUnavailable as unavailable:
        slug, text = unavailable.args
        yield Reason.of(slug, text=text)
        return
    try:
        yield None
    finally:
        try:
            watched.changes = Changes.of(*sampler.recorded())
        except _native.AttachmentUnavailable as unavailable:
            slug, text = unavailable.args
            watched.not_recorded = Reason.of(slug, text=text)
        watched.samples.extend(sampler.stop())


def why_not_recorded(watched: WatchedAttachment, calls: Sequence[AttachedCall]) -> Reason | None:
    """Return why some of these calls, which were watched, are not recorded; None if all of them are."""
    n_missing = sum(call.recorded is None for call in calls)
    if watched.not_recorded is None and n_missing and watched.changes is not None:
        return Reason.of("attachment-not-recorded", n_missing=n_missing, n_calls=len(calls))
    return watched.not_recorded


def state_of_this_thread() -> tuple[int, ...]:
    """Return the state of the calling thread, to leave it out of others' samples; nothing where it is not known."""
    try:
        return (_native.thread_state(),)
    except _native.AttachmentUnavailable:
        return ()


@contextlib.contextmanager
def garbage_collector(collections: list[tuple[int, int, int]]) -> Iterator[None]:
    """Let a native thread collect garbage beside the block, again and again, and add its collections to `collections`.

    A collection is (when it began, when it ended, how long its thread was ready and not running), in nanoseconds.
    """
    collector = _native.GarbageCollector(_COLLECTION_GAP_NS)
    try:
        yield
    finally:
        collections.extend(collector.stop())


def attached_calls(
    spans: Sequence[Timed], samples: Sequence[RawSample], changes: Changes | None = None
) -> tuple[AttachedCall, ...]:
    """Return what the samples, which are in order, show of each span, and what was recorded of it. Pure."""
    begins = [sample[0] for sample in samples]
    ends = [sample[1] for sample in samples]
    calls = []
    for span in spans:
        start_ns, end_ns, delay_ns = span.start_ns, span.end_ns, span.delay_ns
        inside = samples[bisect_left(begins, start_ns) : bisect_right(ends, end_ns)]
        weights_ns, positions_ns, shared = _weights_ns(start_ns, end_ns, delay_ns, inside)
        unsampled = _unsampled(start_ns, end_ns, begins)
        run_ns = sum(weights_ns)
        shown = list(zip(weights_ns, inside, strict=True))
        blind = BlindParts(positions_ns, shared, unsampled)
        calls.append(
            AttachedCall(
                span_ns=end_ns - start_ns,
                n_samples=len(inside),
                n_effective=run_ns * run_ns / max(1, sum(weight * weight for weight in weights_ns)),
                run_ns=run_ns,
                attached_ns=sum(weight for weight, sample in shown if sample[2]),
                either_ns=sum(weight for weight, sample in shown if sample[2] or sample[3]),
                n_most_others=max((sample[3] for sample in inside), default=0),
                unsampled_ns=sum(blind_ns for *_, blind_ns in unsampled),
                shared_ns=sum(blind_ns for *_, blind_ns in shared),
                longest_attached_ns=_longest_attached_ns(start_ns, end_ns, inside),
                delay_ns=delay_ns,
                cpu_ns=span.cpu_ns,
                recorded=None if changes is None else recorded_call(span, changes, shown, blind),
            )
        )
    return tuple(calls)


def _weights_ns(
    start_ns: int, end_ns: int, delay_ns: int | None, inside: Sequence[RawSample]
) -> tuple[list[int], list[int], list[Blind]]:
    """Return for how much of a span each of its samples stands, for how long it had run, and where it ran far from any.

    Only where it was kept off the processor as well is it far from a sample in this sense.

    A sample stands for the time halfway to its neighbours, without the thread's run delay. The kernel adds a delay to the
    account when it ends, so that it lies before the sample that shows it, over several others perhaps. What no sample shows
    fell before the first one, as far as there is room for it, or after the last one. Where the system does not report delays,
    there may be one anywhere.
    """
    if not inside:
        return [], [], [(start_ns, end_ns, end_ns - start_ns)]
    moments = [start_ns, *(sample[0] for sample in inside), end_ns]
    ran_ns = [now_ns - before_ns for before_ns, now_ns in pairwise(moments)]
    delayed_ns = [0] * len(ran_ns)

    def leave_out(index: int, left_ns: int) -> None:
        while left_ns > 0 and index >= 0:
            taken_ns = min(left_ns, ran_ns[index])
            ran_ns[index] -= taken_ns
            delayed_ns[index] += taken_ns
            left_ns -= taken_ns
            index -= 1

    shown_ns = 0
    for index, ((*_, before_ns), (*_, after_ns)) in enumerate(pairwise(inside), 1):
        if before_ns is not None and after_ns is not None and after_ns > before_ns:
            shown_ns += after_ns - before_ns
            leave_out(index, after_ns - before_ns)
    rest_ns = max(0, (delay_ns or 0) - shown_ns)
    first_ns = min(rest_ns, ran_ns[0])
    leave_out(0, first_ns)
    leave_out(len(inside), rest_ns - first_ns)
    weights = [(before_ns + after_ns) // 2 for before_ns, after_ns in pairwise(ran_ns)]
    weights[0] += ran_ns[0] // 2
    weights[-1] += ran_ns[-1] // 2
    is_felt = [delay_ns is None or delayed > 0 for delayed in delayed_ns]
    shared = [
        (from_ns, to_ns, max(0, ran - NEAR_NS))
        for index, (ran, (from_ns, to_ns)) in enumerate(zip(ran_ns, pairwise(moments), strict=True))
        if any(is_felt[max(0, index - 1) : index + 2])
    ]
    return weights, list(accumulate(ran_ns[:-1])), shared


def _unsampled(start_ns: int, end_ns: int, moments: Sequence[int]) -> list[Blind]:
    """Return the parts of a span that lie further than `FAR_NS` from any of these moments, which are in order."""
    first = max(0, bisect_left(moments, start_ns) - 1)
    last = bisect_right(moments, end_ns) + 1
    parts, until_ns = [], start_ns
    for moment in [*moments[first:last], end_ns + FAR_NS]:
        to_ns = min(end_ns, moment - FAR_NS)
        if to_ns > until_ns:
            parts.append((until_ns, to_ns, to_ns - until_ns))
        until_ns = max(until_ns, moment + FAR_NS)
    return parts


def _longest_attached_ns(start_ns: int, end_ns: int, inside: Sequence[RawSample]) -> int:
    """Return the longest stretch in which every sample of a span shows its thread attached.

    A call begins and ends attached.
    """
    longest_ns, at = 0, 0
    for is_attached, group in groupby(inside, key=lambda sample: sample[2]):
        run = list(group)
        if is_attached:
            from_ns = start_ns if at == 0 else run[0][0]
            to_ns = end_ns if at + len(run) == len(inside) else run[-1][1]
            longest_ns = max(longest_ns, to_ns - from_ns)
        at += len(run)
    return longest_ns


def pauses_beside_calls(
    spans: Sequence[Timed], beside: Sequence[tuple[int, int, int]], alone: Sequence[tuple[int, int, int]]
) -> GcPauses | None:
    """Return how long collections took beside calls, and alone; None where there was no collection alone. Pure.

    Only what lies within the calls' spans counts. Collections are those of `garbage_collector`.
    """
    lengths = [end_ns - start_ns - delay_ns for start_ns, end_ns, delay_ns in alone]
    if not lengths:
        return None
    starts, ends = [span.start_ns for span in spans], [span.end_ns for span in spans]
    longest_ns = n_collections = 0
    for start_ns, end_ns, delay_ns in beside:
        touched = range(bisect_right(ends, start_ns), bisect_left(starts, end_ns))
        n_collections += bool(touched)
        for index in touched:
            within_ns = min(end_ns, ends[index]) - max(start_ns, starts[index])
            longest_ns = max(longest_ns, within_ns - delay_ns)
    return GcPauses(
        n_calls=len(spans), n_collections=n_collections, longest_ns=longest_ns, alone_ns=max(0, min(lengths))
    )
