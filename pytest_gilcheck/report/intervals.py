"""What each thread did to the GIL within one call, as intervals. Nothing is added to what the record has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_gilcheck.evidence import CallSpan, Observation, Verdict

#: What a thread does after an event. One that gave way to a waiting thread wants the GIL back at once.
_STATES = {"take": "held", "release": "released", "release_by_interpreter": "waiting", "wait": "waiting"}

#: A run of short intervals that are drawn as one.
MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class Interval:
    """A part of a call in which a thread did one thing.

    Attributes:
        start_ns: When it begins, from the start of the span.
        end_ns: When it ends.
        state: ``held``, ``released``, ``waiting``; ``mixed`` for several short ones together.
        held_ns: How much of it the thread held the GIL.
        waiting_ns: How much of it the thread waited for the GIL.
    """

    start_ns: int
    end_ns: int
    state: str
    held_ns: int = 0
    waiting_ns: int = 0

    @property
    def length_ns(self) -> int:
        """How long it lasts."""
        return self.end_ns - self.start_ns


def thread_intervals(call: CallSpan) -> dict[int, tuple[Interval, ...]]:
    """Return the intervals of each thread of a call, by the thread's index; 0 is the call's own.

    Times that the record does not cover are in no interval: what another thread did before its first event, whether it
    lived on after its last release, and all that came after the last event of a record that was cut.

    Args:
        call: A call.

    Returns:
        The intervals of each thread, in order. Empty for a call without a record of its events.
    """
    if call.timeline is None:
        return {}
    length_ns = max(0, call.end_ns - call.start_ns)
    found: dict[int, list[Interval]] = {0: []}
    # The call's own thread begins with the GIL.
    since: dict[int, tuple[int, str]] = {0: (0, "held")}

    def close(thread: int, at_ns: int) -> None:
        start_ns, state = since[thread]
        if at_ns > start_ns:
            held_ns, waiting_ns = ((at_ns - start_ns) * (state == word) for word in ("held", "waiting"))
            found.setdefault(thread, []).append(Interval(start_ns, at_ns, state, held_ns, waiting_ns))

    for event in call.timeline.events:
        at_ns = min(max(event.at_ns, since.get(event.thread, (0,))[0]), length_ns)
        if event.thread in since:
            close(event.thread, at_ns)
        elif event.kind in ("release", "release_by_interpreter"):
            found.setdefault(event.thread, [])  # when it took the GIL is not in the record
        since[event.thread] = (at_ns, _STATES.get(event.kind, "waiting"))
    if not call.timeline.n_dropped:
        for thread, (_, state) in since.items():
            if thread == 0 or state != "released":
                close(thread, length_ns)
    return {thread: tuple(intervals) for thread, intervals in found.items()}


def shown_call(observation: Observation, verdict: Verdict) -> CallSpan | None:
    """Return the call that the timeline of a verdict is drawn from; None where the verdict has none."""
    recorded = [call for call in observation.calls if call.timeline is not None]
    if not recorded or not verdict.timeline:
        return None
    longest_hold_ns = verdict.longest_hold_ns or 0
    return min(recorded, key=lambda call: abs(call.longest_hold_ns - longest_hold_ns))


def coarser(intervals: Sequence[Interval], most: int) -> list[Interval]:
    """Return at most so many intervals that cover the same times.

    Long intervals stay as they are. Neighbours that are too short to be told apart become one that is *mixed*, with the
    time of each state in it.

    Args:
        intervals: The intervals of one thread, in order.
        most: How many there may be, 8 or more.

    Returns:
        The intervals, in order.
    """
    if len(intervals) <= most or not intervals:
        return list(intervals)
    # At most a quarter of `most` are longer than this. Between them, before and after lies a mixed one, and for each time
    # this length once more: 1 + 3/4 in all, and one for each gap in the record, which ends a mixed one too.
    longest_ns = (intervals[-1].end_ns - intervals[0].start_ns) * 4 / most
    found: list[Interval] = []
    run: list[Interval] = []

    def close() -> None:
        if run:
            only = run[0] if len(run) == 1 else _together(run)
            found.append(only)
            run.clear()

    for interval in intervals:
        if interval.length_ns >= longest_ns:
            close()
            found.append(interval)
            continue
        if run and interval.end_ns - run[0].start_ns > longest_ns:
            close()
        run.append(interval)
    close()
    return found


def _together(run: Sequence[Interval]) -> Interval:
    held_ns, waiting_ns = sum(one.held_ns for one in run), sum(one.waiting_ns for one in run)
    return Interval(run[0].start_ns, run[-1].end_ns, MIXED, held_ns, waiting_ns)
