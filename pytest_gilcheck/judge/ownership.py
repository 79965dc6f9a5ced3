"""Whose holds count: the callee's own threads', and not those of its neighbours.

A callee may give its work to threads of its own, old ones or new ones, and what these hold counts as held by the call. A
process that lives has other threads that take the GIL meanwhile: timers, servers, pools, event loops. Nothing that a
thread is tells the two apart. What it does while the call is *not* running does: between the calls, windows of about the
same length are recorded in which the measuring thread sleeps.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_gilcheck.judge import rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_gilcheck.evidence import CallSpan, OtherThread

#: All threads that were met so rarely that none of them can be judged by itself.
_RARE = -1


@dataclass(frozen=True, slots=True)
class OwnedCall:
    """One call, with what its own threads held.

    Attributes:
        least: The call with the holds that are surely the callee's.
        most: The call with all holds that may be.
    """

    least: CallSpan
    most: CallSpan


@dataclass(slots=True)
class _Activity:
    """What one thread, or all rare ones together, did in the calls and in the windows."""

    batches: set[int] = field(default_factory=set)
    windows: set[int] = field(default_factory=set)
    held_in_calls_ns: int = 0
    held_in_windows_ns: int = 0


def owned_calls(calls: Sequence[CallSpan], windows: Sequence[CallSpan]) -> list[OwnedCall]:
    """Return the calls with what the callee's own threads held.

    A thread that took the GIL inside the calls only, in each of at least seven batches of them and in none of as many
    windows between them, is the callee's. (A thread that has nothing to do with the call does so once in 3,432 checks:
    one of 14 choose 7 ways to spread it.) One that takes it in the windows as often is a neighbour, and left out. Whatever
    a thread holds beyond that may be either's: it is in the upper bound only.

    Args:
        calls: The calls, in order.
        windows: What other threads did between them, in order; a window ends a batch of calls.

    Returns:
        For each call its two bounds. They are the same where ownership is known, and where nobody else took the GIL.
    """
    if not any(call.others for call in calls):
        return [OwnedCall(call, call) for call in calls]
    names = _names([*calls, *windows])
    activities: dict[int, _Activity] = defaultdict(_Activity)
    batch_of = [sum(1 for window in windows if window.start_ns < call.start_ns) for call in calls]
    for call, batch in zip(calls, batch_of, strict=True):
        for other in call.others:
            activity = activities[names[other.thread]]
            activity.batches.add(batch)
            activity.held_in_calls_ns += other.held_ns
    for index, window in enumerate(windows):
        for other in window.others:
            activity = activities[names[other.thread]]
            activity.windows.add(index)
            activity.held_in_windows_ns += other.held_ns
    # Threads that came and went in the windows as others did in the calls are of one kind: somebody starts threads.
    free_ns = sum(max(0, call.span_ns - call.held_ns) for call in calls)
    window_ns = sum(window.span_ns for window in windows)
    enough = len(set(batch_of)) >= rules.ENOUGH_BATCHES and len(windows) >= rules.ENOUGH_BATCHES
    own: set[int] = set()
    doubt: dict[int, float] = {}
    only_inside = [name for name, activity in activities.items() if not activity.windows]
    inside = set().union(*(activities[name].batches for name in only_inside))
    held_inside_ns = sum(activities[name].held_in_calls_ns for name in only_inside)
    is_covered = window_ns >= free_ns / 2 or held_inside_ns >= free_ns / 4
    if enough and is_covered and len(inside) == len(set(batch_of)):
        own.update(only_inside)
    for name, activity in activities.items():
        if name not in own:
            doubt[name] = _doubtful_part(activity, free_ns, window_ns)
    return [_owned(call, names, own, doubt) for call in calls]


def _names(spans: Iterable[CallSpan]) -> dict[int, int]:
    """Return for each thread the name under which it is judged: its own, or `_RARE`."""
    n_met: dict[int, int] = defaultdict(int)
    for span in spans:
        for other in span.others:
            n_met[other.thread] += 1
    return {thread: thread if n > rules.RARELY_MET else _RARE for thread, n in n_met.items()}


def _doubtful_part(activity: _Activity, free_ns: int, window_ns: int) -> float:
    """Return which part of a thread's holds in the calls is more than a neighbour with its habits would have."""
    if not activity.windows or not window_ns or not activity.held_in_calls_ns:
        return 1.0
    usual_ns = rules.NEIGHBOUR_VARIES_FACTOR * free_ns * activity.held_in_windows_ns / window_ns
    return max(0.0, 1.0 - usual_ns / activity.held_in_calls_ns)


def _owned(call: CallSpan, names: dict[int, int], own: set[int], doubt: dict[int, float]) -> OwnedCall:
    if not call.others:
        return OwnedCall(call, call)
    mine = [other for other in call.others if names[other.thread] in own]
    theirs = [(other, doubt.get(names[other.thread], 1.0)) for other in call.others if names[other.thread] not in own]
    held_by_others_ns = sum(other.held_ns for other, _ in theirs)
    # The callee's thread sleeps while its worker waits for a neighbour: that is waiting. It is exact for one worker.
    # Several may wait at the same time, and for each other.
    waits_ns = min(sum(other.waiting_ns for other in mine), held_by_others_ns)
    least = _with_threads(call, mine, waits_ns if len(mine) == 1 else 0)
    if not any(part for _, part in theirs) and len(mine) <= 1:
        return OwnedCall(least, least)
    maybe = [
        replace(other, held_ns=round(part * other.held_ns), waited_on_ns=round(part * other.waited_on_ns))
        for other, part in theirs
        if part
    ]
    return OwnedCall(least, _with_threads(call, [*mine, *maybe], waits_ns))


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
