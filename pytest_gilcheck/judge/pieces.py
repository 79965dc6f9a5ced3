"""The pieces between readings from outside: for how long nobody was kept off the processor in each, and who worked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from pytest_gilcheck.judge import rules

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import Arm, Reading

#: Into so many parts a long call is divided, to see if all of it ran together with others.
N_PARTS = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """The time between two readings.

    By thread: `kept_off_ns` is for how long it may have been ready and not running, `likely_off_ns` for how long it was if it
    never waits for anything else, and `cpu_ns` how much it worked.
    """

    start_ns: int
    end_ns: int
    kept_off_ns: Mapping[int, int]
    likely_off_ns: Mapping[int, int]
    cpu_ns: Mapping[int, int]

    @property
    def span_ns(self) -> int:
        """How long it is."""
        return self.end_ns - self.start_ns

    def together_ns(self, within_ns: int, *, likely: bool = False) -> int:
        """Return for how long surely (or likely) no thread was kept off the processor, in so much of the piece."""
        off_ns = self.likely_off_ns if likely else self.kept_off_ns
        return max(0, within_ns - sum(min(ns, within_ns) for ns in off_ns.values()))


def pieces_of(arm: Arm) -> list[Piece]:
    """Return the pieces between the readings of an arm, in the order of time.

    The system counts a wait for the processor when it is over. So what is counted in a piece may have passed before it,
    unless the thread worked in between; in no case was a thread kept off while it worked. A thread that only computes was
    kept off right until it was counted: of such a thread it is known exactly.

    Args:
        arm: An arm of competing threads.

    Returns:
        The pieces; none where nobody read the accounts.
    """
    by_thread: dict[int, list[Reading]] = defaultdict(list)
    for reading in arm.readings:
        by_thread[reading.thread].append(reading)
    moments = [reading.at_ns for reading in next(iter(by_thread.values()), [])]
    if any([reading.at_ns for reading in readings] != moments for readings in by_thread.values()):
        return []
    kept_off = {thread: list(_kept_off(readings))[::-1] for thread, readings in by_thread.items()}
    likely = {thread: list(_likely_off(readings))[::-1] for thread, readings in by_thread.items()}
    return [
        Piece(
            start,
            end,
            {thread: ns[place] for thread, ns in kept_off.items()},
            {thread: ns[place] for thread, ns in likely.items()},
            {t: min(end - start, of[place + 1].cpu_ns - of[place].cpu_ns) for t, of in by_thread.items()},
        )
        for place, (start, end) in enumerate(pairwise(moments))
    ]


def _kept_off(readings: Sequence[Reading]) -> Iterator[int]:
    """Yield for how long the thread may have been kept off the processor between two readings, the last ones first."""
    counted_later_ns = readings[-1].at_ns - readings[0].at_ns  # nobody has seen the end of a wait that goes on
    for after, before in pairwise(reversed(readings)):
        cpu_ns, counted_ns = after.cpu_ns - before.cpu_ns, after.delay_ns - before.delay_ns
        yield max(0, min(after.at_ns - before.at_ns - cpu_ns, counted_ns + counted_later_ns))
        worked = cpu_ns > rules.READING_SLACK_NS
        counted_later_ns = counted_ns if worked else counted_ns + counted_later_ns


def _likely_off(readings: Sequence[Reading]) -> Iterator[int]:
    """Yield for how long the thread was kept off if each wait ended where it was counted, the last pieces first."""
    left_ns = 0
    for after, before in pairwise(reversed(readings)):
        idle_ns = max(0, after.at_ns - before.at_ns - (after.cpu_ns - before.cpu_ns))
        left_ns += after.delay_ns - before.delay_ns
        yield (here_ns := min(idle_ns, left_ns))
        left_ns -= here_ns


def overlap_ns(intervals: Sequence[tuple[int, int]], start_ns: int, end_ns: int) -> int:
    """Return how much of these intervals, which do not overlap each other, lies between two moments."""
    return sum(max(0, min(end, end_ns) - max(start, start_ns)) for start, end in intervals)


@dataclass(frozen=True, slots=True)
class Worked:
    """How much threads worked while likely none was kept off the processor, in the pieces where that is nearly all of the time.

    `span_ns`: how long that was. `cpu_ns`: by thread, the processor time that it used then, typically and at most.
    `together_ns`: for how long surely nobody was kept off in any piece. `parts_ns`: that by thread and part of its call.
    """

    span_ns: int
    cpu_ns: Mapping[int, tuple[float, float]]
    together_ns: int
    parts_ns: Mapping[int, Sequence[float]]


def worked(
    pieces: Sequence[Piece], intervals: Sequence[tuple[int, int]], calls: Mapping[int, Sequence[tuple[int, int]]]
) -> Worked:
    """Return how much the threads worked together.

    Args:
        pieces: The pieces of an arm.
        intervals: When all threads were within the calls that are looked at.
        calls: From when to when each call lasted, by thread. Empty for threads whose calls are too short to have parts.

    Returns:
        Sums over the pieces.
    """
    span_ns = together_ns = 0
    threads = pieces[0].cpu_ns.keys() if pieces else ()
    typical, most = dict.fromkeys(threads, 0.0), dict.fromkeys(threads, 0.0)
    parts_ns = {thread: [0.0] * N_PARTS for thread in calls}
    places = {thread: _places(pieces, thread, of) for thread, of in calls.items()}
    for number, piece in enumerate(pieces):
        in_calls_ns = overlap_ns(intervals, piece.start_ns, piece.end_ns)
        surely_ns, within_ns = piece.together_ns(in_calls_ns), piece.together_ns(in_calls_ns, likely=True)
        together_ns += surely_ns
        for thread, parts in parts_ns.items():
            if (part := places[thread][number]) is not None:
                parts[part] += surely_ns
        if within_ns < rules.DENSE_PIECE_SHARE * piece.span_ns:
            continue
        span_ns += within_ns
        for thread, cpu_ns in piece.cpu_ns.items():
            typical[thread] += cpu_ns * within_ns / piece.span_ns
            most[thread] += min(cpu_ns, within_ns)
    return Worked(span_ns, {t: (typical[t], most[t]) for t in threads}, together_ns, parts_ns)


def _places(pieces: Sequence[Piece], thread: int, calls: Sequence[tuple[int, int]]) -> list[int | None]:
    """Return for each piece in which part of a call it lies, by the work that the thread had done for it until then."""
    places: list[int | None] = [None] * len(pieces)
    for start, end in calls:
        within = [n for n, piece in enumerate(pieces) if start <= (piece.start_ns + piece.end_ns) / 2 < end]
        all_ns, done_ns = sum(pieces[n].cpu_ns[thread] for n in within), 0.0
        for n in within:
            middle = done_ns + pieces[n].cpu_ns[thread] / 2
            places[n] = min(N_PARTS - 1, int(N_PARTS * middle / max(1, all_ns)))
            done_ns += pieces[n].cpu_ns[thread]
    return places
