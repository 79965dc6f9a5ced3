"""The whole opinion on one observation."""

from __future__ import annotations

from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Estimate, Reason, ReleaseCounts, Verdict
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.attachment import judge_attachment, longest_pause_ns
from pytest_gilcheck.judge.call_share import taken_from
from pytest_gilcheck.judge.claim import claim_met, limits_of
from pytest_gilcheck.judge.holding import (
    are_unresolved,
    asleep_while_holding_ns,
    held_share,
    longest_hold,
    word,
)
from pytest_gilcheck.judge.overlap import wall_clock
from pytest_gilcheck.judge.ownership import owned_calls
from pytest_gilcheck.judge.places import where
from pytest_gilcheck.judge.shortfall import most_speedup
from pytest_gilcheck.judge.sleeps import sleep_site, wait_site
from pytest_gilcheck.judge.timeline import typical_timeline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_gilcheck.evidence import AttachedCall, CallSpan, GilWaits, Observation


def judge(observation: Observation) -> Verdict:
    """Return the verdict on an observation. The same observation always gives the same verdict.

    Args:
        observation: What was measured.

    Returns:
        Words, figures, slugs and values. The diagnosis and the details of the notes are empty, and `why_not` of a figure
        that was not measured is a slug: `report.sentences` makes sentences of them.
    """
    observation = _without_waits_for_neighbours(observation)
    calls = [owned.least for owned in owned_calls(observation.calls, observation.surroundings.windows)]
    gil, share, reasons = _gil(observation, calls)
    attachment, attached_share = "not_applicable", Estimate(quantity="attached share", why_not="has-gil")
    if gil == "not_applicable" and _asks_attachment(observation):
        attachment, attached_share, more = judge_attachment(observation.attachment)
        reasons = [*reasons, *more]
    wall = wall_clock(observation, gil, share)
    known = {reason.slug for reason in reasons}
    reasons = [*reasons, *(reason for reason in wall.reasons if reason.slug not in known)]
    slugs = tuple(dict.fromkeys(reason.slug for reason in reasons))
    exact = observation.instrument.grade == "exact" and gil != "not_applicable"
    figures: dict[str, Estimate | str] = {
        "gil": gil,
        "held_share": share,
        "longest_hold_ns": longest_hold(observation.calls, observation.surroundings.windows)
        if exact
        else Estimate(quantity="longest hold"),
        "speedup": wall.speedup,
        "efficiency": wall.efficiency,
    }
    limits = limits_of(observation.claim, figures, machine_may_fall_short=not wall.machine_decides)
    longest_hold_ns = _typical(calls, "longest_hold_ns") if exact else None
    sampled = observation.attachment.calls if observation.attachment is not None else ()
    span_ns, cpu_ns = (_typical(calls or sampled, figure) for figure in ("span_ns", "cpu_ns"))
    return Verdict(
        name=observation.name,
        gil=gil,
        held_share=share,
        n_calls=len(calls or sampled),
        span_ns=span_ns,
        cpu_ns=cpu_ns,
        longest_hold_ns=longest_hold_ns,
        longest_wait_ns=_longest_wait_ns(calls, observation.gil_waits),
        n_releases=_release_counts(observation),
        overlap=wall.word,
        speedup=wall.speedup,
        efficiency=wall.efficiency,
        agreement=observation.agreement,
        claim_met=claim_met(limits),
        limits=limits,
        reasons=slugs,
        notes=tuple(reasons),
        diagnosis="",
        timeline=typical_timeline(calls, _typical(calls, "span_ns"), longest_hold_ns),
        machine=observation.machine,
        instrument=observation.instrument,
        where=where(observation.places, longest_hold_ns),
        cores_used=wall.cores_used,
        both_released_share=wall.both_released_share,
        together=wall.together,
        decided_by=wall.decided_by,
        projections=wall.projections,
        most_speedup=most_speedup(share, observation.plan.n_threads) if observation.rounds else None,
        traits=_traits(observation, calls),
        attachment=attachment,
        attached_share=attached_share,
        longest_pause_ns=longest_pause_ns(observation.attachment, attached_share),
        waits_at=wait_site(observation.sleeps) if "inner-lock" in slugs else None,
        sleeps_at=sleep_site(observation.sleeps_alone) if "sleeps-while-holding" in slugs else None,
    )


def _asks_attachment(observation: Observation) -> bool:
    """Return whether attachment was to be sampled, which reports of older releases do not have."""
    return observation.attachment is not None or any(note.slug == _NOT_SAMPLED for note in observation.notes)


#: Why nothing was sampled although there is no GIL.
_NOT_SAMPLED = "attachment-not-found"


def _without_waits_for_neighbours(observation: Observation) -> Observation:
    """Leave out how long the GIL waiter waited where other threads of the process hold the GIL, too: for whom is not known."""
    span_ns = sum(window.span_ns for window in observation.surroundings.windows)
    held_ns = sum(other.held_ns for window in observation.surroundings.windows for other in window.others)
    return replace(observation, gil_waits=None) if held_ns > rules.NEIGHBOURS_HOLD_SHARE * span_ns else observation


def _typical(calls: Sequence[CallSpan | AttachedCall], figure: str) -> int | None:
    return round(median([getattr(call, figure) for call in calls])) if calls else None


def _longest_wait_ns(calls: Sequence[CallSpan], gil_waits: GilWaits | None) -> int | None:
    """Return how long a call keeps another thread waiting for the GIL.

    The waiter also has to wake up (5 to 50 µs), and one of its calls may have been interrupted: both are not the callee's
    doing. A call of 124 ns came out with a wait of 33 µs. The callee keeps a waiter out while it holds the GIL, and, if it
    releases it so often that the waiter wakes up too late each time, for the whole call.
    """
    if gil_waits is None or not gil_waits.n_calls:
        return None
    if not calls:
        return gil_waits.longest_wait_ns
    releases_often = median([call.n_releases_by_function for call in calls]) >= rules.CHATTER_PER_CALL
    most_ns = median([call.span_ns if releases_often else call.held_ns + call.workers_held_ns for call in calls])
    return min(gil_waits.longest_wait_ns, round(most_ns))


def _release_counts(observation: Observation) -> ReleaseCounts:
    calls, gil_waits = observation.calls, observation.gil_waits
    return ReleaseCounts(
        by_function=median([call.n_releases_by_function for call in calls]) if calls else 0,
        by_interpreter=gil_waits.n_releases_by_interpreter / gil_waits.n_calls
        if gil_waits and gil_waits.n_calls
        else 0,
    )


def _traits(observation: Observation, calls: Sequence[CallSpan]) -> tuple[str, ...]:
    """Return what the thresholds say about how the call releases, as slugs of `Verdict.traits`."""
    gil_waits = observation.gil_waits
    if not calls:
        return ()
    span_ns = median([call.span_ns for call in calls])
    n_releases = median([call.n_releases_by_function for call in calls])
    traits = []
    if n_releases >= rules.CHATTER_PER_CALL and n_releases / max(1e-9, span_ns / 1e6) > rules.CHATTER_PER_MS:
        traits.append("releases-often")
    if gil_waits is not None:
        # A call that gives way once may do so on its way out. If its span shared a processor, and its calls beside the waiter
        # did not, half of the span is no measure: its processor time is.
        once = gil_waits.n_releases_by_interpreter <= gil_waits.n_calls
        whole_ns = min(span_ns, median([call.cpu_ns for call in calls])) if once else span_ns
        lets_waiters_in = gil_waits.longest_wait_ns <= rules.GIVES_WAY_WAIT_SHARE * whole_ns
        # Beside busy processes the waiter may ask late in the call, so that even its wait for the way out is short.
        if gil_waits.n_releases_by_interpreter and lets_waiters_in and not (once and _is_in_native_code(observation)):
            traits.append("gives-way")
        if (_longest_wait_ns(calls, gil_waits) or 0) >= rules.FELT_HOLD_NS:
            traits.append("wait-is-felt")
    return tuple(traits)


def _is_in_native_code(observation: Observation) -> bool:
    """Return whether the diagnosing pass saw the call spend its time in native code, which gives way to nobody."""
    places = observation.places
    return places is not None and (places.busiest is None or not places.busiest.is_python)


def _gil(observation: Observation, calls: Sequence[CallSpan]) -> tuple[str, Estimate, list[Reason]]:
    """Return the word, the held share and the reasons; `calls` are those of the observation, with what is surely theirs."""
    notes = list(observation.notes)
    unavailable = observation.instrument.unavailable
    if unavailable is not None:
        notes.append(unavailable)
        if unavailable.slug == "no-gil":
            return "not_applicable", Estimate(quantity="held share", why_not="no-gil"), notes
        if observation.instrument.grade == "none":
            required = Reason.of("ledger-required", why=unavailable.slug, why_text=dict(unavailable.values).get("text"))
            return "inconclusive", Estimate(quantity="held share", why_not="ledger-required"), [*notes, required]
        return _from_progress(observation, notes)
    share = held_share(
        observation.calls,
        observation.machine.clock_price_ns,
        surroundings=observation.surroundings,
        as_it_ran=observation.plan.solo_budget_ns == 0,
    )
    notes += _of_the_machine(observation)
    gil = word(share)
    doubt = _doubt(observation, share)
    if doubt is not None or gil is None:
        return "inconclusive", share, [*notes, *([doubt] if doubt else [])]
    notes += _asleep(observation)
    n_workers = max(call.n_workers for call in calls)
    if n_workers:
        notes.append(Reason.of("own-threads-attach", n_threads=n_workers))
    span_ns = _typical(observation.calls, "span_ns") or 0
    if gil == "held" and span_ns < rules.SMALL_INPUT_NS:
        notes.append(Reason.of("small-input", span_ns=span_ns))
    n_dropped = max((call.timeline.n_dropped for call in observation.calls if call.timeline), default=0)
    if n_dropped:
        notes.append(Reason.of("events-dropped", n_dropped=n_dropped))
    return gil, share, notes


def _of_the_machine(observation: Observation) -> list[Reason]:
    """Return what the system does not report, or takes away, where bounds allow for it."""
    calls = observation.calls
    notes = []
    if any(
        call.delay_ns is None and call.span_ns - call.waiting_ns - call.cpu_ns > rules.UNREPORTED_DELAY_NS
        for call in calls
    ):
        notes.append(Reason("no-schedstat"))
    stolen_share = taken_from(calls, observation.surroundings).stolen_share
    if stolen_share > rules.STOLEN_SHARE:
        notes.append(Reason.of("stolen-time", stolen_share=stolen_share))
    return notes


def _asleep(observation: Observation) -> list[Reason]:
    """Return that the call sleeps while it holds the GIL, if it does for long."""
    asleep_ns, span_ns = asleep_while_holding_ns(observation.calls), _typical(observation.calls, "span_ns")
    if not asleep_ns or not span_ns or asleep_ns < rules.SLEEPS_WHILE_HOLDING_SHARE * span_ns:
        return []
    return [Reason.of("sleeps-while-holding", asleep_ns=asleep_ns, asleep_share=min(1.0, asleep_ns / span_ns))]


def _whose_hold(observation: Observation) -> Reason | None:
    """Return that the word depends on whose threads others are, if it does."""
    owned = owned_calls(observation.calls, observation.surroundings.windows)
    price_ns = observation.machine.clock_price_ns
    least, most = (held_share(calls, price_ns) for calls in ([o.least for o in owned], [o.most for o in owned]))
    if word(least) == word(most):
        return None
    n_threads = len({other.thread for call in observation.calls for other in call.others})
    return Reason.of("whose-hold", n_threads=n_threads, least_share=least.value, most_share=most.value)


def _doubt(observation: Observation, share: Estimate) -> Reason | None:
    """Return why the ledger's share gives no word, or None if it does."""
    calls, price_ns = observation.calls, observation.machine.clock_price_ns
    span_ns = _typical(calls, "span_ns")
    if span_ns is None:
        return Reason.of("not-measured", why="no-call-returned")
    resolution_ns = observation.machine.clock_resolution_ns
    if span_ns < rules.SHORTEST_CALL_IN_CLOCK_PRICES * resolution_ns and resolution_ns > price_ns:
        return Reason.of("clock-coarse", span_ns=span_ns, resolution_ns=resolution_ns)
    shortest_ns = rules.SHORTEST_CALL_IN_CLOCK_PRICES * price_ns
    if span_ns < shortest_ns:
        return Reason.of("too-short", span_ns=span_ns, shortest_ns=shortest_ns)
    return _conflict(observation) if word(share) is not None else _why_undecided(observation, share)


def _why_undecided(observation: Observation, share: Estimate) -> Reason:
    """Return why the bounds of a share contain a border."""
    calls = observation.calls
    whose_hold = _whose_hold(observation)
    if whose_hold is not None:
        return whose_hold
    if are_unresolved(calls, observation.machine.clock_price_ns):
        return Reason.of("disturbed", n_calls=len(calls))
    return Reason.of(
        "borderline",
        held_share=share,
        released_most_share=rules.RELEASED_MOST_HELD_SHARE,
        held_least_share=rules.HELD_LEAST_HELD_SHARE,
        n_calls=len(calls),
    )


def _conflict(observation: Observation) -> Reason | None:
    """Return why the ledger and the background thread's progress cannot both be true, if they cannot.

    Both are of the same calls, not of those made alone. A phase of the background thread of 0.2 ms that begins in a
    release of 0.02 ms lasts on while the call wants the GIL back, or shares its processor. (Beside a call that held 0.97
    alone the background thread ran for 0.15 of its span.)
    """
    progress = observation.progress
    if progress is None or not progress.span_ns or progress.held_ns is None:
        return None
    held_share, background_share = progress.held_ns / progress.span_ns, progress.background_ns / progress.span_ns
    if held_share + background_share <= 1 + rules.PROGRESS_SLACK:
        return None
    return Reason.of("witnesses-conflict", held_share=held_share, background_share=background_share)


def _from_progress(observation: Observation, notes: list[Reason]) -> tuple[str, Estimate, list[Reason]]:
    """Return the same without a ledger.

    While the background thread ran, the call did not hold the GIL. The rest of the call is unknown.
    """
    progress = observation.progress
    if progress is None or not progress.span_ns:
        why_not = "no-record-and-no-progress"
        share = Estimate(quantity="held share", why_not=why_not)
        return "inconclusive", share, [*notes, Reason.of("not-measured", why=why_not)]
    # A phase of the background thread outlasts a short release and makes the call wait. What is left of these calls may
    # all be holding, but of a call that is as short as it was alone. (A first call of 10 ms before calls of 0.1 ms, which
    # held for half of it and waited for 4 ms at each release, would have made them look released.)
    of_one = (progress.alone_ns, observation.pilot.span_ns if observation.pilot else None)
    known = [ns for ns in of_one if ns is not None]
    alone_ns = progress.n_calls * min(known) if known else progress.span_ns
    left_ns = max(0, progress.span_ns - progress.background_ns)
    high = min(1.0, left_ns / max(1, min(progress.span_ns, alone_ns)))
    share = Estimate(high / 2, 0.0, high, quantity="held share")
    if word(share) == "released":
        return "released", share, notes
    return "inconclusive", share, [*notes, Reason.of("progress-only", background_share=1 - high)]
