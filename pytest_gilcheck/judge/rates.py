"""At which part of their own speed threads worked while they ran together, and the speed-up that this gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import fmean
from typing import TYPE_CHECKING

from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.pieces import Stage

if TYPE_CHECKING:
    from pytest_gilcheck.judge.moments import Alone, Moments


def stages_of(moments: Sequence[Moments], slot: int) -> list[Stage]:
    """Return the sums of a thread's stages over these moments; none where nobody read the accounts."""
    by_round = [m.threads[slot].stages for m in moments if m.threads[slot].stages]
    n_stages = min(map(len, by_round), default=0)
    return [sum((stages[at] for stages in by_round), Stage()) for at in range(n_stages)]


def with_margin(moments: Sequence[Moments], alone: Mapping[int, Alone]) -> tuple[float, float, float]:
    """Return lower bound, figure and upper bound, with room for the differences among rounds.

    The bounds are of what happened in these moments. Others would have given another figure: how far it moves is told by
    what it is without each of the rounds, within the bounds (the jackknife).
    """
    low, value, high = speedup_of(moments, alone)
    without = [
        min(high, max(low, speedup_of([*moments[:place], *moments[place + 1 :]], alone)[1]))
        for place in range(len(moments))
    ]
    n, middle = len(without), fmean(without)
    error = sqrt((n - 1) / n * sum((figure - middle) ** 2 for figure in without))
    margin = rules.STANDARD_ERRORS * error
    return min(low, value - margin), value, min(float(len(alone)), max(high, value + margin))


def speedup_of(moments: Sequence[Moments], alone: Mapping[int, Alone]) -> tuple[float, float, float]:
    """Return lower bound, figure and upper bound of the speed-up.

    Where more threads compete than can run at once, as many as can are looked at. That many give a lower bound of what
    all of them reach on free cores, because a further competitor never makes the others get more done. The upper bound
    goes by the law of `makespan_ratio`.
    """
    rates = [_rates(moments, slot) for slot in range(len(moments[0].threads))]
    slowest, typical, most = ([rate[at] for rate in rates] for at in (0, 1, 2))
    work = [one.value_ns for _, one in sorted(alone.items())]
    all_work, longest = sum(work), max(work)
    n_threads, n_at_once = len(work), len(rates)
    if n_threads == n_at_once:
        low = all_work / max(w / rate for w, rate in zip(work, slowest, strict=True))
        high = all_work / max(longest, all_work / sum(most))
        at_work = most_at_work(moments, alone)
        if at_work is not None and n_threads == 2:  # noqa: PLR2004  (see `_most_of_two`)
            high = min(high, at_work)
        return low, makespan_ratio(work, typical), max(low, high)
    low = all_work / max(all_work / sum(slowest), longest / min(slowest))
    value = all_work / max(all_work / sum(typical), longest)
    slowed = (n_at_once / sum(most) - 1) / (n_at_once - 1)
    high = all_work / max(longest, all_work * (1 + slowed * (n_threads - 1)) / n_threads)
    return low, value, max(low, high, value)


def most_if_even(moments: Sequence[Moments]) -> float:
    """Return the upper bound of the speed-up of threads that work at these rates, if each had the same amount of work."""
    n_at_once = len(moments[0].threads)
    return n_at_once * min(_rates(moments, slot)[2] for slot in range(n_at_once))


def most_at_work(moments: Sequence[Moments], alone: Mapping[int, Alone]) -> float | None:
    """Return the largest speed-up that the processor time in dense pieces allows, where all threads were in them."""
    n_at_once = len(moments[0].threads)
    if n_at_once < len(alone) or not _are_read(moments):
        return None
    work = [one.value_ns for one in alone.values()]
    at_work = sum(min(1.0, _read_rate(moments, slot)[1]) for slot in range(n_at_once))
    return max(_most_of_two(moments), sum(work) / max(*work, sum(work) / max(_TINY, at_work)))


def _most_of_two(moments: Sequence[Moments]) -> float:
    """Return the largest speed-up of two threads that their order may have hidden; two where there are more.

    Who is handed the GIL or a lock is woken, and beside a busy process it is delayed then. What the other thread does meanwhile
    is done at the same time on free cores, and it would not have come to wait so soon. So the time in which one worked while
    the other was kept off may overlap with itself and with the time in which one was blocked. (Calls that hold the GIL for two
    thirds of their time came out at 1.02 at most, for a truth of 1.46.)
    """
    reads = [m.read for m in moments if m.read is not None]
    both_ns = sum(read.both_ns for read in reads)
    blocked_ns, instead_ns = sum(read.blocked_ns for read in reads), sum(read.instead_ns for read in reads)
    least_ns = both_ns + max(blocked_ns, (blocked_ns + instead_ns) / 2)
    work_ns = 2 * both_ns + blocked_ns + instead_ns
    return 2.0 if least_ns <= 0 else min(2.0, work_ns / least_ns)


def _are_read(moments: Sequence[Moments]) -> bool:
    return sum(m.dense_ns for m in moments) >= rules.LEAST_READ_TOGETHER_NS


def _read_rate(moments: Sequence[Moments], slot: int) -> tuple[float, float]:
    """Return at which part of its own speed a thread worked in the dense pieces: typically, and at most.

    All stages of a call are of the same length alone, and each takes as many times as long as the thread worked a smaller part
    of the time in it. So it does not matter how much of each was met.
    """
    stages = stages_of(moments, slot)
    met = [stage for stage in stages if stage.span_ns >= rules.LEAST_STAGE_NS]
    if not met:
        return 1.0, 1.0
    typical = len(met) / sum(stage.span_ns / max(1.0, stage.typical_ns) for stage in met)
    # Who is woken beside a busy process has its wait counted when it runs: likely pieces show less than was lost.
    if _are_quiet(met):
        typical = len(met) / sum(stage.quiet_span_ns / max(1.0, stage.quiet_ns) for stage in met)
    # In a stage that was hardly met, the thread may have worked all the time.
    longer = [stage.span_ns / max(1.0, min(stage.most_ns, stage.span_ns)) for stage in met]
    return typical, len(stages) / (sum(longer) + len(stages) - len(met))


def quiet_time_ns(moments: Sequence[Moments]) -> float:
    """Return for how long the threads were surely not kept off in quiet pieces; 0 where that is too little for a figure."""
    by_thread = [stages_of(moments, slot) for slot in range(len(moments[0].threads))]
    if not all(stages and _are_quiet(stages) for stages in by_thread):
        return 0.0
    return sum(stage.quiet_span_ns for stages in by_thread for stage in stages)


def _are_quiet(stages: Sequence[Stage]) -> bool:
    least_ns = max(rules.LEAST_READ_TOGETHER_NS / max(1, len(stages)), rules.LEAST_STAGE_NS)
    return all(stage.quiet_span_ns >= least_ns for stage in stages)


def _rates(moments: Sequence[Moments], slot: int) -> tuple[float, float, float]:
    """Return at which part of its own speed a thread worked: at least, typically, and at most.

    The figure is that of the pieces between readings from outside, if there are any. There is no lower bound of these pieces: who
    is woken beside a busy process is delayed, so that they show less of what a hand-over costs than there is on free cores.
    (Calls that hold the GIL for half of their time came out at 1.5, and were timed at 1.0 to 1.3.)
    """
    together_ns = max(1.0, sum(m.together_ns for m in moments))
    if len(stages := stages_of(moments, slot)) > 1:  # as much as the stage allows that was met least
        together_ns = max(1.0, min(together_ns, len(stages) * min(stage.surely_ns for stage in stages)))
    lost_ns, lost_typically_ns = (sum(m.threads[slot].lost_ns[at] for m in moments) for at in (0, 1))
    done_ns, done_typically_ns = (sum(m.threads[slot].done_ns[at] for m in moments) for at in (0, 1))
    slowest = 1 - lost_ns / together_ns
    typical = done_typically_ns / max(1.0, done_typically_ns + lost_typically_ns)
    most = done_ns / together_ns
    if _are_read(moments):
        typical, _ = _read_rate(moments, slot)
    slowest, most = max(_TINY, slowest), min(1.0, max(_TINY, most))
    return min(slowest, most), min(most, max(slowest, typical)), most


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
