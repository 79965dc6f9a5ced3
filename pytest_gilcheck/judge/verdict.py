"""The whole opinion on one observation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Estimate, Reason, ReleaseCounts, Verdict
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.claim import claim_met, limits_of
from pytest_gilcheck.judge.diagnosis import diagnose
from pytest_gilcheck.judge.holding import held_share, is_disturbed, word
from pytest_gilcheck.judge.longest import longest_hold
from pytest_gilcheck.judge.overlap import wall_clock
from pytest_gilcheck.judge.places import where
from pytest_gilcheck.judge.shortfall import most_speedup
from pytest_gilcheck.judge.timeline import timeline_of
from pytest_gilcheck.judge.uncertainty import median

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import CallSpan, Observation


def judge(observation: Observation) -> Verdict:
    """What is to be made of what was seen? The same observation gives the same verdict, always."""
    calls = observation.calls
    gil, share, reasons = _gil(observation)
    wall = wall_clock(observation, gil, share)
    reasons = [*reasons, *wall.reasons]
    exact = observation.instrument.grade == "exact"
    longest = longest_hold(calls) if exact else Estimate(quantity="longest hold", why_not="no exact record")
    limits = limits_of(observation.claim, gil, share, longest, wall)
    return Verdict(
        name=observation.name,
        gil=gil,
        held_share=share,
        n_calls=len(calls),
        span_ns=_typical(calls, "span_ns"),
        cpu_ns=_typical(calls, "cpu_ns"),
        longest_hold_ns=_typical(calls, "longest_hold_ns") if exact else None,
        longest_wait_ns=observation.gil_waits.longest_wait_ns
        if observation.gil_waits and observation.gil_waits.n_calls
        else None,
        n_releases=_release_counts(observation),
        overlap=wall.word,
        speedup=wall.speedup,
        efficiency=wall.efficiency,
        agreement=observation.agreement,
        claim_met=claim_met(limits),
        limits=limits,
        reasons=tuple(dict.fromkeys(reason.slug for reason in reasons)),
        notes=tuple(reasons),
        diagnosis=" ".join(filter(None, (diagnose(observation, gil, share), wall.sentence))),
        timeline=timeline_of(_drawn(calls)),
        machine=observation.machine,
        instrument=observation.instrument,
        where=where(observation.places),
        cores_used=wall.cores_used,
        both_released_share=wall.both_released_share,
        most_speedup=most_speedup(share, observation.plan.n_threads) if observation.rounds else None,
    )


def _typical(calls: tuple[CallSpan, ...], figure: str) -> int | None:
    return round(median([getattr(call, figure) for call in calls])) if calls else None


def _drawn(calls: tuple[CallSpan, ...]) -> CallSpan | None:
    return next((call for call in calls if call.timeline is not None), None)


def _release_counts(observation: Observation) -> ReleaseCounts:
    calls, gil_waits = observation.calls, observation.gil_waits
    return ReleaseCounts(
        by_function=median([call.n_releases_by_function for call in calls]) if calls else 0,
        by_interpreter=gil_waits.n_releases_by_interpreter / gil_waits.n_calls
        if gil_waits and gil_waits.n_calls
        else 0,
    )


def _gil(observation: Observation) -> tuple[str, Estimate, list[Reason]]:
    """The word, the share and the reasons."""
    notes = list(observation.notes)
    unavailable = observation.instrument.unavailable
    if unavailable is not None:
        notes.append(unavailable)
        if unavailable.slug == "no-gil":
            return "not_applicable", Estimate(quantity="held share", why_not=unavailable.detail), notes
        return _from_progress(observation, notes)
    share = held_share(
        observation.calls, observation.machine.clock_price_ns, as_it_ran=observation.plan.solo_budget_ns == 0
    )
    found = word(share)
    doubt = _doubt(observation, share)
    if doubt is not None or found is None:
        return "inconclusive", share, [*notes, *([doubt] if doubt else [])]
    if any(call.n_workers for call in observation.calls):
        n = max(call.n_workers for call in observation.calls)
        detail = f"{n} thread{'' if n == 1 else 's'} of the callee's own took the GIL; what was held there counts as held by the call"
        notes.append(Reason("own-threads-attach", detail))
    span_ns = _typical(observation.calls, "span_ns") or 0
    if found == "held" and span_ns < rules.SMALL_INPUT_NS:
        detail = f"{span_ns / 1000:.3g} µs only: some functions release from larger inputs on (hashlib from 2048 bytes)"
        notes.append(Reason("small-input", detail))
    n_dropped = max((call.timeline.n_dropped for call in observation.calls if call.timeline), default=0)
    if n_dropped:
        notes.append(Reason("events-dropped", f"{n_dropped} events did not fit: the picture is cut, sums are exact"))
    return found, share, notes


def _doubt(observation: Observation, share: Estimate) -> Reason | None:
    """Why is the ledger's share no verdict? None: it is one."""
    calls, price_ns = observation.calls, observation.machine.clock_price_ns
    span_ns = _typical(calls, "span_ns")
    if span_ns is None:
        return Reason("not-measured", "no call came back")
    resolution_ns = observation.machine.clock_resolution_ns
    if span_ns < rules.SHORTEST_CALL_IN_CLOCK_PRICES * resolution_ns and resolution_ns > price_ns:
        return Reason(
            "clock-coarse", f"the call took {span_ns} ns, and this machine's clock steps by {resolution_ns} ns"
        )
    shortest_ns = rules.SHORTEST_CALL_IN_CLOCK_PRICES * price_ns
    if span_ns < shortest_ns:
        detail = f"the call took {span_ns} ns; a share means something from {shortest_ns} ns on: give it more to do"
        return Reason("too-short", detail)
    if word(share) is not None:
        return _conflict(observation)
    if is_disturbed(calls, price_ns):
        detail = f"every one of {len(calls)} calls was descheduled for long: free a processor, or make more calls"
        return Reason("disturbed", detail)
    detail = f"{share} lies on both sides of a border (0.05 released, 0.95 held) after {len(calls)} calls"
    return Reason("borderline", detail)


def _conflict(observation: Observation) -> Reason | None:
    """Can both be true: what the ledger says was held, and what the rival got done during the same calls?

    Of the same calls, not of those alone: a rival's turn of 0.2 ms that begins in a release of 0.02 ms lasts on while
    the call wants the GIL back, or shares its processor. (A call that held 0.97 alone saw a rival for 0.15 of its span.)
    """
    progress = observation.progress
    if progress is None or not progress.span_ns or progress.held_ns is None:
        return None
    held_share, background_share = progress.held_ns / progress.span_ns, progress.background_ns / progress.span_ns
    if held_share + background_share <= 1 + rules.PROGRESS_SLACK:
        return None
    return Reason(
        "witnesses-conflict",
        f"ledger against progress: the GIL was held for {held_share:.3f} of the call, yet a rival ran for {background_share:.3f} of it",
    )


def _from_progress(observation: Observation, notes: list[Reason]) -> tuple[str, Estimate, list[Reason]]:
    """Without a ledger: while the rival ran, the call did not hold. The rest of the call is unknown."""
    progress = observation.progress
    if progress is None or not progress.span_ns:
        why_not = "no exact record, and no rival ran"
        return (
            "inconclusive",
            Estimate(quantity="held share", why_not=why_not),
            [*notes, Reason("not-measured", why_not)],
        )
    # A rival's turn outlasts a short release and makes the call wait. What is left of these calls may all be holding, but
    # of a call that is as short as it was alone.
    alone_ns = progress.n_calls * observation.pilot.span_ns if observation.pilot else progress.span_ns
    left_ns = max(0, progress.span_ns - progress.background_ns)
    high = min(1.0, left_ns / max(1, min(progress.span_ns, alone_ns)))
    share = Estimate(high / 2, 0.0, high, quantity="held share")
    if word(share) == "released":
        return "released", share, notes
    detail = f"a rival thread ran for {1 - high:.2f} of the call; that it did not for the rest proves nothing"
    return "inconclusive", share, [*notes, Reason("progress-only", detail)]
