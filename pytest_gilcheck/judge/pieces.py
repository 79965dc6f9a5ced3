"""The pieces between readings from outside: for how long nobody was kept off the processor in each, and who worked."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
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

    def is_quiet(self, share: float) -> bool:
        """Return whether its threads were surely kept off the processor for at most this share of its time, in sum."""
        return sum(self.kept_off_ns.values()) <= share * self.span_ns


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
    left_ns = readings[-1].at_ns - readings[0].at_ns  # nobody has seen the end of a wait that goes on
    is_seen = False
    for after, before in pairwise(reversed(readings)):
        cpu_ns = after.cpu_ns - before.cpu_ns
        left_ns += after.delay_ns - before.delay_ns
        off_ns = max(0, min(after.at_ns - before.at_ns - cpu_ns, left_ns))
        yield off_ns
        left_ns -= off_ns
        if not is_seen and cpu_ns > rules.READING_SLACK_NS:
            # From here back all waits have been counted: those of this piece as in it, as far as it has room for them.
            is_seen = True
            left_ns = max(0, after.delay_ns - before.delay_ns - off_ns)


def overlap_ns(intervals: Sequence[tuple[int, int]], start_ns: int, end_ns: int) -> int:
    """Return how much of these intervals, which are sorted and do not overlap each other, lies between two moments."""
    total_ns = 0
    for start, end in islice(intervals, bisect_right(intervals, start_ns, key=_end), None):
        if start >= end_ns:
            break
        total_ns += min(end, end_ns) - max(start, start_ns)
    return max(0, total_ns)


def _end(interval: tuple[int, int]) -> int:
    return interval[1]


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of a thread's calls, or all of them: what the thread did in it while others ran their calls.

    `surely_ns`: for how long it worked and surely nobody was kept off the processor. `span_ns`: how long the dense pieces are, of
    which that is likely for nearly all of the time, and `typical_ns` and `most_ns` how long it worked in them. In quiet pieces
    surely nobody was kept off for long: `quiet_span_ns` is how long the thread itself was not, and `quiet_ns` how long it worked.
    """

    surely_ns: float = 0.0
    span_ns: float = 0.0
    typical_ns: float = 0.0
    most_ns: float = 0.0
    quiet_span_ns: float = 0.0
    quiet_ns: float = 0.0

    def __add__(self, other: Stage) -> Stage:
        """Return the sums of both."""
        return Stage(
            self.surely_ns + other.surely_ns,
            self.span_ns + other.span_ns,
            self.typical_ns + other.typical_ns,
            self.most_ns + other.most_ns,
            self.quiet_span_ns + other.quiet_span_ns,
            self.quiet_ns + other.quiet_ns,
        )


@dataclass(frozen=True, slots=True)
class Worked:
    """What threads did between readings while likely none was kept off the processor.

    `span_ns`: how long the dense pieces are. `together_ns`: for how long surely nobody was kept off in any piece. `stages`: by
    thread, in the order of a call. `both_ns`, `blocked_ns` and `instead_ns`, of two threads in all pieces: for how long both
    worked, one worked while the other waited for something else than a processor, and one worked while the other was kept off.
    """

    span_ns: int
    together_ns: int
    stages: Mapping[int, Sequence[Stage]]
    both_ns: float = 0.0
    blocked_ns: float = 0.0
    instead_ns: float = 0.0


def worked(
    pieces: Sequence[Piece], intervals: Sequence[tuple[int, int]], calls: Mapping[int, Sequence[tuple[int, int]]]
) -> Worked:
    """Return how much the threads worked together.

    Args:
        pieces: The pieces of an arm.
        intervals: When all threads were within the calls that are looked at.
        calls: From when to when each call lasted, by thread. Threads whose calls are too short to be divided are not here.

    Returns:
        Sums over the pieces.
    """
    span_ns = together_ns = 0
    threads = pieces[0].cpu_ns.keys() if pieces else ()
    stages = {thread: [Stage()] * (N_PARTS if thread in calls else 1) for thread in threads}
    places: dict[int, list[int | None]] = {
        thread: _places(pieces, thread, calls[thread]) if thread in calls else [0] * len(pieces) for thread in threads
    }
    both_ns = blocked_ns = instead_ns = 0.0
    for number, piece in enumerate(pieces):
        in_calls_ns = overlap_ns(intervals, piece.start_ns, piece.end_ns)
        surely_ns, likely_ns = piece.together_ns(in_calls_ns), piece.together_ns(in_calls_ns, likely=True)
        dense_ns = likely_ns if likely_ns >= rules.DENSE_PIECE_SHARE * piece.span_ns else 0
        together_ns += surely_ns
        span_ns += dense_ns
        part = in_calls_ns / max(1, piece.span_ns)
        both, blocked, instead = of_two(piece, piece.likely_off_ns)
        is_quiet = piece.is_quiet(rules.QUIET_SHARE)
        both_ns, blocked_ns, instead_ns = (
            both_ns + part * both,
            blocked_ns + part * blocked,
            instead_ns + part * instead,
        )
        for thread, cpu_ns in piece.cpu_ns.items():
            if (place := places[thread][number]) is not None:
                typical_ns, most_ns = cpu_ns * dense_ns / max(1, piece.span_ns), min(cpu_ns, dense_ns)
                quiet_ns = (
                    (part * (piece.span_ns - piece.kept_off_ns[thread]), part * cpu_ns) if is_quiet else (0.0, 0.0)
                )
                stages[thread][place] += Stage(min(surely_ns, cpu_ns), dense_ns, typical_ns, most_ns, *quiet_ns)
    return Worked(span_ns, together_ns, stages, both_ns, blocked_ns, instead_ns)


def of_two(piece: Piece, off_by_thread_ns: Mapping[int, int]) -> tuple[float, float, float]:
    """Return what two threads did in a piece.

    Args:
        piece: The piece.
        off_by_thread_ns: For how long each thread was kept off the processor in it.

    Returns:
        For how long both surely worked, one worked and the other was blocked, and one worked and the other was kept off. Zeros
        where there are not two threads.
    """
    if len(piece.cpu_ns) != 2:  # noqa: PLR2004  (as the name says)
        return 0.0, 0.0, 0.0
    cpu_ns, off_ns = list(piece.cpu_ns.values()), list(off_by_thread_ns.values())
    both_ns = max(0.0, float(sum(cpu_ns) - piece.span_ns))
    alone_ns = [max(0.0, ns - both_ns) for ns in cpu_ns]
    instead_ns = min(alone_ns[0], off_ns[1]) + min(alone_ns[1], off_ns[0])
    return both_ns, sum(alone_ns) - instead_ns, instead_ns


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
