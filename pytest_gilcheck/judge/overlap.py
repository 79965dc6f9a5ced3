"""Whether wall time shows that calls of competing threads overlap, and by how much."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Estimate, Reason
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.bounds import word_of
from pytest_gilcheck.judge.claim import are_decided, limits_of
from pytest_gilcheck.judge.ratios import Ratios
from pytest_gilcheck.judge.shortfall import own_pool, shortfall

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import Arm, Claim, Machine, Observation, Round


@dataclass(frozen=True, slots=True)
class WallClock:
    """The opinion on the rounds.

    Attributes:
        word: ``overlaps``, ``serialised``, ``inconclusive`` or ``not_measured``.
        speedup: As in `Verdict`.
        efficiency: As in `Verdict`.
        reasons: Why word and figures are not plainer.
        cores_used: As in `Verdict`.
        both_released_share: As in `Verdict`.
    """

    word: str
    speedup: Estimate
    efficiency: Estimate
    reasons: tuple[Reason, ...] = ()
    cores_used: float | None = None
    both_released_share: float | None = None


def decides_overlap(rounds: Sequence[Round], claim: Claim, machine: Machine, held_share: Estimate) -> bool:
    """Return whether these rounds decide the word, the claim, and the efficiency to a tenth.

    To be asked at the fixed looks only.

    Args:
        rounds: The rounds so far.
        claim: What the author requires.
        machine: Where they were measured.
        held_share: What the ledger says of single calls.

    Returns:
        True if no more rounds are needed.
    """
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
    return are_decided(limits_of(claim, {"speedup": ratios.speedup, "efficiency": efficiency}))


def wall_clock(observation: Observation, gil: str, held_share: Estimate) -> WallClock:
    """Return the whole opinion on the rounds of an observation.

    Args:
        observation: What was measured.
        gil: The word of the GIL verdict.
        held_share: What the ledger says of single calls.

    Returns:
        Word, figures and reasons. A cause of a shortfall carries the efficiency among its values where the word is
        inconclusive and the loss is certain all the same.
    """
    rounds = observation.rounds
    if not rounds:
        return _without_rounds(observation)
    ratios = Ratios.of(rounds, observation.machine).bounded(held_share)
    word = ratios.word
    speedup = ratios.speedup if word is not None else _open_above(ratios, rounds[0].n_threads)
    cores_used = median([r.competing.cpu_ns / max(1, r.competing.wall_ns) for r in rounds])
    both_released_share = _share(rounds, lambda arm: arm.both_released_ns)
    doubt = _doubt(rounds, ratios) if word is None else _conflict(ratios)
    cause = None
    if word is None or doubt is None:  # where witnesses contradict each other, nothing is explained
        cause = _cause(observation, ratios, gil, held_share)
    if word is None or doubt is not None:
        word = "inconclusive"
        if cause is not None and ratios.loses:
            cause = cause.with_values(efficiency=ratios.efficiency)
    reasons = tuple(filter(None, (doubt, cause)))
    return WallClock(word, speedup, ratios.efficiency, reasons, cores_used, both_released_share)


def _cause(observation: Observation, ratios: Ratios, gil: str, held_share: Estimate) -> Reason | None:
    """Return what explains the shortfall, if there is one.

    Also for a call whose speed-up lies at the border of the words: which side it is on may be open, while it is plain
    that the machine gave a control far more.
    """
    is_serialised = ratios.word == "serialised"
    if not is_serialised and not ratios.separate:
        # Even then one cause can show, and may be why the controls do not separate: it needs no other thread to show.
        return own_pool(ratios.undisturbed or observation.rounds)
    if not is_serialised and not ratios.loses:
        return None
    cause = shortfall(observation, ratios.undisturbed, gil, held_share)
    if cause.slug == "shortfall-unexplained" and not is_serialised and not ratios.falls_short:
        return None  # little is lost, and to nothing that stands out
    return cause


def _open_above(ratios: Ratios, n_threads: int) -> Estimate:
    """Return the speed-up without an upper bound that is the machine's.

    Where not even the released control overlapped, the machine bounds the speed-up, not the call. An upper bound from it
    would blame the call for the machine.
    """
    speedup, released = ratios.speedup, ratios.released
    if word_of(released) == "overlaps" or speedup.high is None:
        return speedup
    return Estimate(speedup.value, speedup.low, max(speedup.high, float(n_threads)), quantity=speedup.quantity)


def _share(rounds: Sequence[Round], of: Callable[[Arm], int | None]) -> float | None:
    """Return a part of the competing arms' wall time over all of it, or None where a round does not record it."""
    parts = [(of(r.competing), r.competing.wall_ns) for r in rounds]
    known = [ns for ns, _ in parts if ns is not None]
    if len(known) < len(parts):
        return None
    return min(1.0, sum(known) / max(1, sum(wall_ns for _, wall_ns in parts)))


def _without_rounds(observation: Observation) -> WallClock:
    slugs = {note.slug for note in observation.notes}
    why_not = next((slug for slug in ("one-cpu", "budget-too-small", "one-thread") if slug in slugs), None)
    return WallClock(
        "not_measured" if why_not is None else "inconclusive",
        Estimate(quantity="speed-up", why_not=why_not or "no-rounds"),
        Estimate(quantity="efficiency", why_not=why_not or "no-rounds"),
    )


def _doubt(rounds: Sequence[Round], ratios: Ratios) -> Reason:
    """Return why the rounds decide nothing."""
    speedup, released = ratios.speedup, ratios.released
    if ratios.separate:
        if not ratios.is_accounted and not ratios.is_left_alone:
            return Reason.of("no-spare-cores", n_rounds=len(rounds))
        if word_of(speedup) == "serialised" or word_of(released) != "overlaps":
            return Reason.of(
                "overlap-borderline", speedup=speedup, released_control=released, efficiency=ratios.efficiency
            )
        return Reason.of(
            "overlap-borderline", speedup=speedup, border=rules.OVERLAP_LEAST_SPEEDUP, n_rounds=len(rounds)
        )
    control_ns = rounds[0].control_ns
    if control_ns < rules.SHORT_FOR_OVERLAP_NS:
        return Reason.of("too-short-to-overlap", control_ns=control_ns, released_control=released)
    return Reason.of("no-spare-cores", released_control=released, held_control=ratios.held)


def _conflict(ratios: Ratios) -> Reason | None:
    """Return why the speed-up and what the ledger counted in the same rounds cannot both be true, if they cannot."""
    rounds = ratios.speedup_rounds
    able_share = _share(rounds, lambda arm: arm.both_not_waiting_ns)
    if able_share is None or ratios.speedup.low is None:
        return None
    most_speedup = 1 + able_share * (rounds[0].n_threads - 1)
    if ratios.speedup.low <= most_speedup * (1 + rules.CEILING_SLACK):
        return None
    return Reason.of(
        "witnesses-conflict",
        speedup=ratios.speedup,
        both_not_waiting_share=able_share,
        most_speedup=most_speedup,
    )
