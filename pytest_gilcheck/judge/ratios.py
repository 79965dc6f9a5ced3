"""How many times as fast are competing threads, and do the controls come out as what they are?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Arm, Estimate
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.uncertainty import median, median_ranks

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import Bench, Round

#: Least, as found, most.
Bounds = tuple[float, float, float]


def speedup_of(serial: Arm, crew: Arm, at_once: float) -> Bounds:
    """How many times as fast were the competing threads in one round? Least, as found, most.

    One thread that nobody waits for would have taken what it took, less the time in which it was ready and not running,
    and at least that less its waits for the GIL, which somebody else who was kept off the processor may have had.
    In the crew such time of one thread may also have kept others waiting, all of it or nothing: without it the crew
    would have taken no more than it did, and no less than that minus the time of all of them, no less than its
    processor time spread over the `at_once` threads that can run (more threads than cores keep each other off), and no
    less than what all of them did with the GIL in hand, one after the other.
    """
    serial_ns = max(1, serial.wall_ns - (serial.delay_ns or 0))
    # A callee with threads of its own uses as many cores in competing threads as it does alone, at least.
    at_once = max(at_once, serial.process_cpu_ns / max(1, serial.wall_ns))
    spread_ns = min(crew.wall_ns, max(crew.cpu_ns, crew.process_cpu_ns) / at_once)
    with_gil_ns = min(crew.wall_ns, crew.held_cpu_ns or 0)
    shortest_crew_ns = max(1.0, crew.wall_ns - (crew.delay_ns or 0), spread_ns, with_gil_ns)
    low, high = max(1, serial_ns - (serial.waiting_ns or 0)) / max(1, crew.wall_ns), serial_ns / shortest_crew_ns
    return low, min(serial.wall_ns / max(1, crew.wall_ns), high), high


def efficiency_of(call: Bounds, control: Bounds) -> Bounds:
    """What did the call reach of what the released control reached in the same round? Least, as found, most."""
    return call[0] / max(1e-9, control[2]), call[1] / max(1e-9, control[1]), call[2] / max(1e-9, control[0])


def _alone(round_: Round) -> Arm:
    """What the calls of the held control take one after the other: it works for so much processor time, whatever that is
    worth. (Made anew in each round they were slower or faster than those of the crew, wherever the host changed its mind.)"""
    ns = round_.n_threads * round_.n_control_calls * round_.control_ns
    return Arm(ns, ns, ns, ns, delay_ns=0, waiting_ns=0)


def is_quiet(bounds: Bounds) -> bool:
    """Was the crew hardly kept off the processor? Chosen by that alone, never by what the round says."""
    return bounds[2] <= bounds[0] * rules.QUIET_ROUND_FACTOR


def are_enough(quiet: Sequence[object], rounds: Sequence[object]) -> bool:
    """Can the quiet ones stand for all rounds?"""
    n = len(quiet)
    return n >= rules.ENOUGH_QUIET_ROUNDS or (n >= rules.FEWEST_QUIET_ROUNDS and 2 * n >= len(rounds))


def most_certain(bounds: Sequence[Bounds]) -> Sequence[Bounds]:
    """The quiet rounds, if there are enough; otherwise all."""
    quiet = [bound for bound in bounds if is_quiet(bound)]
    return quiet if are_enough(quiet, bounds) else bounds


def interval(bounds: Sequence[Bounds], quantity: str, *, is_control: bool = False) -> Estimate:
    """The typical ratio over rounds: the median, and order statistics of least and most, whatever their distribution.

    Quiet rounds alone, if there are enough. Too few rounds for the level: the extremes, widened.
    """
    if not bounds:
        return Estimate(quantity=quantity, why_not="no wall-clock rounds were run")
    chosen = most_certain(bounds)
    first, last = median_ranks(len(chosen), rules.ROUND_LOOK_ALPHA)
    low = sorted(bound[0] for bound in chosen)[first]
    high = sorted(bound[2] for bound in chosen)[last]
    factor = _few_factor(len(chosen), is_control=is_control)
    low, high = low / factor, high * factor
    value = math.exp(median([math.log(max(1e-9, bound[1])) for bound in chosen]))
    return Estimate(value, min(low, value), max(high, value), quantity=quantity)


def _few_factor(n: int, *, is_control: bool) -> float:
    if n >= rules.ENOUGH_ROUNDS:
        return 1.0
    if is_control:
        return rules.FEW_CONTROLS_FACTOR
    return next(factor for least, factor in rules.FEW_ROUNDS_FACTORS if n >= least)


def word_of(speedup: Estimate) -> str | None:
    """Which word does the interval decide? None: it contains the border, or nothing was measured."""
    if speedup.low is None or speedup.high is None:
        return None
    if speedup.low > rules.OVERLAP_LEAST_SPEEDUP:
        return "overlaps"
    return "serialised" if speedup.high < rules.OVERLAP_LEAST_SPEEDUP else None


def are_accounted(rounds: Sequence[Round]) -> bool:
    """Is it known for all threads that worked in these rounds when they were kept off the processor?

    Not for threads of the callee's own, nor for a call that alone sleeps: it waits for somebody whose account is not ours.
    Both are so of the call, that is in most rounds; in a single one a clock is read late.
    """
    arms = [arm for r in rounds for arm in (r.serial, r.crew)]
    if any(arm.delay_ns is None for arm in arms):
        return False
    others = [max(_others_share(arm, r.n_threads) for arm in (r.serial, r.crew)) for r in rounds]
    return max(median(others), median([_asleep_share(r.serial) for r in rounds])) <= rules.UNACCOUNTED_SHARE


def was_left_alone(rounds: Sequence[Round]) -> bool:
    """Did hardly anybody else use the processors? The controls, which need them all, tell: beside one busy process for each
    two processors they are kept off for a quarter of their time."""
    controls = [arm for r in rounds for arm in (r.control, r.released, r.held)]
    delay_ns = sum(arm.delay_ns or 0 for arm in controls)
    return delay_ns <= rules.LEFT_ALONE_SHARE * sum(arm.thread_ns for arm in controls)


def _grows(rounds: Sequence[Round]) -> bool:
    return median([r.crew.cpu_ns / max(1, r.serial.cpu_ns) for r in rounds]) > 1 + rules.UNACCOUNTED_SHARE


def _others_share(arm: Arm, n_threads: int) -> float:
    """Processor time of other threads of the process, as a share of that of those followed."""
    others_ns = arm.process_cpu_ns - arm.cpu_ns - n_threads * rules.TURN_NS
    return others_ns / max(1, arm.cpu_ns)


def _asleep_share(arm: Arm) -> float:
    """Neither running, nor ready to, nor waiting for the GIL: that one is accounted for by itself."""
    return (arm.wall_ns - arm.cpu_ns - (arm.delay_ns or 0) - (arm.waiting_ns or 0)) / max(1, arm.wall_ns)


def _efficiency(paired: Estimate, speedup: Estimate, released: Estimate) -> Estimate:
    """What is known of the efficiency: paired in each round, and by what the two factors are known to lie between.

    Beside busy processes few rounds leave both the call and the control alone, while each is left alone in enough.
    """
    if paired.low is None or paired.value is None or paired.high is None:
        return paired
    least, typical, most = efficiency_of(_bounds_of(speedup), _bounds_of(released))
    low, high = max(paired.low, least), min(paired.high, most)
    if low > high:  # the machine changed meanwhile: only what is paired can be compared
        return paired
    value = paired.value if low <= paired.value <= high else min(high, max(low, typical))
    return Estimate(value, low, high, quantity=paired.quantity)


def _bounds_of(estimate: Estimate) -> Bounds:
    return estimate.low or 0.0, estimate.value or 0.0, estimate.high or 0.0


@dataclass(frozen=True, slots=True)
class Ratios:
    """What the rounds say of the call and of the controls, by the same rule. `quiet` are the rounds whose crew was hardly
    kept off the processor; from `told_by` the speed-up comes. `is_accounted`: all threads' time off the processor is known.
    `is_left_alone`: hardly anybody else used the processors. `grows`: the calls need more processor time in the crew, which no
    account explains. `is_bound`: what the ledger saw held leaves no room for an overlap, on any machine."""

    speedup: Estimate
    released: Estimate
    held: Estimate
    efficiency: Estimate
    quiet: Sequence[Round]
    told_by: Sequence[Round]
    is_accounted: bool
    is_left_alone: bool
    grows: bool
    has_gil: bool
    is_bound: bool = False

    @staticmethod
    def of(rounds: Sequence[Round], bench: Bench) -> Ratios:
        """Efficiency is paired within each round, so that what disturbs a whole round cancels."""
        at_once = [max(1.0, min(r.n_threads, bench.usable_cores)) for r in rounds]
        paired = list(zip(rounds, at_once, strict=True))
        speedups = [speedup_of(r.serial, r.crew, most) for r, most in paired]
        released = [speedup_of(r.control, r.released, most) for r, most in paired]
        held = [speedup_of(_alone(r), r.held, most) for r, most in paired]
        quiet = [r for r, bounds in zip(rounds, speedups, strict=True) if is_quiet(bounds)]
        speedup = interval(speedups, "speed-up")
        control = interval(released, "speed-up of the released control", is_control=True)
        efficiency = interval([efficiency_of(*pair) for pair in zip(speedups, released, strict=True)], "efficiency")
        return Ratios(
            speedup,
            control,
            interval(held, "speed-up of the held control", is_control=True),
            _efficiency(efficiency, speedup, control),
            quiet,
            quiet if are_enough(quiet, rounds) else rounds,
            are_accounted(rounds),
            was_left_alone(rounds),
            _grows(rounds),
            bench.has_gil,
        )

    def bounded(self, held_share: Estimate) -> Ratios:
        """The same, knowing from the ledger which share of a call is held: holds of all threads come one after the other,
        so that the speed-up is at most its inverse (Amdahl). No help where the rounds contradict it.
        """
        low, value, high = self.speedup.low, self.speedup.value, self.speedup.high
        if low is None or value is None or high is None or not held_share.low:
            return self
        most = (1 + rules.AMDAHL_SLACK) / held_share.low
        if most < low:
            return self
        told = replace(self, is_bound=most < rules.OVERLAP_LEAST_SPEEDUP)
        if most >= high:
            return told
        speedup = Estimate(min(value, most), low, most, quantity=self.speedup.quantity)
        return replace(told, speedup=speedup, efficiency=_efficiency(self.efficiency, speedup, self.released))

    @property
    def word(self) -> str | None:
        """Which word do the rounds decide, the controls allowing? None: none.

        *Overlaps* needs the held control to be what it is; without a GIL that one has nothing to hold, and the released one
        must overlap. A call is *serialised* if the ledger leaves no room for anything else, or if the released control
        overlaps and the call falls short of it: on the two halves of one core that one may reach 1.3. Where time off the
        processor is accounted for, and the calls need no more of it than alone, the word rests on the call's upper
        bound, which leaves that time out: then it is enough that the released control could have overlapped by the same
        rule.

        Where it is not accounted for, nobody may have used the processors: what neighbours do to the callee's own threads is
        not seen, and two callers get a larger part of a busy machine for theirs than one (rapidfuzz with two workers,
        which gains nothing alone, seemed 1.6 times as fast beside two busy processes).
        """
        word = word_of(self.speedup)
        if self.is_bound:
            return word
        if not self._held_is_told or (not self.is_accounted and not self.is_left_alone):
            return None
        control_overlaps = word_of(self.released) == "overlaps"
        if word != "serialised":
            return word if self.has_gil or control_overlaps else None
        if self.is_accounted and not self.grows and self._could_have_overlapped:
            return word
        return word if control_overlaps and self.falls_short else None

    @property
    def falls_short(self) -> bool:
        """Did the call surely reach less than the machine gave the control?"""
        return self.efficiency.high is not None and self.efficiency.high < rules.FALLS_SHORT_EFFICIENCY

    @property
    def loses(self) -> bool:
        """Is so much surely lost that a cause could be named?"""
        return self.efficiency.high is not None and self.efficiency.high < rules.ASKS_WHY_EFFICIENCY

    @property
    def separate(self) -> bool:
        """Are the controls told apart, the held one being what it is? The released one may gain little: a machine whose
        threads share their cores gives it no more."""
        if not self.has_gil:
            return word_of(self.released) == "overlaps"
        low, high = self.released.low, self.held.high
        return self._held_is_told and low is not None and high is not None and low > high

    @property
    def _held_is_told(self) -> bool:
        return not self.has_gil or word_of(self.held) == "serialised"

    @property
    def _could_have_overlapped(self) -> bool:
        high = self.released.high
        return high is not None and high >= rules.OPEN_CONTROL_SPEEDUP
