"""How many times as fast are competing threads, and do the controls come out as what they are?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Estimate
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.uncertainty import median, median_ranks

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import Arm, Bench, Round

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
    if is_control and n > 1:
        return rules.FEW_CONTROLS_FACTOR
    return next(factor for least, factor in rules.FEW_ROUNDS_FACTORS if n >= least)


def word_of(speedup: Estimate) -> str | None:
    """Which word does the interval decide? None: it contains the border, or nothing was measured."""
    if speedup.low is None or speedup.high is None:
        return None
    if speedup.low > rules.OVERLAP_LEAST_SPEEDUP:
        return "overlaps"
    return "serialised" if speedup.high < rules.OVERLAP_LEAST_SPEEDUP else None


def is_accounted(round_: Round) -> bool:
    """Is it known for all threads that worked in this round when they were kept off the processor?

    Not for threads of the callee's own, nor for a call that alone sleeps: it waits for somebody whose account is not ours.
    """
    for arm in (round_.serial, round_.crew):
        if arm.delay_ns is None or arm.process_cpu_ns > arm.cpu_ns * (1 + rules.UNACCOUNTED_SHARE):
            return False
    alone = round_.serial
    asleep_ns = alone.wall_ns - alone.cpu_ns - (alone.delay_ns or 0)
    return asleep_ns <= alone.wall_ns * rules.UNACCOUNTED_SHARE


@dataclass(frozen=True, slots=True)
class Ratios:
    """What the rounds say of the call and of the controls, by the same rule. `quiet` are the rounds whose crew was hardly
    kept off the processor; from `told_by` the speed-up comes."""

    speedup: Estimate
    released: Estimate
    held: Estimate
    efficiency: Estimate
    quiet: Sequence[Round]
    told_by: Sequence[Round]
    is_accounted: bool
    has_gil: bool

    @staticmethod
    def of(rounds: Sequence[Round], bench: Bench) -> Ratios:
        """Efficiency is paired within each round, so that what disturbs a whole round cancels."""
        at_once = [max(1.0, min(r.n_threads, bench.usable_cores)) for r in rounds]
        paired = list(zip(rounds, at_once, strict=True))
        speedups = [speedup_of(r.serial_of_all, r.crew, most) for r, most in paired]
        released = [speedup_of(r.control_of_all, r.released, most) for r, most in paired]
        held = [speedup_of(r.control_of_all, r.held, most) for r, most in paired]
        quiet = [r for r, bounds in zip(rounds, speedups, strict=True) if is_quiet(bounds)]
        return Ratios(
            interval(speedups, "speed-up"),
            interval(released, "speed-up of the released control", is_control=True),
            interval(held, "speed-up of the held control", is_control=True),
            interval([efficiency_of(*pair) for pair in zip(speedups, released, strict=True)], "efficiency"),
            quiet,
            quiet if are_enough(quiet, rounds) else rounds,
            all(map(is_accounted, rounds)),
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
        if not low <= most < high:
            return self
        return replace(self, speedup=Estimate(min(value, most), low, most, quantity=self.speedup.quantity))

    @property
    def word(self) -> str | None:
        """Which word do the rounds decide, the controls allowing? None: none.

        Both controls must come out as what they are; without a GIL the held one has nothing to hold. A call is
        *serialised* only if it also falls short of the released control: on the two halves of one core that one may
        reach 1.3. But where time off the processor is accounted for, the word rests on the call's upper bound, which
        leaves that time out: then it is enough that the released control could have overlapped by the same rule.
        """
        word = word_of(self.speedup)
        if word != "serialised":
            return word if self.separate else None
        if self.is_accounted and self._could_have_overlapped:
            return word
        return word if self.separate and self.falls_short else None

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
        """Do the controls come out as what they are?"""
        return word_of(self.released) == "overlaps" and self._held_is_told

    @property
    def _held_is_told(self) -> bool:
        return not self.has_gil or word_of(self.held) == "serialised"

    @property
    def _could_have_overlapped(self) -> bool:
        high = self.released.high
        return high is not None and high >= rules.OPEN_CONTROL_SPEEDUP and self._held_is_told
