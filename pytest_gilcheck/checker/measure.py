"""Measures one call: runs the stages of a check in their order, and puts the observation together."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_gilcheck.checker.attachment import instrument_of, measure_attachment
from pytest_gilcheck.checker.beside_background import needs_background_thread, progress
from pytest_gilcheck.checker.competing_rounds import competing_rounds, count_ready_threads
from pytest_gilcheck.checker.find_places import find_places
from pytest_gilcheck.checker.find_sleeps import find_sleeps
from pytest_gilcheck.checker.stages import Stages, call_spans
from pytest_gilcheck.evidence import Observation, Reason
from pytest_gilcheck.evidence.errors import is_hidden
from pytest_gilcheck.judge import held_share, judge
from pytest_gilcheck.observe import clock_quality, exact_ledger, without_ledger
from pytest_gilcheck.plan import n_competing_threads, size, survey
from pytest_gilcheck.run import CompetingThreads
from pytest_gilcheck.status.callback import status_callback

if TYPE_CHECKING:
    from pytest_gilcheck.declare.settings import Settings
    from pytest_gilcheck.evidence import Machine
    from pytest_gilcheck.run import Call, Rescue

__tracebackhide__ = is_hidden

#: A longer call is not made once more only to find its lines.
_LONGEST_DIAGNOSED_NS = 5_000_000_000


#: Returns a context in which no other process that takes part is busy. The context gives False where others went on.
Exclusive = Callable[[], "contextlib.AbstractContextManager[bool]"]


def unguarded() -> contextlib.AbstractContextManager[bool]:
    """Return a context that asks nobody to stop: as far as is known, nobody else measures on this machine."""
    return contextlib.nullcontext(True)  # noqa: FBT003  (what the context gives)


def measure(
    call: Call, settings: Settings, name: str, rescue: Rescue, exclusive: Exclusive = unguarded
) -> tuple[Observation, Any]:
    """Measure one call.

    Args:
        call: the function with its arguments.
        settings: how it is measured.
        name: the name of the check.
        rescue: what is saved if a call ends this process.
        exclusive: guards the rounds on the wall clock from other processes.

    Returns:
        The observation, and what the first call returned.
    """
    begun_ns = time.perf_counter_ns()  # beside a busy thread the check's own threads take 0.6 s to begin
    machine = survey(clock_quality())
    n_threads = n_competing_threads(machine, settings.threads)
    with (
        status_callback() as on_status,
        exact_ledger(settings.instrument) as opened,
        CompetingThreads(n_threads) as competing,
    ):
        stages = Stages(
            call, settings, name, machine, rescue, begun_ns=begun_ns, competing=competing, on_status=on_status
        )
        pilot_run = stages.pilot()
        (pilot,) = call_spans(pilot_run)
        plan = size(
            pilot,
            machine,
            n_threads=settings.threads,
            budget_ns=settings.budget_ns,
            deadline_ns=settings.deadline,
            overlap=settings.overlap,
            seed=settings.seed,
        )
        calls = stages.single_calls(plan, pilot) if opened.grade == "exact" else []
        refused = stages.refused
        instrument = without_ledger(refused, settings.instrument) if refused else opened
        is_exact = instrument.grade == "exact"
        span_ns = min(call.span_ns for call in [pilot, *calls])
        gil_waits = stages.gil_waits(plan) if is_exact and plan.n_waiter_calls else None
        observation = Observation(
            name=name,
            claim=settings.claim,
            machine=machine,
            plan=plan,
            instrument=instrument,
            pilot=pilot,
            calls=tuple(calls),
            gil_waits=gil_waits,
            surroundings=stages.surroundings,
        )
        if not machine.has_gil:
            sampled = measure_attachment(stages, plan)
            if isinstance(sampled, Reason):
                stages.notes.append(sampled)
            else:
                instrument = instrument_of(sampled, opened.unavailable)
                observation = replace(observation, attachment=sampled, instrument=instrument)
        # Before the rounds: where the time limit leaves no time for both, a held call's line says more than its speed-up.
        if is_exact and span_ns <= _LONGEST_DIAGNOSED_NS and (verdict := judge(observation)).gil in ("held", "partial"):
            observation = replace(observation, places=find_places(stages, verdict.longest_hold_ns))
            # Of a call that releases the GIL nobody knows whether it holds it where it is seen asleep.
            if "sleeps-while-holding" in verdict.reasons and not verdict.n_releases.by_function:
                observation = replace(observation, sleeps_alone=find_sleeps(stages, 1))
        if machine.has_gil and not is_exact and needs_background_thread(instrument, settings, span_ns):
            # The only witness of the GIL: where the time limit leaves no time for both, it says more than the speed-up.
            observation = replace(observation, progress=progress(stages, span_ns, is_exact=False))
        if settings.overlap:
            asked_ns = time.perf_counter_ns()
            with exclusive() as is_exclusive:
                stages.wait_for_others(time.perf_counter_ns() - asked_ns, in_vain=not is_exclusive)
                held = held_share(calls, machine.clock_price_ns, surroundings=stages.surroundings)
                rounds, short_rounds = competing_rounds(stages, plan, span_ns, held)
                ready = count_ready_threads(stages, rounds, span_ns)
            observation = replace(
                observation, rounds=tuple(rounds), short_rounds=tuple(short_rounds), ready_threads=ready
            )
            if rounds and "inner-lock" in judge(observation).reasons:
                observation = replace(observation, sleeps=find_sleeps(stages, rounds[0].n_threads))
        if is_exact and needs_background_thread(instrument, settings, span_ns):
            observation = replace(observation, progress=progress(stages, span_ns, is_exact=True))
    return replace(observation, notes=(*machine_notes(machine), *stages.notes)), pilot_run.result


def machine_notes(machine: Machine) -> tuple[Reason, ...]:
    """Return the properties of the machine that are reasons to doubt a measurement."""
    notes = [Reason(slug) for slug in machine.neighbours]
    if machine.is_free_threaded and machine.has_gil:
        notes.append(Reason.of("gil-switched-on", by=machine.gil_decided_by))
    return tuple(notes)
