"""What calls lose while they run together, and the speed-up that this gives on free cores."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Estimate, Reason
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.uncertainty import median_interval

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import Arm, Machine, Round, ShortRound, Stamp

#: Name of the figure.
QUANTITY = "speed-up on free cores"


@dataclass(frozen=True, slots=True)
class Together:
    """The opinion on the moments in which all threads ran their calls together.

    Attributes:
        speedup: How many times as fast the competing threads would be on free cores. Not measured where these moments
            decide nothing; `why_not` is then the slug of `doubt`.
        together_ns: For how long all threads surely ran their calls together, and none was kept off the processor.
        doubt: Why these moments decide nothing. None: they do.
        losses: What the threads lost in these moments, as shares of their time, by the names of `shortfall.losses`.
    """

    speedup: Estimate
    together_ns: int = 0
    doubt: Reason | None = None
    losses: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class _Alone:
    """What one call of a thread takes alone, without delay and waits for the GIL: at least, typically, at most.

    Of the typical time `cpu_ns` is processor time, and `asleep_ns` sleep.
    """

    low_ns: float
    value_ns: float
    high_ns: float
    cpu_ns: float
    asleep_ns: float
    varies: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """What one thread lost in some moments, and what its work in them takes alone: at most, and typically."""

    lost_ns: tuple[float, float]
    done_ns: tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Moments:
    """Some moments of one round: how long they are, how much of that is surely together, and what each thread did there.

    `together_ns` is the time in which surely no thread was kept off the processor. `parts_ns` is what all of them lost, by
    cause.
    """

    span_ns: int
    together_ns: int
    threads: Sequence[_Part]
    parts_ns: Mapping[str, float]

    @property
    def is_dense(self) -> bool:
        return self.together_ns >= rules.DENSE_SHARE * self.span_ns


def together(rounds: Sequence[Round | ShortRound], machine: Machine, held_share: Estimate) -> Together:
    """Return what the moments in which all threads ran together say of the calls.

    A thread is at each moment running, ready to run (delay), waiting for the GIL, or asleep. Calls of n threads lie in a
    stretch of time of length U, in which thread i was ready and not running for D_i. Then for at least T = U - sum(D_i)
    no thread was kept off the processor, whatever the scheduler did when. Thread i lost L_i there at most: the time of its
    calls beyond what they take alone, without the delay. It worked at a rate of at least 1 - L_i / T while all were there.

    Args:
        rounds: The rounds, with and without controls.
        machine: Where they were measured.
        held_share: What the ledger says of single calls. Holds of all threads come one after the other, so that the
            speed-up is at most the inverse of it (Amdahl).

    Returns:
        The speed-up on free cores, or why it is not known.
    """
    if any(r.serial.delay_ns is None or r.one_each.delay_ns is None for r in rounds):
        return _undecided(Reason("no-schedstat"))
    if not are_stamped(rounds, machine):
        return Together(Estimate(quantity=QUANTITY, why_not="no-stamps"))
    alone = _alone(rounds)
    doubt = _doubt(rounds, machine, alone)
    if doubt is not None:
        return _undecided(doubt)
    candidates = [
        [one for r in rounds if (one := _moments(r.one_each, alone, share)) is not None] for share in rules.DELAY_SHARES
    ]
    span_ns = median([one.value_ns for one in alone.values()])
    enough = [moments for moments in map(_dense, candidates) if _are_enough(moments, span_ns)]
    if not enough:
        most_ns = max((sum(m.together_ns for m in _dense(moments)) for moments in candidates), default=0)
        return _undecided(_too_little(most_ns, rounds, alone))
    speedup, moments = _speedup(enough, alone)
    most = (1 + rules.AMDAHL_SLACK) / max(1e-9, held_share.low or 0.0)
    if speedup.low is not None and speedup.low > most:
        return _undecided(
            Reason.of("witnesses-conflict", together=speedup, held_share=held_share.value, most_speedup=most)
        )
    speedup = _at_most(speedup, most)
    together_ns = sum(m.together_ns for m in moments)
    n_ns = sum(len(m.threads) * m.span_ns for m in moments)
    losses = {
        name: min(1.0, max(0.0, sum(m.parts_ns[name] for m in moments)) / max(1, n_ns)) for name in moments[0].parts_ns
    }
    return Together(speedup, together_ns, None, losses)


def control_overlaps(rounds: Sequence[Round]) -> bool:
    """Return whether the released control surely ran at nearly full speed while its threads ran together.

    Args:
        rounds: The whole rounds.

    Returns:
        True if the machine has a core for each of two threads: no other hyper-thread, clock or host slowed them down.
    """
    by_thread = _by_thread(stamp for r in rounds for stamp in r.control.stamps)
    alone = {thread: _alone_of(stamps) for thread, stamps in by_thread.items()}
    for share in rules.DELAY_SHARES:
        moments = _dense([one for r in rounds if (one := _moments(r.released, alone, share)) is not None])
        if len(moments) >= rules.FEWEST_TOGETHER_ROUNDS:
            low, _, _ = _bounds(moments, alone)
            if low >= rules.OPEN_CONTROL_SPEEDUP:
                return True
    return False


def _at_most(speedup: Estimate, most: float) -> Estimate:
    low, value, high = (
        min(most, bound) if bound is not None else None for bound in (speedup.low, speedup.value, speedup.high)
    )
    return Estimate(value, low, high, quantity=QUANTITY)


def _undecided(doubt: Reason) -> Together:
    return Together(Estimate(quantity=QUANTITY, why_not=doubt.slug), doubt=doubt)


def are_stamped(rounds: Sequence[Round | ShortRound], machine: Machine) -> bool:
    """Return whether there are stamps, with all accounts that matter on this interpreter.

    Args:
        rounds: The rounds.
        machine: Where they were measured.

    Returns:
        False also for rounds of an earlier version, which have no stamps.
    """
    stamps = [stamp for r in rounds for arm in (r.serial, r.one_each) for stamp in arm.stamps]
    return bool(stamps) and (not machine.has_gil or all(stamp.waiting_ns is not None for stamp in stamps))


def _too_little(together_ns: int, rounds: Sequence[Round | ShortRound], alone: Mapping[int, _Alone]) -> Reason:
    span_ns = round(median([one.value_ns for one in alone.values()])) if alone else 0
    values = {
        "together_ns": together_ns,
        "least_ns": max(rules.LEAST_TOGETHER_NS, rules.LEAST_TOGETHER_CALLS * span_ns),
        "n_rounds": len(rounds),
        "span_ns": span_ns,
        "slice_ns": rules.TIME_SLICE_NS,
    }
    if span_ns > rules.TIME_SLICE_NS:
        return Reason.of("longer-than-a-slice", **values)
    return Reason.of("rarely-together", **values)


def _doubt(rounds: Sequence[Round | ShortRound], machine: Machine, alone: Mapping[int, _Alone]) -> Reason | None:
    """Return why the accounts of these threads cannot decide, whatever they say."""
    others = [max(others_share(r.serial, r.n_threads), others_share(r.one_each, r.n_threads)) for r in rounds]
    if median(others) > rules.UNACCOUNTED_SHARE:
        return Reason.of("other-threads-work", others_share=median(others))
    stolen_ns = sum(r.stolen_ns or 0 for r in rounds) - rules.STOLEN_TICK_NS
    all_ns = machine.n_cpus * sum(r.wall_ns for r in rounds)
    if stolen_ns > rules.STOLEN_SHARE * all_ns:
        return Reason.of("stolen-time", stolen_share=stolen_ns / all_ns)
    threads = {stamp.thread for r in rounds for stamp in r.one_each.stamps}
    if len(threads) < 2 or not threads <= alone.keys():  # noqa: PLR2004  (together takes two)
        return _too_little(0, rounds, alone)
    return Reason("sleep-varies") if any(alone[thread].varies for thread in threads) else None


def others_share(arm: Arm, n_threads: int) -> float:
    """Return processor time of other threads of the process, as a share of that of the threads we follow.

    Args:
        arm: One arm of a round.
        n_threads: How many threads there are in all; those that wait for their phase use some processor time, too.

    Returns:
        The share; below zero where these threads used less than is allowed for.
    """
    others_ns = arm.process_cpu_ns - arm.cpu_ns - n_threads * rules.THREAD_RUN_NS
    return others_ns / max(1, arm.cpu_ns)


def _alone(rounds: Sequence[Round | ShortRound]) -> dict[int, _Alone]:
    """Return by thread what one call takes alone: of the stamps that were hardly delayed, without the first."""
    by_thread = _by_thread(stamp for r in rounds for stamp in r.serial.stamps)
    return {thread: _alone_of(stamps) for thread, stamps in by_thread.items()}


def _by_thread(stamps: Iterable[Stamp]) -> dict[int, list[Stamp]]:
    by_thread: dict[int, list[Stamp]] = defaultdict(list)
    for stamp in stamps:
        by_thread[stamp.thread].append(stamp)
    return by_thread


def _alone_of(stamps: Sequence[Stamp]) -> _Alone:
    if len(stamps) >= rules.ENOUGH_SERIAL_STAMPS:
        stamps = stamps[1:]
    undisturbed = [stamp for stamp in stamps if stamp.delay_ns <= rules.UNDISTURBED_SHARE * stamp.span_ns]
    if not undisturbed:
        undisturbed = sorted(stamps, key=lambda stamp: stamp.delay_ns / max(1, stamp.span_ns))[:3]
    calls_ns = sorted(_active_ns(stamp) / stamp.n_calls for stamp in undisturbed)
    typical_ns = median(calls_ns)
    _, high_ns = median_interval(calls_ns, calls_ns, rules.ROUND_LOOK_ALPHA)
    cpu_ns = median([stamp.cpu_ns / stamp.n_calls for stamp in undisturbed])
    asleep_ns = median([_asleep_ns(stamp) / stamp.n_calls for stamp in undisturbed])
    sleeps = asleep_ns > rules.UNACCOUNTED_SHARE * typical_ns
    varies = sleeps and calls_ns[-1] > rules.SLEEP_VARIES_FACTOR * calls_ns[0]
    return _Alone(calls_ns[0], typical_ns, max(high_ns, typical_ns), cpu_ns, max(0.0, asleep_ns), varies)


def _active_ns(stamp: Stamp) -> float:
    """Return how long the calls took without delay and waits for the GIL."""
    return max(1.0, stamp.span_ns - stamp.least_delay_ns - (stamp.waiting_ns or 0))


def _asleep_ns(stamp: Stamp) -> float:
    return stamp.span_ns - stamp.cpu_ns - stamp.least_delay_ns - (stamp.waiting_ns or 0)


def _moments(arm: Arm, alone: Mapping[int, _Alone], delay_share: float) -> _Moments | None:
    """Return the moments of an arm in which each thread is within calls that were delayed for at most this share.

    The delay is the only thing by which moments are chosen; what was lost in them is not looked at.
    """
    by_thread = _by_thread(arm.stamps)
    if len(by_thread) < 2:  # noqa: PLR2004  (as above)
        return None
    chosen = {
        thread: [stamp for stamp in stamps if stamp.delay_ns <= delay_share * stamp.span_ns]
        for thread, stamps in by_thread.items()
    }
    intervals = _common([[(stamp.start_ns, stamp.end_ns) for stamp in stamps] for stamps in chosen.values()])
    span_ns = sum(end - start for start, end in intervals)
    if not span_ns:
        return None
    delay_ns = 0.0
    parts: list[_Part] = []
    parts_ns = {"waiting": 0.0, "asleep": 0.0, "growth": 0.0}
    for thread, stamps in sorted(chosen.items()):
        others = [(s.start_ns, s.end_ns) for other, all_ in by_thread.items() if other != thread for s in all_]
        company = _union(others)
        lost = [0.0, 0.0]
        done = [0.0, 0.0]
        one = alone[thread]
        for stamp in stamps:
            within_ns = _overlap_ns(intervals, stamp)
            if not within_ns:
                continue
            delay_ns += min(stamp.most_delay_ns, within_ns)
            on_ns = stamp.span_ns - stamp.least_delay_ns
            # While none of the others is within a call, the thread works as it does alone: it loses nothing there. (When
            # that was left out, the second of two calls of 5 ms under a lock seemed to do half of its work beside the
            # first one, and the lock to allow 1.5.)
            together_ns = max(within_ns, _overlap_ns(company, stamp))
            apart_ns = stamp.span_ns - together_ns
            part = within_ns / together_ns
            kept = on_ns / max(1, stamp.span_ns)
            done_ns = min(max(0.0, stamp.n_calls * one.value_ns - apart_ns * kept), together_ns * kept)
            lost[0] += min(max(0.0, on_ns - stamp.n_calls * one.low_ns), within_ns)
            lost[1] += part * max(0.0, together_ns * kept - done_ns)
            done[0] += min(max(0.0, stamp.n_calls * one.high_ns - max(0, apart_ns - stamp.most_delay_ns)), within_ns)
            done[1] += part * done_ns
            parts_ns["waiting"] += part * (stamp.waiting_ns or 0)
            parts_ns["asleep"] += part * (_asleep_ns(stamp) - stamp.n_calls * one.asleep_ns)
            parts_ns["growth"] += part * (stamp.cpu_ns - stamp.n_calls * one.cpu_ns)
        parts.append(_Part((lost[0], lost[1]), (done[0], done[1])))
    return _Moments(span_ns, max(0, round(span_ns - delay_ns)), parts, parts_ns)


def _overlap_ns(intervals: Sequence[tuple[int, int]], stamp: Stamp) -> int:
    return sum(max(0, min(end, stamp.end_ns) - max(start, stamp.start_ns)) for start, end in intervals)


def _union(intervals: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the intervals in which at least one of these lies."""
    united: list[tuple[int, int]] = []
    for start, end in sorted(intervals):
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return united


def _common(lists: Iterable[Sequence[tuple[int, int]]]) -> list[tuple[int, int]]:
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


def _dense(moments: Sequence[_Moments]) -> list[_Moments]:
    return [m for m in moments if m.is_dense]


def _are_enough(moments: Sequence[_Moments], span_ns: float) -> bool:
    together_ns = sum(m.together_ns for m in moments)
    least_ns = max(rules.LEAST_TOGETHER_NS, rules.LEAST_TOGETHER_CALLS * span_ns)
    return len(moments) >= rules.FEWEST_TOGETHER_ROUNDS and together_ns >= least_ns


def _speedup(
    candidates: Sequence[Sequence[_Moments]], alone: Mapping[int, _Alone]
) -> tuple[Estimate, Sequence[_Moments]]:
    """Return the speed-up with its bounds, and the least delayed moments, which the figure itself is of.

    Each lower bound and each upper bound is true by itself, so the narrowest of all are taken.
    """
    bounds = [_bounds(moments, alone) for moments in candidates]
    low = max(low for low, _, _ in bounds)
    high = min(high for _, _, high in bounds)
    value = bounds[0][1]
    if low > high:  # calls differ by more than their bounds allow for: the least delayed moments are taken
        low, _, high = bounds[0]
        low, high = min(low, high), max(low, high)
    return Estimate(min(high, max(low, value)), low, high, quantity=QUANTITY), candidates[0]


def _bounds(moments: Sequence[_Moments], alone: Mapping[int, _Alone]) -> tuple[float, float, float]:
    """Return lower bound, figure and upper bound of the speed-up.

    Where more threads compete than can run at once, as many as can are looked at. That many give a lower bound of what
    all of them reach on free cores, because a further competitor never makes the others get more done. The upper bound
    goes by the law of `makespan_ratio`.
    """
    n_at_once = len(moments[0].threads)
    together_ns = max(1, sum(m.together_ns for m in moments))
    slowest, typical, most = [], [], []
    for slot in range(n_at_once):
        lost_ns, lost_typically_ns = (sum(m.threads[slot].lost_ns[at] for m in moments) for at in (0, 1))
        done_ns, done_typically_ns = (sum(m.threads[slot].done_ns[at] for m in moments) for at in (0, 1))
        slowest.append(max(_TINY, 1 - lost_ns / together_ns))
        typical.append(max(_TINY, done_typically_ns / max(1.0, done_typically_ns + lost_typically_ns)))
        most.append(min(1.0, max(_TINY, done_ns / together_ns)))
    work = [one.value_ns for _, one in sorted(alone.items())]
    all_work, longest = sum(work), max(work)
    n_threads = len(work)
    if n_threads == n_at_once:
        low = all_work / max(w / rate for w, rate in zip(work, slowest, strict=True))
        high = all_work / max(longest, all_work / sum(most))
        return low, makespan_ratio(work, typical), max(low, high)
    low = all_work / max(all_work / sum(slowest), longest / min(slowest))
    value = all_work / max(all_work / sum(typical), longest)
    slowed = (n_at_once / sum(most) - 1) / (n_at_once - 1)
    high = all_work / max(longest, all_work * (1 + slowed * (n_threads - 1)) / n_threads)
    return low, value, max(low, high, value)


_TINY = 1e-3


def makespan_ratio(work: Sequence[float], rates: Sequence[float]) -> float:
    """Return how many times as fast threads with so much work get it done, against one after the other.

    At first all of them work at their rates. When one is done, the others go on with fewer competitors: what a thread is
    slowed down by then falls in proportion to their number, as for a lock or a bus that all of them share evenly.

    Args:
        work: What each thread's work takes alone, in any unit.
        rates: At which part of its own speed each thread works while all of them do, in 0..1.

    Returns:
        The speed-up.
    """
    n, left = len(work), {index: amount for index, amount in enumerate(work) if amount > 0}
    mean_rate = max(_TINY, sum(rates) / n)
    spent = 0.0
    while left:
        if len(left) == n:
            now = {index: max(_TINY, rates[index]) for index in left}
        else:
            slowed = 1 + (1 / mean_rate - 1) * (len(left) - 1) / max(1, n - 1)
            now = dict.fromkeys(left, 1 / slowed)
        step = min(amount / now[index] for index, amount in left.items())
        spent += step
        left = {
            index: amount - now[index] * step
            for index, amount in left.items()
            if amount - now[index] * step > 1e-9 * amount
        }
    return sum(work) / max(_TINY, spent)
