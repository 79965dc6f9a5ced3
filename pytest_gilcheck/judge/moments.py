"""The moments of an arm in which all threads were within their calls: how long they are, and what was lost in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.pieces import Piece, Stage, Worked, overlap_ns, worked
from pytest_gilcheck.judge.uncertainty import median_interval

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import Arm, Round, ShortRound, Stamp


@dataclass(frozen=True, slots=True)
class Alone:
    """What one call of a thread takes alone, without delay and waits for the GIL: at least, typically, at most.

    Of the typical time `cpu_ns` is processor time, and `asleep_ns` sleep. `cpu_high_ns` is the most processor time.
    """

    low_ns: float
    value_ns: float
    high_ns: float
    cpu_ns: float
    cpu_high_ns: float
    asleep_ns: float
    varies: bool

    @property
    def computes(self) -> bool:
        """Whether it spends all of its time but for a small part on a processor."""
        return self.cpu_ns > (1 - rules.UNACCOUNTED_SHARE) * self.value_ns

    @property
    def sleeps_in_part(self) -> bool:
        """Whether it both sleeps and computes for a good part of its time."""
        return rules.UNACCOUNTED_SHARE < self.asleep_ns / max(1.0, self.value_ns) < 1 - rules.UNACCOUNTED_SHARE


@dataclass(frozen=True, slots=True)
class Part:
    """What one thread lost in some moments, and what its work in them takes alone: at most, and typically.

    `stages` is the work between readings, in time that it takes alone. Empty: nobody read the accounts, or the call does not spend
    its time on a processor.
    """

    lost_ns: tuple[float, float]
    done_ns: tuple[float, float]
    stages: Sequence[Stage] = ()


@dataclass(frozen=True, slots=True)
class Moments:
    """Some moments of one round: how long they are, how much of that is surely together, and what each thread did there.

    `together_ns` is the time in which surely no thread was kept off the processor, and `dense_ns` that in the dense pieces.
    `read` is what two threads did between readings. `on_ns` is how long the threads were not delayed, in sum, and `parts_ns` what
    they lost of that, by cause. `delay_ns` is how long they were delayed in these moments at most, in sum.
    """

    span_ns: int
    together_ns: int
    threads: Sequence[Part]
    on_ns: float
    parts_ns: Mapping[str, float]
    dense_ns: int = 0
    read: Worked | None = None
    delay_ns: float = 0.0

    @property
    def is_dense(self) -> bool:
        """Whether enough of these moments is surely together, or it is known in which pieces of them all worked."""
        return self.together_ns >= rules.DENSE_SHARE * self.span_ns or self.dense_ns > 0


def alone_by_thread(rounds: Sequence[Round | ShortRound]) -> dict[int, Alone]:
    """Return what one call takes alone.

    Args:
        rounds: The rounds, with and without controls.

    Returns:
        It by thread, from the serial stamps that were hardly delayed.
    """
    by_thread = stamps_by_thread(stamp for r in rounds for stamp in r.serial.stamps)
    return {thread: alone_of(stamps) for thread, stamps in by_thread.items()}


def stamps_by_thread(stamps: Iterable[Stamp]) -> dict[int, list[Stamp]]:
    """Return the stamps of each thread."""
    by_thread: dict[int, list[Stamp]] = defaultdict(list)
    for stamp in stamps:
        by_thread[stamp.thread].append(stamp)
    return by_thread


def alone_of(stamps: Sequence[Stamp]) -> Alone:
    """Return what one call takes in these stamps of one thread alone, without the first, which may still be warming up."""
    if len(stamps) >= rules.ENOUGH_SERIAL_STAMPS:
        stamps = stamps[1:]
    undisturbed = [stamp for stamp in stamps if stamp.delay_ns <= rules.UNDISTURBED_SHARE * stamp.span_ns]
    if not undisturbed:
        undisturbed = sorted(stamps, key=lambda stamp: stamp.delay_ns / max(1, stamp.span_ns))[:3]
    calls_ns = sorted(_active_ns(stamp) / stamp.n_calls for stamp in undisturbed)
    typical_ns = median(calls_ns)
    _, high_ns = median_interval(calls_ns, calls_ns, rules.ROUND_LOOK_ALPHA)
    calls_cpu_ns = sorted(stamp.cpu_ns / stamp.n_calls for stamp in undisturbed)
    _, cpu_high_ns = median_interval(calls_cpu_ns, calls_cpu_ns, rules.ROUND_LOOK_ALPHA)
    cpu_ns = median(calls_cpu_ns)
    asleep_ns = median([_asleep_ns(stamp) / stamp.n_calls for stamp in undisturbed])
    sleeps = asleep_ns > rules.UNACCOUNTED_SHARE * typical_ns
    varies = sleeps and calls_ns[-1] > rules.SLEEP_VARIES_FACTOR * calls_ns[0]
    return Alone(
        calls_ns[0],
        typical_ns,
        max(high_ns, typical_ns),
        cpu_ns,
        max(cpu_high_ns, cpu_ns),
        max(0.0, asleep_ns),
        varies,
    )


def _active_ns(stamp: Stamp) -> float:
    """Return how long the calls took without delay and waits for the GIL."""
    return max(1.0, stamp.span_ns - stamp.least_delay_ns - (stamp.waiting_ns or 0))


def _asleep_ns(stamp: Stamp) -> float:
    return stamp.span_ns - stamp.cpu_ns - stamp.least_delay_ns - (stamp.waiting_ns or 0)


def moments_of(arm: Arm, alone: Mapping[int, Alone], delay_share: float, pieces: Sequence[Piece]) -> Moments | None:
    """Return the moments of an arm in which each thread is within calls that were delayed for at most this share.

    The delay is the only thing by which moments are chosen; what was lost in them is not looked at.

    Args:
        arm: An arm of competing threads.
        alone: What one call takes alone, by thread.
        delay_share: The largest share of a stamp's time that was delay.
        pieces: The pieces between readings from outside of this arm; none where nobody read the accounts.

    Returns:
        The moments. None where there are none.
    """
    by_thread = stamps_by_thread(arm.stamps)
    if len(by_thread) < 2:  # noqa: PLR2004  (together takes two)
        return None
    chosen = {
        thread: [stamp for stamp in stamps if stamp.delay_ns <= delay_share * stamp.span_ns]
        for thread, stamps in by_thread.items()
    }
    intervals = common_intervals([[(stamp.start_ns, stamp.end_ns) for stamp in stamps] for stamps in chosen.values()])
    span_ns = sum(end - start for start, end in intervals)
    if not span_ns:
        return None
    read = worked(pieces, intervals, _long_calls(chosen, alone)) if pieces else None
    delay_ns = all_on_ns = 0.0
    parts: list[Part] = []
    parts_ns = {"waiting": 0.0, "asleep": 0.0, "growth": 0.0}
    for thread, stamps in sorted(chosen.items()):
        others = [(s.start_ns, s.end_ns) for other, all_ in by_thread.items() if other != thread for s in all_]
        company = _union(others)
        lost = [0.0, 0.0]
        done = [0.0, 0.0]
        one = alone[thread]
        there = []
        for stamp in stamps:
            within_ns = overlap_ns(intervals, stamp.start_ns, stamp.end_ns)
            if not within_ns:
                continue
            there.append(stamp)
            delay_ns += min(stamp.most_delay_ns, within_ns)
            on_ns = stamp.span_ns - stamp.least_delay_ns
            # While none of the others is within a call, the thread works as it does alone: it loses nothing there. (When
            # that was left out, the second of two calls of 5 ms under a lock seemed to do half of its work beside the
            # first one, and the lock to allow 1.5.)
            together_ns = max(within_ns, overlap_ns(company, stamp.start_ns, stamp.end_ns))
            apart_ns = stamp.span_ns - together_ns
            part = within_ns / together_ns
            all_on_ns += part * on_ns
            kept = on_ns / max(1, stamp.span_ns)
            done_ns = min(max(0.0, stamp.n_calls * one.value_ns - apart_ns * kept), together_ns * kept)
            lost[0] += min(max(0.0, on_ns - stamp.n_calls * one.low_ns), within_ns)
            lost[1] += part * max(0.0, together_ns * kept - done_ns)
            done[0] += min(max(0.0, stamp.n_calls * one.high_ns - max(0, apart_ns - stamp.most_delay_ns)), within_ns)
            done[1] += part * done_ns
            parts_ns["waiting"] += part * (stamp.waiting_ns or 0)
            parts_ns["asleep"] += part * (_asleep_ns(stamp) - stamp.n_calls * one.asleep_ns)
            parts_ns["growth"] += part * (stamp.cpu_ns - stamp.n_calls * one.cpu_ns)
        parts.append(Part((lost[0], lost[1]), (done[0], done[1]), _stages(read, thread, there, one)))
    together_ns = max(0, round(span_ns - delay_ns))
    if read is None:
        return Moments(span_ns, together_ns, parts, all_on_ns, parts_ns, delay_ns=delay_ns)
    dense_ns = read.span_ns if all(part.stages for part in parts) else 0
    return Moments(span_ns, max(together_ns, read.together_ns), parts, all_on_ns, parts_ns, dense_ns, read, delay_ns)


def _long_calls(chosen: Mapping[int, Sequence[Stamp]], alone: Mapping[int, Alone]) -> dict[int, list[tuple[int, int]]]:
    """Return from when to when the calls lasted that are longer than a time slice, by thread."""
    return {
        thread: [(stamp.start_ns, stamp.end_ns) for stamp in stamps]
        for thread, stamps in chosen.items()
        if alone[thread].value_ns > rules.TIME_SLICE_NS
    }


def _stages(read: Worked | None, thread: int, stamps: Sequence[Stamp], alone: Alone) -> tuple[Stage, ...]:
    """Return the work of a thread between readings, in time that it takes alone; none for a call that does not compute.

    A thread that computes does no more work than it uses a processor for. Of its calls' processor time as much is no work as
    they need more than alone.
    """
    if read is None or thread not in read.stages or not alone.computes:
        return ()
    stages = read.stages[thread]
    cpu_ns, n_calls = sum(stamp.cpu_ns for stamp in stamps), sum(stamp.n_calls for stamp in stamps)
    factor = alone.value_ns / alone.cpu_ns
    kept = min(1.0, n_calls * alone.cpu_ns / max(1, cpu_ns)) * factor
    saved_ns = max(0.0, n_calls * alone.cpu_high_ns - cpu_ns) / len(stages)
    return tuple(
        Stage(
            stage.surely_ns * kept,
            stage.span_ns,
            stage.typical_ns * kept,
            (stage.most_ns + saved_ns) * factor,
            stage.quiet_span_ns,
            stage.quiet_ns * kept,
        )
        for stage in stages
    )


def _union(intervals: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the intervals in which at least one of these lies."""
    united: list[tuple[int, int]] = []
    for start, end in sorted(intervals):
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return united


def common_intervals(lists: Iterable[Sequence[tuple[int, int]]]) -> list[tuple[int, int]]:
    """Return the intervals in which each of the lists has one; the intervals of a list do not overlap each other."""
    common: list[tuple[int, int]] | None = None
    for intervals in lists:
        if common is None:
            common = sorted(intervals)
            continue
        both = []
        for start, end in common:
            for other_start, other_end in intervals:
                first, last = max(start, other_start), min(end, other_end)
                if first < last:
                    both.append((first, last))
        common = sorted(both)
    return common or []
