"""Everything that is seen of one call: brackets `run` with `observe`, stage by stage."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_gilcheck.declare.settings import Settings
from pytest_gilcheck.evidence import CallSpan, DeadlineExceeded, Instrument, Observation, Plan, Reason
from pytest_gilcheck.judge import ROUND_LOOKS, decides_holding, decides_overlap, held_share, judge
from pytest_gilcheck.observe import (
    PythonLines,
    call_span,
    clock_quality,
    exact_ledger,
    is_native,
    learn_drop_request,
    places,
    progress_beside,
    python_stacks,
    stacks_of,
    waiter,
    waits_beside_calls,
)
from pytest_gilcheck.plan import n_competing_threads, round_size, size, survey
from pytest_gilcheck.run import (
    Call,
    CompetingThreads,
    Rescue,
    Rounds,
    Solo,
    SoloRun,
    background_thread,
    one_at_a_time,
)
from pytest_gilcheck.status import events
from pytest_gilcheck.status.callback import StatusCallback, status_callback
from pytest_gilcheck.status.events import StatusEvent

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import Estimate, GilWaits, Machine, Places, Progress, Round

#: Calls below this are too short for a turn of the rival; above the other, too long to be made once more for it.
_SHORTEST_BESIDE_BACKGROUND_NS = 1_000_000
_LONGEST_BESIDE_BACKGROUND_NS = 250_000_000
_BESIDE_BACKGROUND_NS = 20_000_000

#: A call longer than this is not made once more only to find its lines.
_LONGEST_DIAGNOSED_NS = 5_000_000_000

#: A call with more hand-overs is first measured without a system call at each of them.
_MOST_FINE_EVENTS = 200
#: A shorter one is rarely descheduled: those that are, are left out.
_SHORTEST_FINE_NS = 200_000


#: Gives a context in which no other process that takes part is busy; False in it: they would not stop.
Alone = Callable[[], "contextlib.AbstractContextManager[bool]"]


def unguarded() -> contextlib.AbstractContextManager[bool]:
    """Nobody else measures on this machine, as far as is known."""
    return contextlib.nullcontext(True)  # noqa: FBT003  (what the context yields)


class _Measurement:
    """The stages of one check, while the ledger is open and the crew stands."""

    def __init__(
        self,
        call: Call,
        settings: Settings,
        name: str,
        machine: Machine,
        rescue: Rescue,
        *,
        competing: CompetingThreads,
        tell: StatusCallback | None,
    ) -> None:
        self._tell = tell
        self.call = call
        self.settings = settings
        self.machine = machine
        self.competing = competing
        self.solo = Solo(call, competing)
        self.notes: list[Reason] = []
        self.refused: Reason | None = None
        self.deadline = rescue.deadline(settings.deadline / 1e9, name)

    def doing(self, what: str, **figures: int) -> None:
        """Tells those who listen; to be called while no call is timed."""
        if self._tell is not None:
            self._tell(StatusEvent(what, **figures))

    def pilot(self) -> SoloRun:
        """The first call. Nobody knows yet how long it takes: if it takes long, that is told while it runs, once."""
        self.doing(events.FIRST_CALL)
        told = None if self._tell is None else lambda: self.doing(events.FIRST_CALL)
        return self.competing.solo(self.solo.job(1), self.deadline, meanwhile=told)

    def singles(self, plan: Plan, pilot: CallSpan) -> tuple[list[CallSpan], Any]:
        """Single calls, alone, until a look decides or the budget is spent."""
        calls: list[CallSpan] = []
        first: Any = None
        left_ns = plan.solo_budget_ns
        fine = (
            pilot.span_ns >= _SHORTEST_FINE_NS
            and pilot.n_releases_by_function + pilot.n_releases_by_interpreter <= _MOST_FINE_EVENTS
        )
        for look in plan.looks:
            self.doing(
                events.SINGLE_CALLS,
                n_done=len(calls),
                n_all=plan.looks[-1],
                spent_ns=plan.solo_budget_ns - left_ns,
                budget_ns=plan.solo_budget_ns,
            )
            run = self.competing.solo(self.solo.job(look - len(calls), fine=fine, budget_ns=left_ns), self.deadline)
            if not calls:
                first = run.result
            self.refused = self.refused or _refusal(run)
            if self.refused:
                return [], first
            new = _spans(run, with_timeline=not calls)
            calls += new
            left_ns -= sum(call.end_ns - call.start_ns for call in new)
            if decides_holding(calls, pilot, self.machine.clock_price_ns, self.settings.claim) or left_ns <= 0:
                break
            fine = pilot.span_ns >= _SHORTEST_FINE_NS
        return calls, first

    def gil_waits(self, plan: Plan) -> GilWaits:
        """Calls beside the native waiter."""
        seen = self._gil_waits(plan)
        # Unlearned, every drop under a request counts as on request: only then is learning worth its 70 ms.
        return self._gil_waits(plan) if seen.n_releases_by_interpreter and learn_drop_request_once() else seen

    def _gil_waits(self, plan: Plan) -> GilWaits:
        self.doing(events.BESIDE_WAITER)
        asked: list[tuple[int, int, int]] = []
        with waiter(plan.waiter_gap_ns, asked):
            run = self.competing.solo(self.solo.job(plan.n_waiter_calls, budget_ns=plan.solo_budget_ns), self.deadline)
        return waits_beside_calls([] if _refusal(run) else _spans(run, with_timeline=False), asked)

    def rounds(self, plan: Plan, span_ns: int, held: Estimate) -> list[Round]:
        """Paired rounds until a fixed look finds them enough or the budget is spent; a note says why there are none."""
        if plan.n_threads < 2:  # noqa: PLR2004  (nobody competes with himself)
            self.notes.append(Reason("one-thread"))
            return []
        if self.machine.usable_cores <= 1:
            self.notes.append(Reason("one-cpu"))
            return []
        size = round_size(span_ns, plan.n_threads, self.machine, plan.budget_ns)
        if size is None:
            n_threads, budget_ns = plan.n_threads, plan.budget_ns
            self.notes.append(Reason.of("budget-too-small", n_threads=n_threads, span_ns=span_ns, budget_ns=budget_ns))
            return []
        made: list[Round] = []
        maker = Rounds(self.competing, self.call, size, plan.seed)
        with one_at_a_time():
            end = time.perf_counter_ns() + plan.budget_ns
            while True:
                spent_ns = time.perf_counter_ns() - (end - plan.budget_ns)
                self.doing(events.COMPETING, spent_ns=spent_ns, budget_ns=plan.budget_ns)
                made.append(maker.next(self.deadline))
                # A typical one must fit. The longest, on a busy machine, is several typical ones long, and would leave
                # their time unused; the one that then lasts too long is the last.
                if time.perf_counter_ns() + sorted(round_.wall_ns for round_ in made)[len(made) // 2] > end:
                    break
                if len(made) in ROUND_LOOKS and decides_overlap(made, self.settings.claim, self.machine, held):
                    break
        return made

    def progress(self, span_ns: int, *, is_exact: bool) -> Progress:
        """Calls beside the rival."""
        self.doing(events.BESIDE_BACKGROUND)
        turns: list[tuple[int, int]] = []
        n_calls = max(1, _BESIDE_BACKGROUND_NS // max(1, span_ns))
        with background_thread(turns):
            run = self.competing.solo(self.solo.job(n_calls), self.deadline)
        told = is_exact and not _refusal(run)
        return progress_beside(_spans(run, with_timeline=False), turns, is_exact=told)

    def places(self) -> Places | None:
        """The diagnosing pass: one more call, and, where Python code runs underneath, another one under a trace."""
        self.doing(events.LINES)
        function = self.call.function
        try:
            with stacks_of(self.competing.idents[0]) as kept:
                (span,) = self.competing.solo(self.solo.job(1), self.deadline).spans
            stamps = (span.start_ns, span.end_ns)
            if is_native(function) and not kept.runs_python:
                return places(kept, stamps, function)
            lines = PythonLines()
            traced = Solo(replace(self.call, function=lines.around(function)), self.competing)
            with stacks_of(self.competing.idents[0]) as again:
                self.competing.solo(traced.job(1), self.deadline)
            python = python_stacks(again, lines, kept.events)
            return places(kept, stamps, function, python=python, lines=lines)
        except DeadlineExceeded:
            raise
        except Exception as error:  # noqa: BLE001  (information only: what failed is said, the verdict stands)
            self.notes.append(Reason.of("where-failed", error_type=type(error).__name__, error=str(error)))
            return None


_learned: bool | None = None


def learn_drop_request_once() -> bool:
    """Was the way of hand-overs on request learned just now, so that a second look tells more?"""
    global _learned  # noqa: PLW0603  (a property of the process)
    if _learned is not None:
        return False
    _learned = learn_drop_request()
    return _learned


def measure(
    call: Call, settings: Settings, name: str, rescue: Rescue, alone: Alone = unguarded
) -> tuple[Observation, Any]:
    """Everything that is seen of one call, and what its first measured call returned."""
    machine = survey(clock_quality())
    n_threads = n_competing_threads(machine, settings.threads)
    with status_callback() as tell, exact_ledger() as opened, CompetingThreads(n_threads) as competing:
        measurement = _Measurement(call, settings, name, machine, rescue, competing=competing, tell=tell)
        pilot_run = measurement.pilot()
        (pilot,) = _spans(pilot_run, with_timeline=False)
        plan = size(
            pilot,
            machine,
            n_threads=settings.threads,
            budget_ns=settings.budget_ns,
            deadline_ns=settings.deadline,
            overlap=settings.overlap,
            seed=settings.seed,
        )
        calls, result = measurement.singles(plan, pilot) if opened.grade == "exact" else ([], pilot_run.result)
        refused = measurement.refused
        instrument = Instrument("progress", "bounded", refused) if refused else opened
        exact = instrument.grade == "exact"
        span_ns = min(call.span_ns for call in [pilot, *calls])
        gil_waits = measurement.gil_waits(plan) if exact and plan.n_waiter_calls else None
        rounds: list[Round] = []
        if settings.overlap:
            with alone() as is_alone:
                if not is_alone:
                    measurement.notes.append(NOT_ALONE)
                rounds = measurement.rounds(plan, span_ns, held_share(calls, machine.clock_price_ns))
        progress = None
        if _needs_background_thread(instrument, settings, span_ns):
            progress = measurement.progress(span_ns, is_exact=exact)
        observation = Observation(
            name=name,
            claim=settings.claim,
            machine=machine,
            plan=plan,
            instrument=instrument,
            pilot=pilot,
            calls=tuple(calls),
            gil_waits=gil_waits,
            rounds=tuple(rounds),
            progress=progress,
        )
        if exact and span_ns <= _LONGEST_DIAGNOSED_NS and judge(observation).gil in ("held", "partial"):
            observation = replace(observation, places=measurement.places())
    return replace(observation, notes=(*machine_notes(machine), *measurement.notes)), result


def _needs_background_thread(instrument: Instrument, settings: Settings, span_ns: int) -> bool:
    if instrument.grade == "none" or not _SHORTEST_BESIDE_BACKGROUND_NS <= span_ns <= _LONGEST_BESIDE_BACKGROUND_NS:
        return False
    return settings.overlap or instrument.grade != "exact"


def _refusal(run: SoloRun) -> Reason | None:
    """Why has the ledger, although open, no figures for one of these calls?"""
    return next((Reason.of(raw.refused[0], text=raw.refused[1]) for raw in run.spans if raw.refused), None)


def _spans(run: SoloRun, *, with_timeline: bool) -> list[CallSpan]:
    """One timeline is enough to draw."""
    return [
        call_span(raw, run.known_threads, with_timeline=with_timeline and not index)
        for index, raw in enumerate(run.spans)
    ]


NOT_ALONE = Reason("xdist-neighbours")


def machine_notes(machine: Machine) -> tuple[Reason, ...]:
    """What of the bench is a reason to doubt?"""
    return tuple(Reason(slug) for slug in machine.neighbours)
