"""Whether wall time shows that calls of competing threads overlap, and by how much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Estimate, Reason
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.bounds import word_of
from pytest_gilcheck.judge.claim import are_decided, limits_of
from pytest_gilcheck.judge.least_losses import least_losses
from pytest_gilcheck.judge.projection import projections
from pytest_gilcheck.judge.ratios import Ratios, delay_share, was_left_alone
from pytest_gilcheck.judge.shortfall import own_pool, ready_pool, shortfall, shortfall_together, sure_shortfall
from pytest_gilcheck.judge.together import QUANTITY, Together, are_stamped, control_overlaps, together

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import Arm, Claim, Machine, Observation, Projection, Round, ShortRound


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
        together: As in `Verdict`.
        decided_by: As in `Verdict`.
        projections: As in `Verdict`.
        machine_decides: Whether wall time alone decides the word on this machine.
    """

    word: str
    speedup: Estimate
    efficiency: Estimate
    reasons: tuple[Reason, ...] = ()
    cores_used: float | None = None
    both_released_share: float | None = None
    together: Estimate = field(default_factory=lambda: Estimate(quantity=QUANTITY, why_not="no-rounds"))
    decided_by: str = ""
    projections: tuple[Projection, ...] = ()
    machine_decides: bool = False


def wants_short_round(rounds: Sequence[Round], short_rounds: Sequence[ShortRound], machine: Machine) -> bool:
    """Return whether the next round shall be one without controls.

    It shall be where somebody else uses the processors, so that controls show that and little else. One part of the time
    still goes to whole rounds: for a call without accounts they are all that there is.

    Args:
        rounds: The whole rounds so far.
        short_rounds: The short rounds so far.
        machine: Where they were measured.

    Returns:
        True for a short round.
    """
    if len(rounds) < _n_whole_first(rounds) or was_left_alone(rounds) or own_pool(rounds) is not None:
        return False
    if not are_stamped(rounds, machine):
        return False  # without accounts of the threads a short round shows nothing
    spent_ns, short_ns = (sum(r.wall_ns for r in made) for made in (rounds, short_rounds))
    return short_ns < rules.SHORT_ROUNDS_FACTOR * spent_ns


def _n_whole_first(rounds: Sequence[Round]) -> int:
    """Return after how many whole rounds it is known whether the machine is left alone.

    A round of calls that are longer than a time slice is itself many slices long, and takes a good part of the budget. So does
    any round on a machine that is plainly busy.
    """
    n_calls = sum(r.n_threads * r.n_calls for r in rounds)
    call_ns = sum(r.serial.cpu_ns for r in rounds) / max(1, n_calls)
    is_busy = delay_share(rounds) > rules.PLAINLY_BUSY_SHARE
    return 1 if is_busy or call_ns > rules.TIME_SLICE_NS else rules.ROUND_LOOKS[0]


def wants_serial_arm(rounds: Sequence[Round], short_rounds: Sequence[ShortRound]) -> bool:
    """Return whether the next short round shall have a serial arm.

    What calls take alone is soon known, and is the same for all rounds.

    Args:
        rounds: The whole rounds so far.
        short_rounds: The short rounds so far.

    Returns:
        True while there are few serial stamps of a thread, or serial arms had a small part of the time.
    """
    made: list[Round | ShortRound] = [*rounds, *short_rounds]
    n_stamps = Counter(stamp.thread for r in made for stamp in r.serial.stamps)
    if not n_stamps or min(n_stamps.values()) < rules.LEAST_SERIAL_STAMPS:
        return True
    serial_ns, together_ns = (
        sum(arm.wall_ns for arm in arms)
        for arms in (
            [r.serial for r in made],
            [r.one_each for r in made],
        )
    )
    return serial_ns < rules.SERIAL_SHARE * (serial_ns + together_ns)


def decides_overlap(
    rounds: Sequence[Round],
    short_rounds: Sequence[ShortRound],
    claim: Claim,
    machine: Machine,
    held_share: Estimate,
) -> bool:
    """Return whether these rounds decide the word, the claim, and whether the call falls short of the machine.

    To be asked at the fixed looks only.

    Args:
        rounds: The rounds so far.
        short_rounds: The rounds without controls so far.
        claim: What the author requires.
        machine: Where they were measured.
        held_share: What the ledger says of single calls.

    Returns:
        True if no more rounds are needed.
    """
    ratios = Ratios.of(rounds, machine).bounded(held_share)
    shared = together([*rounds, *short_rounds], machine, held_share)
    word, _ = _decided(rounds, ratios, shared)
    if word is None:
        return False
    efficiency = ratios.efficiency
    if not _tells_shortfall(efficiency) and (ratios.word is not None or shared.losses is None):
        return False
    return are_decided(limits_of(claim, {"speedup": ratios.speedup, "efficiency": efficiency}))


def _tells_shortfall(efficiency: Estimate) -> bool:
    """Return whether it is known if so much is lost that a cause is asked for, or that hardly anything is lost."""
    low, high = efficiency.low, efficiency.high
    if low is None or high is None:
        return False
    return (
        high < rules.ASKS_WHY_EFFICIENCY
        or low >= rules.FALLS_SHORT_EFFICIENCY
        or high - low <= 2 * rules.EFFICIENCY_HALF_WIDTH
    )


def _decided(rounds: Sequence[Round], ratios: Ratios, shared: Together) -> tuple[str | None, str]:
    """Return the word and the evidence that decides it: ``together`` or ``wall-clock``; None where neither does.

    Two that contradict each other decide nothing.
    """
    of_moments = _word_of_moments(rounds, ratios, shared)
    if of_moments is None:
        return ratios.word, "wall-clock" if ratios.word is not None else ""
    if ratios.word not in (None, of_moments):
        return None, ""
    return of_moments, "together"


def _word_of_moments(rounds: Sequence[Round], ratios: Ratios, shared: Together) -> str | None:
    """Return the word that the moments together decide.

    Where calls need more processor time in them, it is lost to each other or to the machine: the two halves of a core, its
    clock, its host. *Serialised* then needs a control that overlaps beside them, unless the call stays below the border
    without that loss, too, or threads hardly had a processor at the same time although nobody kept it from them. Threads whose
    calls differ in length do not keep each other out: the same call took 3 ms in a thread that had memory to use again, and 20 ms
    in one that had not.
    """
    word = word_of(shared.speedup)
    if word != "serialised" or shared.losses is None or shared.speedup.high is None:
        return word
    if shared.differs_in_length_alone:
        return None
    most = shared.speedup.high + shared.losses["growth"] * rounds[0].n_threads
    if shared.most_at_work is not None:
        most = min(most, shared.most_at_work)
    if most < rules.OVERLAP_LEAST_SPEEDUP or word_of(ratios.released) == "overlaps" or control_overlaps(rounds):
        return word
    return None


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
    shared = together([*rounds, *observation.short_rounds], observation.machine, held_share)
    word, decided_by = _decided(rounds, ratios, shared)
    speedup = ratios.speedup if ratios.word is not None else _open_above(ratios, rounds[0].n_threads)
    cores_used = median([r.competing.cpu_ns / max(1, r.competing.wall_ns) for r in rounds])
    both_released_share = _share(rounds, lambda arm: arm.both_released_ns)
    doubts: list[Reason | None]
    if word is None and ratios.word is not None:
        doubts = [_contradiction(ratios, shared)]
    elif word is None:
        doubts = [_doubt(rounds, ratios), shared.doubt or _uneven(shared)]
    else:
        doubts = [_conflict(ratios)]
    efficiency = ratios.efficiency
    if rounds[0].n_threads < observation.plan.n_threads:
        # No round of all threads fits into the budget: the word is the call's, the figures would be of another check.
        speedup = Estimate(quantity="speed-up", why_not="budget-too-small")
        efficiency = Estimate(quantity="efficiency", why_not="budget-too-small")
    is_doubted = any(doubt is not None for doubt in doubts)
    cause = None
    if ratios.word is None or not is_doubted:  # where witnesses contradict each other, nothing is explained
        if shared.losses is None or ratios.is_left_alone:  # all that wall time lost was lost to the calls themselves
            cause = _cause(observation, ratios, gil, held_share)
        else:
            cause = _cause_together(observation, word, shared, gil, held_share)
        if cause is None or cause.slug == "shortfall-unexplained":
            cause = _cause_of_its_own(observation, word, gil, held_share) or cause
    is_contradicted = any(doubt is not None and doubt.slug == "witnesses-conflict" for doubt in doubts)
    if word is None or is_doubted:
        word, decided_by = "inconclusive", ""
        if cause is not None and ratios.loses:
            cause = cause.with_values(efficiency=ratios.efficiency)
    return WallClock(
        word,
        speedup,
        efficiency,
        tuple(filter(None, (*doubts, cause))),
        cores_used,
        both_released_share,
        shared.speedup,
        decided_by,
        projections(shared, held_share) if not is_contradicted else (),
        ratios.word is not None and word != "inconclusive",
    )


def _uneven(shared: Together) -> Reason | None:
    """Return the reason why moments that give a low speed-up decide nothing, if there is one."""
    most = shared.speedup.high
    if word_of(shared.speedup) != "serialised" or most is None or not shared.differs_in_length_alone:
        return None
    return Reason.of("uneven-threads", lost_share=max(0.0, 1 - most / shared.n_threads), n_threads=shared.n_threads)


def _contradiction(ratios: Ratios, shared: Together) -> Reason:
    return Reason.of("witnesses-conflict", speedup=ratios.speedup, together=shared.speedup)


def _cause_of_its_own(observation: Observation, word: str | None, gil: str, held_share: Estimate) -> Reason | None:
    """Return what surely keeps the calls from each other, whether or not it is known by how much."""
    pool = ready_pool(observation.ready_threads)
    if pool is not None or word is not None:
        return pool
    least = least_losses([*observation.rounds, *observation.short_rounds], observation.machine)
    return sure_shortfall(observation.rounds, least, gil, held_share)


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


def _cause_together(
    observation: Observation, word: str | None, shared: Together, gil: str, held_share: Estimate
) -> Reason | None:
    """Return what explains the shortfall of calls that ran together, if there is one."""
    high = shared.speedup.high
    if shared.losses is None or word is None or high is None:
        return None
    n_at_once = len({stamp.thread for stamp in observation.rounds[0].one_each.stamps})
    if word == "overlaps" and high >= rules.ASKS_WHY_EFFICIENCY * n_at_once:
        return None
    return shortfall_together(observation.rounds, shared.losses, gil, held_share)


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
