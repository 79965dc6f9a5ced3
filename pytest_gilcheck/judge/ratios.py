"""What the rounds say of the call and of the controls, and the word that they decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Arm, Estimate
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.bounds import (
    Bounds,
    are_enough,
    efficiency_of,
    interval,
    is_undisturbed,
    speedup_of,
    word_of,
)

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import Machine, Round


def held_alone(round_: Round) -> Arm:
    """Return what the calls of the held control take one after the other: the processor time that they work for.

    Made anew in each round, they were slower or faster than those of the competing threads whenever the host changed
    the speed of its processors.
    """
    ns = round_.n_threads * round_.n_control_calls * round_.control_ns
    return Arm(ns, ns, ns, ns, delay_ns=0, waiting_ns=0)


def are_accounted(rounds: Sequence[Round]) -> bool:
    """Return whether the time off the processor is known for all threads that worked in these rounds.

    It is not for threads of the callee's own, nor for a call that alone sleeps: it waits for a thread or process that we
    have no account of. The median over rounds decides, because both belong to the call and show in most rounds; in a
    single round a clock may be read late.
    """
    arms = [arm for r in rounds for arm in (r.serial, r.competing)]
    if any(arm.delay_ns is None for arm in arms):
        return False
    others = [max(_others_share(arm, r.n_threads) for arm in (r.serial, r.competing)) for r in rounds]
    return max(median(others), median([_asleep_share(r.serial) for r in rounds])) <= rules.UNACCOUNTED_SHARE


def was_left_alone(rounds: Sequence[Round]) -> bool:
    """Return whether hardly anybody else used the processors."""
    return delay_share(rounds) <= rules.LEFT_ALONE_SHARE


def delay_share(rounds: Sequence[Round]) -> float:
    """Return for which part of their time the controls were kept off the processor.

    They need all processors and show it: beside one busy process for each two processors they are kept off for a quarter of
    their time.
    """
    controls = [arm for r in rounds for arm in (r.control, r.released, r.held)]
    return sum(arm.delay_ns or 0 for arm in controls) / max(1, sum(arm.thread_ns for arm in controls))


def _grows(rounds: Sequence[Round]) -> bool:
    return median([r.competing.cpu_ns / max(1, r.serial.cpu_ns) for r in rounds]) > 1 + rules.UNACCOUNTED_SHARE


def _others_share(arm: Arm, n_threads: int) -> float:
    """Return processor time of other threads of the process, as a share of that of the threads we follow."""
    others_ns = arm.process_cpu_ns - arm.cpu_ns - n_threads * rules.THREAD_RUN_NS
    return others_ns / max(1, arm.cpu_ns)


def _asleep_share(arm: Arm) -> float:
    """Return the share of time asleep. Waits for the GIL are not part of it: they have an account of their own."""
    return arm.asleep_ns / max(1, arm.thread_ns)


def _efficiency(paired: Estimate, speedup: Estimate, released: Estimate) -> Estimate:
    """Return what is known of the efficiency from the paired ratios and from the intervals of the two speed-ups.

    Beside busy processes few rounds leave both the call and the control undisturbed, while each is so in enough rounds.
    """
    if paired.low is None or paired.value is None or paired.high is None:
        return paired
    least, typical, most = efficiency_of(_bounds_of(speedup), _bounds_of(released))
    low, high = max(paired.low, least), min(paired.high, most)
    if low > high:  # the machine changed between rounds: only ratios within a round can be compared
        return paired
    value = paired.value if low <= paired.value <= high else min(high, max(low, typical))
    return Estimate(value, low, high, quantity=paired.quantity)


def _bounds_of(estimate: Estimate) -> Bounds:
    return estimate.low or 0.0, estimate.value or 0.0, estimate.high or 0.0


@dataclass(frozen=True, slots=True)
class Ratios:
    """What the rounds say of the call and of the controls, by the same rule.

    Attributes:
        speedup: Of the call.
        released: Speed-up of the released control.
        held: Speed-up of the held control.
        efficiency: Speed-up of the call over that of the released control.
        undisturbed: Rounds whose competing threads were hardly kept off the processor.
        speedup_rounds: Rounds that the speed-up comes from.
        is_accounted: All threads' time off the processor is known.
        is_left_alone: Hardly anybody else used the processors.
        grows: The calls need more processor time in competing threads than alone, which no account explains.
        control_is_accounted: The machine took no time from the released control without an account.
        has_gil: The interpreter has a GIL.
        is_bound: The held share of the ledger leaves no room for an overlap, on any machine.
    """

    speedup: Estimate
    released: Estimate
    held: Estimate
    efficiency: Estimate
    undisturbed: Sequence[Round]
    speedup_rounds: Sequence[Round]
    is_accounted: bool
    is_left_alone: bool
    grows: bool
    control_is_accounted: bool
    has_gil: bool
    is_bound: bool = False

    @staticmethod
    def of(rounds: Sequence[Round], machine: Machine) -> Ratios:
        """Return the ratios of these rounds.

        The efficiency is paired within each round, so that a disturbance of a whole round cancels.

        Args:
            rounds: At least one round.
            machine: Where they were measured.

        Returns:
            The ratios, without what the ledger knows.
        """
        at_once = [max(1.0, min(r.n_threads, machine.usable_cores)) for r in rounds]
        paired = list(zip(rounds, at_once, strict=True))
        speedups = [speedup_of(r.serial, r.competing, most) for r, most in paired]
        released = [speedup_of(r.control, r.released, most) for r, most in paired]
        held = [speedup_of(held_alone(r), r.held, most) for r, most in paired]
        undisturbed = [r for r, bounds in zip(rounds, speedups, strict=True) if is_undisturbed(bounds)]
        speedup = interval(speedups, "speed-up")
        control = interval(released, "speed-up of the released control", is_control=True)
        efficiency = interval([efficiency_of(*pair) for pair in zip(speedups, released, strict=True)], "efficiency")
        return Ratios(
            speedup,
            control,
            interval(held, "speed-up of the held control", is_control=True),
            _efficiency(efficiency, speedup, control),
            undisturbed,
            undisturbed if are_enough(undisturbed, rounds) else rounds,
            are_accounted(rounds),
            was_left_alone(rounds),
            _grows(rounds),
            median([_asleep_share(r.released) for r in rounds]) <= rules.UNACCOUNTED_SHARE,
            machine.has_gil,
        )

    def bounded(self, held_share: Estimate) -> Ratios:
        """Return the ratios bounded by what the ledger knows.

        Holds of all threads come one after the other, so the speed-up is at most the inverse of the held share (Amdahl).

        Args:
            held_share: What the ledger says of single calls.

        Returns:
            The bounded ratios; these ratios themselves where the rounds contradict the bound.
        """
        low, value, high = self.speedup.low, self.speedup.value, self.speedup.high
        if low is None or value is None or high is None or not held_share.low:
            return self
        most = (1 + rules.AMDAHL_SLACK) / held_share.low
        if most < low:
            return self
        bounded = replace(self, is_bound=most < rules.OVERLAP_LEAST_SPEEDUP)
        if most >= high:
            return bounded
        speedup = Estimate(min(value, most), low, most, quantity=self.speedup.quantity)
        return replace(bounded, speedup=speedup, efficiency=_efficiency(self.efficiency, speedup, self.released))

    @property
    def word(self) -> str | None:
        """The word that the rounds decide, as far as the controls allow one; None where they decide none.

        *Overlaps* needs the held control to come out serialised. Without a GIL that control has nothing to hold, and the
        released one must overlap instead.

        A call is *serialised* if the ledger leaves no room for anything else. It is also if the released control overlaps
        and the call falls short of it: on the two halves of one core that control may reach 1.3. Where time off the
        processor is accounted for, and the calls need no more processor time than alone, the word rests on the call's
        upper bound, which leaves that time out. Then it is enough that the released control could have overlapped by
        the same rule, or that nothing without an account kept it from overlapping. (A neighbour on the same core makes a
        thread need more processor time. A host that stops a processor makes all threads seem to sleep, the control's
        included.)

        Where time off the processor is not accounted for, the machine must have been left alone. What neighbours do to
        the callee's own threads does not show, and two callers get a larger part of a busy machine for theirs than one
        (rapidfuzz with two workers, which gains nothing alone, seemed 1.6 times as fast beside two busy processes).
        """
        word = word_of(self.speedup)
        if self.is_bound:
            return word
        if not self._held_is_serialised or (not self.is_accounted and not self.is_left_alone):
            return None
        control_overlaps = word_of(self.released) == "overlaps"
        if word != "serialised":
            return word if self.has_gil or control_overlaps else None
        if self.is_accounted and not self.grows and (self._could_have_overlapped or self.control_is_accounted):
            return word
        return word if control_overlaps and self.falls_short else None

    @property
    def falls_short(self) -> bool:
        """Whether the call surely reached less than the machine gave the control."""
        return self.efficiency.high is not None and self.efficiency.high < rules.FALLS_SHORT_EFFICIENCY

    @property
    def loses(self) -> bool:
        """Whether so much is surely lost that a cause could be named."""
        return self.efficiency.high is not None and self.efficiency.high < rules.ASKS_WHY_EFFICIENCY

    @property
    def separate(self) -> bool:
        """Whether the controls come out apart, the held one serialised.

        The released one may gain little: a machine whose threads share their cores gives it no more.
        """
        if not self.has_gil:
            return word_of(self.released) == "overlaps"
        low, high = self.released.low, self.held.high
        return self._held_is_serialised and low is not None and high is not None and low > high

    @property
    def _held_is_serialised(self) -> bool:
        return not self.has_gil or word_of(self.held) == "serialised"

    @property
    def _could_have_overlapped(self) -> bool:
        high = self.released.high
        return high is not None and high >= rules.OPEN_CONTROL_SPEEDUP
