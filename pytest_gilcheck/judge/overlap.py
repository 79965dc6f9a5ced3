"""Does wall time show that calls of competing threads overlap, and by how much?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Estimate, Inconclusive, Reason
from pytest_gilcheck.evidence.figures import duration
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.shortfall import shortfall
from pytest_gilcheck.judge.uncertainty import median, median_ranks

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import Arm, Claim, Observation, Round

Bounds = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class WallClock:
    """The opinion on the rounds: the word, the figures, why they are not plainer, one sentence."""

    word: str
    speedup: Estimate
    efficiency: Estimate
    reasons: tuple[Reason, ...] = ()
    sentence: str = ""
    cores_used: float | None = None
    together_share: float | None = None


def speedup_of(serial: Arm, crew: Arm) -> Bounds:
    """How many times as fast were the competing threads in one round? Least, as found, most.

    What a thread lost off the processor may have delayed its arm by all of that time or by nothing: an arm took at
    least its wall time without it, and at least its processor time spread over all its threads.
    """
    found = serial.wall_ns / max(1, crew.wall_ns)
    shortest_serial_ns = max(serial.wall_ns - (serial.delay_ns or 0), min(serial.cpu_ns, serial.wall_ns))
    # A callee with threads of its own uses as many cores in competing threads as it does alone, at least.
    at_once = max(1.0, crew.thread_ns / max(1, crew.wall_ns), serial.process_cpu_ns / max(1, serial.wall_ns))
    cpu_ns = max(crew.cpu_ns, crew.process_cpu_ns)
    shortest_crew_ns = max(crew.wall_ns - (crew.delay_ns or 0), min(crew.wall_ns, cpu_ns / at_once), 1)
    return shortest_serial_ns / max(1, crew.wall_ns), found, serial.wall_ns / shortest_crew_ns


def interval(bounds: Sequence[Bounds], quantity: str, *, few_factor: float = rules.FEW_ROUNDS_FACTOR) -> Estimate:
    """The typical ratio over rounds: the median, and order statistics of least and most, whatever their distribution.

    Quiet rounds alone, if there are enough. Too few rounds for the level: the extremes, widened.
    """
    if not bounds:
        return Estimate(quantity=quantity, why_not="no wall-clock rounds were run")
    quiet = [bound for bound in bounds if bound[2] <= bound[0] * rules.QUIET_ROUND_FACTOR]
    chosen = quiet if len(quiet) >= rules.ENOUGH_ROUNDS else bounds
    first, last = median_ranks(len(chosen), rules.ROUND_LOOK_ALPHA)
    low = sorted(bound[0] for bound in chosen)[first]
    high = sorted(bound[2] for bound in chosen)[last]
    if len(chosen) < rules.ENOUGH_ROUNDS:
        low, high = low / few_factor, high * few_factor
    value = math.exp(median([math.log(max(1e-9, bound[1])) for bound in chosen]))
    return Estimate(value, min(low, value), max(high, value), quantity=quantity)


def word_of(speedup: Estimate) -> str | None:
    """Which word does the interval decide? None: it contains the border, or nothing was measured."""
    if speedup.low is None or speedup.high is None:
        return None
    if speedup.low > rules.OVERLAP_LEAST_SPEEDUP:
        return "overlaps"
    return "serialised" if speedup.high < rules.OVERLAP_LEAST_SPEEDUP else None


@dataclass(frozen=True, slots=True)
class Ratios:
    """What the rounds say of the call and of the controls, by the same rule."""

    speedup: Estimate
    released: Estimate
    held: Estimate
    efficiency: Estimate

    @staticmethod
    def of(rounds: Sequence[Round]) -> Ratios:
        """Efficiency is paired within each round, so that what disturbs a whole round cancels; it needs no bounds by
        time off the processor, because the control is kept off it by the same neighbours."""
        speedups = [speedup_of(r.serial, r.crew) for r in rounds]
        released = [speedup_of(r.control, r.released) for r in rounds]
        paired = [s[1] / max(1e-9, c[1]) for s, c in zip(speedups, released, strict=True)]
        return Ratios(
            interval(speedups, "speed-up"),
            interval(released, "speed-up of the released control"),
            interval([speedup_of(r.control, r.held) for r in rounds], "speed-up of the held control"),
            interval([(ratio, ratio, ratio) for ratio in paired], "efficiency"),
        )

    def separate(self, *, has_gil: bool) -> bool:
        """Do the controls come out as what they are? Without a GIL the held one has nothing to hold."""
        return word_of(self.released) == "overlaps" and (not has_gil or word_of(self.held) == "serialised")


def is_enough(rounds: Sequence[Round], claim: Claim, *, has_gil: bool) -> bool:
    """Do these rounds decide the word, the claim, and the efficiency to a tenth? Asked at the fixed looks only."""
    ratios = Ratios.of(rounds)
    if word_of(ratios.speedup) is None or not ratios.separate(has_gil=has_gil):
        return False
    efficiency = ratios.efficiency
    if (
        efficiency.low is None
        or efficiency.high is None
        or efficiency.high - efficiency.low > 2 * rules.EFFICIENCY_HALF_WIDTH
    ):
        return False
    return rates_met(claim, ratios.speedup, efficiency) is not None


def rates_met(claim: Claim, speedup: Estimate, efficiency: Estimate) -> bool | None:
    """Is what is claimed of speed-up and efficiency met? True where nothing is claimed, None where it is undecided."""
    parts: list[bool | None] = []
    for estimate, least in ((speedup, claim.min_speedup), (efficiency, claim.min_efficiency)):
        if least is not None:
            parts.append(_at_least(estimate, least))
    if False in parts:
        return False
    return None if None in parts else True


def _at_least(estimate: Estimate, least: float) -> bool | None:
    try:
        return estimate >= least
    except Inconclusive:
        return None


def wall_clock(observation: Observation, gil: str, held_share: Estimate) -> WallClock:
    """The whole opinion on the rounds."""
    rounds = observation.rounds
    if not rounds:
        return _without_rounds(observation)
    ratios = Ratios.of(rounds)
    has_gil = observation.bench.gil == "enabled"
    word = word_of(ratios.speedup)
    speedup = _open_above(ratios, rounds[0].n_threads)
    cores_used = median([r.crew.cpu_ns / max(1, r.crew.wall_ns) for r in rounds])
    together = _share(rounds, lambda arm: arm.together_ns)
    doubt = _doubt(observation, ratios, word, has_gil=has_gil)
    if doubt is not None or word is None:
        reasons = (doubt,) if doubt else ()
        return WallClock("inconclusive", speedup, ratios.efficiency, reasons, "", cores_used, together)
    cause = None
    efficiency_high = ratios.efficiency.high
    if word == "serialised" or (efficiency_high is not None and efficiency_high < rules.FALLS_SHORT_EFFICIENCY):
        cause = shortfall(observation, gil, held_share)
    n = rounds[0].n_threads
    if word == "overlaps":
        sentence = f"Calls of {n} threads overlap: {speedup.value:.2f} times as fast as one after the other."
    else:
        sentence = f"Calls of {n} threads do not overlap: {speedup.value:.2f} times as fast as one after the other."
    if cause is not None:
        sentence += f" {cause.detail}"
    return WallClock(
        word, speedup, ratios.efficiency, (cause,) if cause is not None else (), sentence, cores_used, together
    )


def _open_above(ratios: Ratios, n_threads: int) -> Estimate:
    """Where not even the released control overlapped, the machine bounds the speed-up, not the call: an upper bound
    from it would blame the call for the machine."""
    speedup, released = ratios.speedup, ratios.released
    if word_of(released) == "overlaps" or speedup.high is None:
        return speedup
    return Estimate(speedup.value, speedup.low, max(speedup.high, float(n_threads)), quantity=speedup.quantity)


def _share(rounds: Sequence[Round], of: Callable[[Arm], int | None]) -> float | None:
    told = [(of(r.crew), r.crew.wall_ns) for r in rounds]
    known = [ns for ns, _ in told if ns is not None]
    if len(known) < len(told):
        return None
    return min(1.0, sum(known) / max(1, sum(wall_ns for _, wall_ns in told)))


def _without_rounds(observation: Observation) -> WallClock:
    notes = {note.slug: note for note in observation.notes}
    for slug in ("one-cpu", "budget-too-small", "one-thread"):
        if slug in notes:
            why_not = notes[slug].detail
            estimate = (
                Estimate(quantity="speed-up", why_not=why_not),
                Estimate(quantity="efficiency", why_not=why_not),
            )
            return WallClock("inconclusive", *estimate)
    why_not = "no wall-clock rounds were run"
    return WallClock(
        "not_measured", Estimate(quantity="speed-up", why_not=why_not), Estimate(quantity="efficiency", why_not=why_not)
    )


def _doubt(observation: Observation, ratios: Ratios, word: str | None, *, has_gil: bool) -> Reason | None:
    """Why do the rounds decide nothing? None: they do."""
    rounds = observation.rounds
    if not ratios.separate(has_gil=has_gil):
        control_ns = rounds[0].control_ns
        if control_ns < rules.SHORT_FOR_OVERLAP_NS:
            detail = (
                f"calls of {duration(control_ns)} are as short as a hand-over between threads: a control that surely lets go "
                f"came out at {ratios.released}. Give the call more to do."
            )
            return Reason("too-short-to-overlap", detail)
        detail = (
            f"the controls do not separate: {ratios.released}, {ratios.held}. Free a core, or give the rounds more time "
            "(budget=)."
        )
        return Reason("no-spare-cores", detail)
    if word is None:
        detail = f"{ratios.speedup} contains the border {rules.OVERLAP_LEAST_SPEEDUP:g} after {len(rounds)} rounds: give them more time (budget=)"
        return Reason("overlap-borderline", detail)
    able = _share(rounds, lambda arm: arm.able_ns)
    if able is not None and ratios.speedup.low is not None:
        ceiling = 1 + able * (rounds[0].n_threads - 1)
        if ratios.speedup.low > ceiling * (1 + rules.CEILING_SLACK):
            detail = (
                f"wall clock against ledger: {ratios.speedup}, yet two threads were not waiting for the GIL for only {able:.2f} of "
                f"the time, which allows {ceiling:.2f}"
            )
            return Reason("witnesses-conflict", detail)
    return None
