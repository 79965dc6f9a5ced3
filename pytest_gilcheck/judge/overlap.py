"""Does wall time show that calls of competing threads overlap, and by how much?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Estimate, Inconclusive, Reason
from pytest_gilcheck.evidence.figures import duration
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.bounds import word_of
from pytest_gilcheck.judge.ratios import Ratios
from pytest_gilcheck.judge.shortfall import own_pool, shortfall
from pytest_gilcheck.judge.uncertainty import median

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import Arm, Claim, Machine, Observation, Round


@dataclass(frozen=True, slots=True)
class WallClock:
    """The opinion on the rounds: the word, the figures, why they are not plainer, one sentence."""

    word: str
    speedup: Estimate
    efficiency: Estimate
    reasons: tuple[Reason, ...] = ()
    sentence: str = ""
    cores_used: float | None = None
    both_released_share: float | None = None


def decides_overlap(rounds: Sequence[Round], claim: Claim, machine: Machine, held_share: Estimate) -> bool:
    """Do these rounds decide the word, the claim, and the efficiency to a tenth? Asked at the fixed looks only."""
    ratios = Ratios.of(rounds, machine).bounded(held_share)
    if ratios.word is None:
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
    ratios = Ratios.of(rounds, observation.machine).bounded(held_share)
    word = ratios.word
    speedup = ratios.speedup if word is not None else _open_above(ratios, rounds[0].n_threads)
    cores_used = median([r.competing.cpu_ns / max(1, r.competing.wall_ns) for r in rounds])
    together = _share(rounds, lambda arm: arm.both_released_ns)
    doubt = _doubt(rounds, ratios) if word is None else _conflict(ratios)
    cause = None
    if word is None or doubt is None:  # where witnesses contradict each other, nothing is explained
        cause = _cause(observation, ratios, gil, held_share)
    if doubt is not None or word is None:
        told = tuple(filter(None, (doubt, cause)))
        sentence = ""
        if cause is not None and ratios.loses:
            sentence = f"Calls reach less than the machine allows ({ratios.efficiency}). {cause.detail}"
        elif cause is not None:
            sentence = cause.detail
        return WallClock("inconclusive", speedup, ratios.efficiency, told, sentence, cores_used, together)
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


def _cause(observation: Observation, ratios: Ratios, gil: str, held_share: Estimate) -> Reason | None:
    """What explains the shortfall, if there is one? Also of a call whose speed-up lies at the border of the words: which
    side it is on may be open, while it is plain that the machine gave a control far more."""
    is_serialised = ratios.word == "serialised"
    if not is_serialised and not ratios.separate:
        # Even then one cause can be seen, and may be why they do not: it needs no other thread to show.
        return own_pool(ratios.quiet or observation.rounds)
    if not is_serialised and not ratios.loses:
        return None
    cause = shortfall(observation, ratios.quiet, gil, held_share)
    if cause.slug == "shortfall-unexplained" and not is_serialised and not ratios.falls_short:
        return None  # little is lost, and to nothing that stands out
    return cause


def _open_above(ratios: Ratios, n_threads: int) -> Estimate:
    """Where not even the released control overlapped, the machine bounds the speed-up, not the call: an upper bound
    from it would blame the call for the machine."""
    speedup, released = ratios.speedup, ratios.released
    if word_of(released) == "overlaps" or speedup.high is None:
        return speedup
    return Estimate(speedup.value, speedup.low, max(speedup.high, float(n_threads)), quantity=speedup.quantity)


def _share(rounds: Sequence[Round], of: Callable[[Arm], int | None]) -> float | None:
    told = [(of(r.competing), r.competing.wall_ns) for r in rounds]
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


def _doubt(rounds: Sequence[Round], ratios: Ratios) -> Reason:
    """Why do the rounds decide nothing?"""
    if ratios.separate:
        if not ratios.is_accounted and not ratios.is_left_alone:
            detail = (
                "the call waits for threads or processes whose time off the processor nobody accounts for, and others used "
                f"this machine in some of {len(rounds)} rounds: free a core, or give the rounds more time (budget=)"
            )
            return Reason("no-spare-cores", detail)
        if word_of(ratios.speedup) == "serialised" or word_of(ratios.released) != "overlaps":
            detail = (
                f"{ratios.speedup}, yet a control that surely lets go reached only {ratios.released} here, and "
                f"{ratios.efficiency} does not fall short of it clearly: take a machine with a whole core for each thread"
            )
            return Reason("overlap-borderline", detail)
        detail = f"{ratios.speedup} contains the border {rules.OVERLAP_LEAST_SPEEDUP:g} after {len(rounds)} rounds: give them more time (budget=)"
        return Reason("overlap-borderline", detail)
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


def _conflict(ratios: Ratios) -> Reason | None:
    """Can both be true: the speed-up, and what the ledger counted in the same rounds?"""
    rounds = ratios.told_by
    able = _share(rounds, lambda arm: arm.both_not_waiting_ns)
    if able is None or ratios.speedup.low is None:
        return None
    ceiling = 1 + able * (rounds[0].n_threads - 1)
    if ratios.speedup.low <= ceiling * (1 + rules.CEILING_SLACK):
        return None
    detail = (
        f"wall clock against ledger: {ratios.speedup}, yet two threads were not waiting for the GIL for only {able:.2f} of "
        f"the time, which allows {ceiling:.2f}"
    )
    return Reason("witnesses-conflict", detail)
