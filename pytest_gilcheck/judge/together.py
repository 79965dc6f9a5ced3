"""What calls lose while they run together, and the speed-up that this gives on free cores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Estimate, Reason
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.moments import Alone, Moments, alone_by_thread, alone_of, moments_of, stamps_by_thread
from pytest_gilcheck.judge.pieces import pieces_of
from pytest_gilcheck.judge.rates import (
    most_at_work,
    most_if_even,
    quiet_time_ns,
    speedup_of,
    stages_of,
    with_margin,
)

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import Arm, Machine, Round, ShortRound

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
        most_at_work: The most that the speed-up can be if all processor time in these moments was work. No slow or shared core
            makes it lower. None: nobody read the accounts from outside.
        n_threads: For how many threads at once the speed-up is.
        is_even: Whether the calls of all threads take about as long alone.
        most_if_even: The upper bound of the speed-up if they did.
    """

    speedup: Estimate
    together_ns: int = 0
    doubt: Reason | None = None
    losses: Mapping[str, float] | None = None
    most_at_work: float | None = None
    n_threads: int = 0
    is_even: bool = False
    most_if_even: float | None = None

    @property
    def differs_in_length_alone(self) -> bool:
        """Whether the speed-up may be low only because the calls of some threads take longer than those of others."""
        return not self.is_even and self.most_if_even is not None and self.most_if_even >= rules.OVERLAP_LEAST_SPEEDUP


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
    alone = alone_by_thread(rounds)
    doubt = _doubt(rounds, machine, alone)
    if doubt is not None:
        return _undecided(doubt)
    # Of an arm with few stamps most is the ends of the stretch, of which less is known: the other arms are also taken alone.
    most_stamps = max(len(r.one_each.stamps) for r in rounds)
    long = [r for r in rounds if 2 * len(r.one_each.stamps) > most_stamps]
    pieces = [(r, pieces_of(r.one_each)) for r in rounds]
    candidates = [
        [
            one
            for r, of_round in pieces
            if any(r is other for other in chosen)
            and (one := moments_of(r.one_each, alone, share, of_round)) is not None
        ]
        for share in rules.DELAY_SHARES
        for chosen in ((long, rounds) if len(long) < len(rounds) else (rounds,))
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
    on_ns = max(1.0, sum(m.on_ns for m in moments))
    losses = {name: min(1.0, max(0.0, sum(m.parts_ns[name] for m in moments)) / on_ns) for name in moments[0].parts_ns}
    alone_ns = [one.value_ns for one in alone.values()]
    return Together(
        speedup,
        together_ns,
        None,
        losses,
        _least(most_at_work(m, alone) for m in enough),
        len(moments[0].threads),
        max(alone_ns) <= rules.EVEN_FACTOR * min(alone_ns),
        most_if_even(moments),
    )


def control_overlaps(rounds: Sequence[Round]) -> bool:
    """Return whether the released control surely ran at nearly full speed while its threads ran together.

    Args:
        rounds: The whole rounds.

    Returns:
        True if the machine has a core for each of two threads: no other hyper-thread, clock or host slowed them down.
    """
    by_thread = stamps_by_thread(stamp for r in rounds for stamp in r.control.stamps)
    alone = {thread: alone_of(stamps) for thread, stamps in by_thread.items()}
    for share in rules.DELAY_SHARES:
        moments = _dense([one for r in rounds if (one := moments_of(r.released, alone, share, [])) is not None])
        if len(moments) >= rules.FEWEST_TOGETHER_ROUNDS:
            low, _, _ = speedup_of(moments, alone)
            if low >= rules.OPEN_CONTROL_SPEEDUP:
                return True
    return False


def _least(figures: Iterable[float | None]) -> float | None:
    return min((figure for figure in figures if figure is not None), default=None)


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


def _too_little(together_ns: int, rounds: Sequence[Round | ShortRound], alone: Mapping[int, Alone]) -> Reason:
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


def _doubt(rounds: Sequence[Round | ShortRound], machine: Machine, alone: Mapping[int, Alone]) -> Reason | None:
    """Return why the accounts of these threads cannot decide, whatever they say."""
    others = [max(others_share(r.serial, r.n_threads), others_share(r.one_each, r.n_threads)) for r in rounds]
    if median(others) > rules.UNACCOUNTED_SHARE:
        return Reason.of("other-threads-work", others_share=median(others))
    if is_stolen_from(rounds, machine):
        return Reason.of("stolen-time", stolen_share=_stolen_share(rounds, machine))
    threads = {stamp.thread for r in rounds for stamp in r.one_each.stamps}
    if len(threads) < 2 or not threads <= alone.keys():  # noqa: PLR2004  (together takes two)
        return _too_little(0, rounds, alone)
    if any(alone[thread].varies for thread in threads):
        return Reason("sleep-varies")
    stamps = [stamp for r in rounds for stamp in r.one_each.stamps]
    is_delayed = sum(s.delay_ns for s in stamps) > rules.UNDISTURBED_SHARE * sum(s.span_ns for s in stamps)
    # Where one core fewer is free than threads want, they compute in turns and sleep at once: what they would lose to each
    # other while both compute hardly shows, and the moments in which it would are those with a delay.
    return Reason("sleeps-in-part") if is_delayed and any(alone[thread].sleeps_in_part for thread in threads) else None


def is_stolen_from(rounds: Sequence[Round | ShortRound], machine: Machine) -> bool:
    """Return whether the host or a quota took so much time from the rounds that accounts of threads do not decide."""
    return _stolen_share(rounds, machine) > rules.STOLEN_SHARE


def _stolen_share(rounds: Sequence[Round | ShortRound], machine: Machine) -> float:
    stolen_ns = sum(r.stolen_ns or 0 for r in rounds) - rules.STOLEN_TICK_NS
    return stolen_ns / max(1, machine.n_cpus * sum(r.wall_ns for r in rounds))


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


def _dense(moments: Sequence[Moments]) -> list[Moments]:
    return [m for m in moments if m.is_dense]


def _are_enough(moments: Sequence[Moments], span_ns: float) -> bool:
    if len(moments) < rules.FEWEST_TOGETHER_ROUNDS:
        return False
    stages = [stages_of(moments, slot) for slot in range(len(moments[0].threads))]
    are_divided = any(len(of_thread) > 1 for of_thread in stages)
    least_ns = max(
        rules.LEAST_READ_TOGETHER_NS if all(stages) else rules.LEAST_TOGETHER_NS,
        (1 if are_divided else rules.LEAST_TOGETHER_CALLS) * span_ns,
    )
    if sum(max(m.together_ns, m.dense_ns) for m in moments) < least_ns:
        return False
    return all(
        stage.surely_ns >= rules.LEAST_STAGE_NS for of_thread in stages if len(of_thread) > 1 for stage in of_thread
    )


def _speedup(candidates: Sequence[Sequence[Moments]], alone: Mapping[int, Alone]) -> tuple[Estimate, Sequence[Moments]]:
    """Return the speed-up with its bounds, and the least delayed moments.

    Each lower bound and each upper bound is true by itself, so the narrowest of all are taken. The figure is that of the moments
    with most quiet pieces, if there are enough of these, and else that of the least delayed ones.
    """
    bounds = [with_margin(moments, alone) for moments in candidates]
    low = max(low for low, _, _ in bounds)
    high = min(high for _, _, high in bounds)
    quiet_ns = [quiet_time_ns(moments) for moments in candidates]
    quietest = quiet_ns.index(max(quiet_ns))
    value = bounds[quietest if quiet_ns[quietest] else 0][1]
    if low > high:  # calls differ by more than their bounds allow for: the least delayed moments are taken
        low, _, high = bounds[0]
        low, high = min(low, high), max(low, high)
    return Estimate(min(high, max(low, value)), low, high, quantity=QUANTITY), candidates[0]
