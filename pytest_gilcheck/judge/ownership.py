"""Whose holds count: the callee's own threads', and not those of its neighbours.

A callee may give its work to threads of its own, old ones or new ones, and what these hold counts as held by the call. A
process that lives has other threads that take the GIL meanwhile: timers, servers, pools, event loops. Nothing that a
thread is tells the two apart. What it does while the call is *not* running does: between the calls, windows of about the
same length are recorded in which the measuring thread sleeps.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_gilcheck.judge import rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_gilcheck.evidence import CallSpan, OtherThread

#: All threads that were met so rarely that none of them can be judged by itself.
_RARE = -1


@dataclass(frozen=True, slots=True)
class OwnedCall:
    """One call, with what its own threads held.

    Attributes:
        least: The call with the holds that are surely the callee's.
        most: The call with all holds that may be.
        idle_waits_ns: How long its thread waited for the GIL while no thread held it.
        own_workers: The callee's own threads, as in `least`.
        possible_workers: These, and those that may be its own, as in `most`.
    """

    least: CallSpan
    most: CallSpan
    idle_waits_ns: int = 0
    own_workers: tuple[OtherThread, ...] = ()
    possible_workers: tuple[OtherThread, ...] = ()


@dataclass(slots=True)
class _Activity:
    """For how long one thread, or all rare ones together, held the GIL: in each batch of calls, and in each window."""

    in_batches: list[int]
    in_windows: list[int]


def owned_calls(calls: Sequence[CallSpan], windows: Sequence[CallSpan]) -> list[OwnedCall]:
    """Return the calls with what the callee's own threads held.

    A thread that holds the GIL in each of at least seven batches of calls at least ten times as much as in any of as many
    windows between them is the callee's. (A thread that has nothing to do with the call does so once in 3,432 checks: one
    of 14 choose 7 ways to spread it.) One that takes it in the windows as often is a neighbour, and left out. Whatever a
    thread holds beyond that may be either's: it is in the upper bound only.

    Args:
        calls: The calls, in order.
        windows: What other threads did between them, in order; a window ends a batch of calls.

    Returns:
        For each call its two bounds. They are the same where ownership is known, and where nobody else took the GIL.
    """
    if not any(call.others for call in calls):
        return [OwnedCall(call, call) for call in calls]
    names = _names([*calls, *windows])
    ends = [window.start_ns for window in windows]
    window_before = [bisect_right(ends, call.start_ns) for call in calls]
    batches = {window: index for index, window in enumerate(sorted(set(window_before)))}
    activities = {name: _Activity([0] * len(batches), [0] * len(windows)) for name in set(names.values())}
    spans = [0] * len(batches)
    for call, window_index in zip(calls, window_before, strict=True):
        index = batches[window_index]
        spans[index] += max(1, call.span_ns)
        for other in call.others:
            activities[names[other.thread]].in_batches[index] += _active_ns(other)
    for index, window in enumerate(windows):
        for other in window.others:
            activities[names[other.thread]].in_windows[index] += _active_ns(other)
    window_spans = [max(1, window.span_ns) for window in windows]
    own = _own(activities, spans, window_spans)
    free_ns = sum(max(0, call.span_ns - call.held_ns) for call in calls)
    doubt = {
        name: _doubtful_part(activity, free_ns, sum(window_spans))
        for name, activity in activities.items()
        if name not in own
    }
    return [_owned(call, names, doubt) for call in calls]


def _active_ns(other: OtherThread) -> int:
    """Return how long a thread held the GIL and was not kept off the processor, as far as that is known.

    A worker that has delivered its result goes on for 0.1 ms. Beside busy processes it lost the processor in that, with the
    GIL, and its 4 ms in the window after the call made a neighbour of it.
    """
    return other.held_ns - min(other.held_ns, other.off_processor.held_delay_ns if other.off_processor else 0)


def _own(activities: Mapping[int, _Activity], spans: Sequence[int], window_spans: Sequence[int]) -> set[int]:
    """Return the names of the callee's own threads. They are judged together: a pool gives each call to another worker.

    Shares of whole calls are compared with shares of windows: a neighbour that could not run while the call held the GIL
    makes up for it afterwards, and does not do more in all.
    """
    if len(spans) < rules.ENOUGH_BATCHES or len(window_spans) < rules.ENOUGH_BATCHES:
        return set()
    factor = rules.OWN_THREADS_FACTOR
    quiet = {
        name: activity
        for name, activity in activities.items()
        if sum(activity.in_batches) / sum(spans) >= factor * sum(activity.in_windows) / sum(window_spans)
    }
    if not quiet:
        return set()
    in_batches = map(sum, zip(*(activity.in_batches for activity in quiet.values()), strict=True))
    in_windows = map(sum, zip(*(activity.in_windows for activity in quiet.values()), strict=True))
    least = min(held_ns / span_ns for held_ns, span_ns in zip(in_batches, spans, strict=True))
    most = max(held_ns / span_ns for held_ns, span_ns in zip(in_windows, window_spans, strict=True))
    # Windows much shorter than the calls may miss a neighbour that takes the GIL now and then, but not a busy one.
    is_covered = sum(window_spans) >= sum(spans) / 2 or least >= rules.BUSY_SHARE
    return set(quiet) if is_covered and least > 0 and least >= factor * most else set()


def _names(spans: Iterable[CallSpan]) -> dict[int, int]:
    """Return for each thread the name under which it is judged: its own, or `_RARE`."""
    n_met: dict[int, int] = defaultdict(int)
    for span in spans:
        for other in span.others:
            n_met[other.thread] += 1
    return {thread: thread if n > rules.RARELY_MET else _RARE for thread, n in n_met.items()}


def _doubtful_part(activity: _Activity, free_ns: int, window_ns: int) -> float:
    """Return which part of a thread's holds in the calls is more than a neighbour with its habits would have."""
    in_calls_ns, in_windows_ns = sum(activity.in_batches), sum(activity.in_windows)
    if not in_windows_ns or not in_calls_ns:
        return 1.0
    usual_ns = rules.NEIGHBOUR_VARIES_FACTOR * free_ns * in_windows_ns / window_ns
    return max(0.0, 1.0 - usual_ns / in_calls_ns)


def _owned(call: CallSpan, names: dict[int, int], doubt: dict[int, float]) -> OwnedCall:
    """Return the bounds of one call; a thread is the callee's if there is no doubt about its name at all."""
    if not call.others:
        return OwnedCall(call, call)
    mine = [other for other in call.others if names[other.thread] not in doubt]
    theirs = [(other, doubt[names[other.thread]]) for other in call.others if names[other.thread] in doubt]
    held_by_others_ns = sum(other.held_ns for other, _ in theirs)
    # The callee's thread sleeps while its worker waits for a neighbour: that is waiting. It is exact for one worker.
    # Several may wait at the same time, and for each other.
    # While nobody has the GIL it waits for the processor.
    waits_ns = min(sum(other.waiting_ns - other.idle_waiting_ns for other in mine), held_by_others_ns)
    idle_waits_ns = max(0, call.waiting_ns - sum(other.waited_on_ns for other in call.others))
    least = _with_threads(call, mine, waits_ns if len(mine) == 1 else 0)
    if not any(part for _, part in theirs) and len(mine) <= 1:
        return OwnedCall(least, least, idle_waits_ns, tuple(mine), tuple(mine))
    maybe = [
        other
        if part == 1
        else replace(
            other,
            held_ns=round(part * other.held_ns),
            waited_on_ns=round(part * other.waited_on_ns),
            waiting_ns=round(part * other.waiting_ns),
            idle_waiting_ns=round(part * other.idle_waiting_ns),
            off_processor=None if not mine else other.off_processor,  # of which part of its time?
        )
        for other, part in theirs
        if part
    ]
    # If these threads are the callee's, what they waited for a neighbour was waiting, too. A pool's worker that held for 6 ms
    # and was free for 194 waited 10 ms for a busy thread, and the upper bound came out below its share.
    held_by_neighbours_ns = sum(round((1 - part) * other.held_ns) for other, part in theirs)
    maybe_waits_ns = sum(other.waiting_ns - other.idle_waiting_ns for other in (*mine, *maybe))
    most_waits_ns = max(waits_ns, min(maybe_waits_ns, held_by_neighbours_ns))
    most = _with_threads(call, [*mine, *maybe], most_waits_ns)
    return OwnedCall(least, most, idle_waits_ns, tuple(mine), (*mine, *maybe))


def _with_threads(call: CallSpan, threads: Sequence[OtherThread], waits_ns: int) -> CallSpan:
    released_ns = max(0, call.span_ns - call.held_ns - call.waiting_ns)
    held_ns = sum(other.held_ns for other in threads)
    waited_on_ns = sum(other.waited_on_ns for other in threads)
    return replace(
        call,
        workers_held_ns=held_ns,
        waiting_on_workers_ns=min(call.waiting_ns, waited_on_ns),
        waiting_ns=call.waiting_ns + min(waits_ns, released_ns),
        longest_hold_ns=max([call.longest_hold_ns, *(min(other.longest_hold_ns, other.held_ns) for other in threads)]),
        n_workers=len(threads),
    )
