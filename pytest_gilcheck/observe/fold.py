"""Turns the raw record of a call into a record of evidence. Pure."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import CallSpan, GilEvent, GilTimeline, GilWaits, OffProcessor, OtherThread, Progress

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pytest_gilcheck._native import Span


def common_ns(first: Sequence[tuple[int, int]], second: Sequence[tuple[int, int]]) -> int:
    """Return how long two lists of disjoint, ordered intervals cover the same time."""
    total = i = j = 0
    while i < len(first) and j < len(second):
        total += max(0, min(first[i][1], second[j][1]) - max(first[i][0], second[j][0]))
        if first[i][1] < second[j][1]:
            i += 1
        else:
            j += 1
    return total


def call_span(raw: Span, *, with_timeline: bool = True, left_out: Collection[int] = ()) -> CallSpan:
    """Return how one call spent its time, and what other threads did to the GIL meanwhile.

    No figure comes from the bounded log of events: that serves the timeline alone. `left_out` holds the idents of threads
    that are known not to be the callee's: those of other checks.
    """
    timeline = None
    if with_timeline:
        events = raw.events
        order: dict[int, int] = {raw.thread: 0}
        for _, _, thread in events:
            order.setdefault(thread, len(order))
        timeline = GilTimeline(tuple(GilEvent(at, kind, order[thread]) for at, kind, thread in events), raw.n_dropped)
    return CallSpan(
        start_ns=raw.start_ns,
        end_ns=raw.end_ns,
        held_ns=raw.held_ns,
        waiting_ns=raw.waiting_ns,
        longest_hold_ns=raw.longest_hold_ns,
        n_releases_by_function=raw.n_releases_by_function,
        n_releases_by_interpreter=raw.n_releases_by_interpreter,
        cpu_ns=raw.cpu_ns,
        thread=raw.thread,
        delay_ns=raw.delay_ns,
        held_delay_ns=raw.held_delay_ns,
        free_delay_ns=raw.free_delay_ns,
        unsplit_delay_ns=raw.unsplit_delay_ns,
        instrument_ns=raw.instrument_ns,
        others=tuple(_other_thread(other) for other in raw.others if other[0] not in left_out),
        process_cpu_ns=raw.process_cpu_ns,
        timeline=timeline,
    )


def _other_thread(
    other: tuple[int, int, int, int, int, int, int, tuple[int, int, int, int, int, int, int] | None],
) -> OtherThread:
    thread, held_ns, longest_hold_ns, n_holds, waited_on_ns, waiting_ns, idle_waiting_ns, off = other
    return OtherThread(
        thread=thread,
        held_ns=held_ns,
        longest_hold_ns=longest_hold_ns,
        n_holds=n_holds,
        waited_on_ns=waited_on_ns,
        waiting_ns=waiting_ns,
        idle_waiting_ns=idle_waiting_ns,
        off_processor=None if off is None else OffProcessor(*off),
    )


def waits_beside_calls(calls: Sequence[CallSpan], gil_waits: Sequence[tuple[int, int, int]]) -> GilWaits:
    """Return how long calls, made one after the other, kept the native GIL waiter waiting.

    A wait of `gil_waits` is (when it began, when it got the GIL, how long it was ready and not running). Only what lies
    within the calls' spans counts.
    """
    longest_wait_ns = n_waits = 0
    ends = [call.end_ns for call in calls]
    for begun_ns, got_ns, delay_ns in gil_waits:
        # Comparing each of hundreds of waits with each of a thousand short calls took nine tenths of a whole check.
        for index in range(bisect_right(ends, begun_ns), len(calls)):
            call = calls[index]
            if call.start_ns >= got_ns:
                break
            waited_ns = min(got_ns, call.end_ns) - max(begun_ns, call.start_ns)
            n_waits += waited_ns > 0
            longest_wait_ns = max(longest_wait_ns, waited_ns - delay_ns)
    return GilWaits(
        n_calls=len(calls),
        n_waits=n_waits,
        longest_wait_ns=longest_wait_ns,
        n_releases_by_function=sum(call.n_releases_by_function for call in calls),
        n_releases_by_interpreter=sum(call.n_releases_by_interpreter for call in calls),
    )


def progress_beside(calls: Sequence[CallSpan], runs: Sequence[tuple[int, int]], *, is_exact: bool = False) -> Progress:
    """Return how long the background thread ran within the calls' spans.

    `runs` are those of the background thread, in order, as (start, end) in nanoseconds. `is_exact`: the ledger was open, and
    knows for how long the calls held the GIL.
    """
    spans = [(call.start_ns, call.end_ns) for call in calls]
    n_background_runs = sum(1 for start, end in runs if any(start < last and first < end for first, last in spans))
    return Progress(
        n_calls=len(calls),
        n_background_runs=n_background_runs,
        background_ns=common_ns(spans, runs),
        span_ns=sum(end - start for start, end in spans),
        held_ns=sum(call.held_ns for call in calls) if is_exact else None,
    )
