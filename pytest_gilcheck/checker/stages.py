"""The stages of one check, each of which brackets calls with an instrument."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_gilcheck.evidence import CallSpan, DeadlineExceeded, Plan, Reason, Surroundings
from pytest_gilcheck.evidence.errors import is_hidden
from pytest_gilcheck.judge import (
    ENOUGH_BATCHES,
    ROUND_LOOKS,
    decides_holding,
    decides_overlap,
    is_same_hold,
    knows_share,
    others_matter,
    wants_short_round,
)
from pytest_gilcheck.observe import (
    KeptStacks,
    PythonLines,
    call_span,
    gil_waiter,
    is_native,
    learn_drop_request,
    longest_hold_of,
    places,
    progress_beside,
    python_stacks,
    stacks_of,
    waits_beside_calls,
)
from pytest_gilcheck.plan import can_overlap, ready_ns, round_size, stolen_ns
from pytest_gilcheck.run import (
    CompetingThreads,
    Rescue,
    Rounds,
    Solo,
    SoloRun,
    background_thread,
    one_at_a_time,
)
from pytest_gilcheck.status import events
from pytest_gilcheck.status.events import StatusEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_gilcheck.declare.settings import Settings
    from pytest_gilcheck.evidence import Estimate, GilWaits, Machine, Places, Progress, Round, ShortRound
    from pytest_gilcheck.run import Call
    from pytest_gilcheck.status.callback import StatusCallback

__tracebackhide__ = is_hidden

#: Calls beside the background thread are made for about so long.
_BESIDE_BACKGROUND_NS = 20_000_000

#: So many naps, each this long, show whether another thread keeps the GIL busy.
_N_PROBES = 5
_PROBE_NS = 100_000

#: What one stage may take of what is left of the check's time limit.
_STAGE_SHARE = 0.5
#: The time limit is never less than so many calls, as long as they take beside the other threads of this process.
_CALLS_IN_LIMIT = 10

#: So many calls are made for their stacks at most.
_MOST_PASSES = 3

#: A call with more GIL events is first measured without a system call at each of them.
_MOST_FINE_EVENTS = 200
#: A shorter call is rarely descheduled, and the calls that are descheduled are left out.
_SHORTEST_FINE_NS = 200_000


class Stages:
    """The stages of one check, while the ledger is open and the competing threads exist.

    `notes` are reasons that the stages add to the verdict's. `refused` is why the open ledger has no figures for these
    calls, or None. `surroundings` is what went on beside the single calls.
    """

    def __init__(
        self,
        call: Call,
        settings: Settings,
        name: str,
        machine: Machine,
        rescue: Rescue,
        *,
        competing: CompetingThreads,
        on_status: StatusCallback | None,
    ) -> None:
        self._call = call
        self._settings = settings
        self._machine = machine
        self._competing = competing
        self._on_status = on_status
        self._solo = Solo(call, competing)
        self._deadline = rescue.deadline(settings.deadline / 1e9, name)
        self.notes: list[Reason] = []
        self.refused: Reason | None = None
        self.surroundings = Surroundings()
        self._begun_ns = time.perf_counter_ns()
        self._limit_ns = settings.time_limit
        self._call_ns = 0

    def _left_ns(self) -> int:
        """Return what is left of the check's time limit."""
        return max(0, self._begun_ns + self._limit_ns - time.perf_counter_ns())

    def wait_for_others(self, waited_ns: int, *, in_vain: bool) -> None:
        """Leave the time that the check waited for other processes out of its time limit; a note says if they went on."""
        self._begun_ns += waited_ns
        if in_vain:
            self.notes.append(Reason.of("xdist-neighbours", waited_ns=waited_ns))

    def _stacks(self) -> tuple[KeptStacks, tuple[int, int]]:
        """Make a call, and return the stacks of its GIL events, and when it began and ended."""
        with stacks_of(self._competing.idents[0]) as kept:
            (span,) = self._competing.solo(self._solo.job(1), self._deadline).spans
        return kept, (span.start_ns, span.end_ns)

    def _fits_quietly(self, n_calls: int) -> bool:
        """Return whether so many calls fit into the time limit, of which nobody misses the first."""
        return n_calls * self._call_ns <= self._left_ns()

    def _fits(self, stage: str, n_calls: int = 1) -> bool:
        """Return whether a stage with so many calls fits into the time limit; a note says what is left out."""
        if self._fits_quietly(n_calls):
            return True
        self._leave_out(stage, self._call_ns)
        return False

    def _leave_out(self, stage: str, call_ns: int) -> None:
        """Note that a stage is left out; 0 for the length of a call: because other threads would keep it waiting."""
        self.notes.append(Reason.of("time-limit", stage=stage, limit_ns=self._limit_ns, call_ns=call_ns))

    def _report_status(self, what: str, **figures: int) -> None:
        """Report a stage to the status callback; to be called while no call is timed."""
        if self._on_status is not None:
            self._on_status(StatusEvent(what, **figures))

    def pilot(self) -> SoloRun:
        """Make the first call; if it takes long, its status is reported once more while it runs."""
        self._report_status(events.FIRST_CALL)
        report_again = None if self._on_status is None else lambda: self._report_status(events.FIRST_CALL)
        job = self._solo.job(1, keeps_result=True)
        run = self._competing.solo(job, self._deadline, meanwhile=report_again)
        self._call_ns = run.spans[0].end_ns - run.spans[0].start_ns
        self._limit_ns = max(self._limit_ns + (self._settings.budget or 0), _CALLS_IN_LIMIT * self._call_ns)
        return run

    def single_calls(self, plan: Plan, pilot: CallSpan) -> list[CallSpan]:
        """Make single calls until a look decides or the budget is spent.

        Where other threads take the GIL within them, what they do between the calls is recorded, too.
        """
        calls: list[CallSpan] = []
        left_ns = min(plan.solo_budget_ns, max(self._left_ns(), (_CALLS_IN_LIMIT - 3) * self._call_ns))
        claim, price_ns = self._settings.claim, self._machine.clock_price_ns
        stolen_before_ns, ready_before_ns = stolen_ns(), ready_ns()
        fine = (
            pilot.span_ns >= _SHORTEST_FINE_NS
            and pilot.n_releases_by_function + pilot.n_releases_by_interpreter <= _MOST_FINE_EVENTS
        )
        for look in plan.looks:
            self._report_status(
                events.SINGLE_CALLS,
                n_done=len(calls),
                n_all=plan.looks[-1],
                spent_ns=plan.solo_budget_ns - left_ns,
                budget_ns=plan.solo_budget_ns,
            )
            n_windows = ENOUGH_BATCHES if others_matter([pilot, *calls]) else 0
            run = self._measured(look - len(calls), fine=fine, budget_ns=left_ns, n_windows=n_windows)
            self.refused = self.refused or _refusal(run)
            if self.refused:
                return []
            # Cold calls are no picture of the others: the last look, which has most calls, brings the timeline.
            calls = [*(replace(call, timeline=None) for call in calls), *with_typical_timeline(run)]
            left_ns -= sum(span.end_ns - span.start_ns for span in (*run.spans, *run.windows))
            windows = [call_span(raw, with_timeline=False, left_out=run.left_out) for raw in run.windows]
            self.surroundings = Surroundings(
                (*self.surroundings.windows, *windows),
                _since(stolen_before_ns, stolen_ns()),
                _since(ready_before_ns, ready_ns()),
            )
            is_decided = decides_holding(calls, pilot, price_ns, claim, surroundings=self.surroundings)
            if left_ns <= 0 or (is_decided and not self._wants_figure(calls, plan.looks)):
                break
            fine = pilot.span_ns >= _SHORTEST_FINE_NS
        self._call_ns = sorted(call.end_ns - call.start_ns for call in calls)[len(calls) // 2]
        return calls

    def _wants_figure(self, calls: Sequence[CallSpan], looks: Sequence[int]) -> bool:
        """Return whether the word is known but not the figure, and more calls are not too dear for it.

        The line at which the GIL is held is worth more than the figure: half of the time that is left stays for the rest.
        """
        n_next = next((look for look in looks if look > len(calls)), None)
        if n_next is None or knows_share(calls, self._machine.clock_price_ns, surroundings=self.surroundings):
            return False
        longest_ns = max(call.end_ns - call.start_ns for call in calls)
        return (n_next - len(calls)) * longest_ns <= _STAGE_SHARE * self._left_ns()

    def _measured(self, n_calls: int, **options: Any) -> SoloRun:
        """Make single calls; once more if they show releases by the interpreter, which must be learned to be counted right."""
        run = self._competing.solo(self._solo.job(n_calls, **options), self._deadline)
        if any(raw.n_releases_by_interpreter for raw in run.spans) and learn_drop_request_once():
            run = self._competing.solo(self._solo.job(n_calls, **options), self._deadline)
        return run

    def gil_waits(self, plan: Plan) -> GilWaits | None:
        """Make calls beside the native GIL waiter, and return how long it waited; None: a note says why not."""
        if not self._fits("longest wait"):
            return None
        waits = self._gil_waits(plan)
        # Before it is learned, each release beside a waiter counts as one by the interpreter. Learning takes 70 ms.
        return self._gil_waits(plan) if waits.n_releases_by_interpreter and learn_drop_request_once() else waits

    def _gil_waits(self, plan: Plan) -> GilWaits:
        self._report_status(events.BESIDE_WAITER)
        raw_waits: list[tuple[int, int, int]] = []
        with gil_waiter(plan.waiter_gap_ns, raw_waits):
            job = self._solo.job(plan.n_waiter_calls, budget_ns=plan.solo_budget_ns)
            run = self._competing.solo(job, self._deadline)
        return waits_beside_calls([] if _refusal(run) else call_spans(run), raw_waits)

    def rounds(self, plan: Plan, span_ns: int, held: Estimate) -> tuple[list[Round], list[ShortRound]]:
        """Make paired rounds until a look decides or the budget is spent; a note says why there are none."""
        if plan.n_threads < 2:  # noqa: PLR2004  (competing takes two)
            self.notes.append(Reason("one-thread"))
            return [], []
        if not can_overlap(self._machine):
            self.notes.append(Reason("one-cpu"))
            return [], []
        # Beside other threads a call takes longer than it needs, and so do the rounds.
        slowed = max(1.0, self._call_ns / max(1, span_ns))
        budget_ns = min(plan.budget_ns, self._left_ns())
        size = round_size(span_ns, plan.n_threads, self._machine, round(budget_ns / slowed))
        if size is None and budget_ns < plan.budget_ns:
            self._leave_out("rounds in competing threads", self._call_ns)
            return [], []
        if size is None:
            n_threads = plan.n_threads
            self.notes.append(Reason.of("budget-too-small", n_threads=n_threads, span_ns=span_ns, budget_ns=budget_ns))
            return [], []
        source = Rounds(self._competing, self._call, size, plan.seed)
        with one_at_a_time():
            return self._made(source, budget_ns, held)

    def _made(self, source: Rounds, budget_ns: int, held: Estimate) -> tuple[list[Round], list[ShortRound]]:
        """Make rounds; where those with controls are no use on this machine, most of the time goes to short ones."""
        rounds: list[Round] = []
        short_rounds: list[ShortRound] = []
        start_ns = time.perf_counter_ns()
        end_ns = start_ns + budget_ns
        while True:
            spent_ns = time.perf_counter_ns() - start_ns
            self._report_status(events.COMPETING, spent_ns=spent_ns, budget_ns=budget_ns)
            stolen_before_ns = stolen_ns()
            latest: list[Round] | list[ShortRound]
            if wants_short_round(rounds, short_rounds, self._machine):
                short_round = source.next_short(self._deadline)
                short_rounds.append(replace(short_round, stolen_ns=_since(stolen_before_ns, stolen_ns())))
                latest = short_rounds
            else:
                round_ = source.next(self._deadline)
                rounds.append(replace(round_, stolen_ns=_since(stolen_before_ns, stolen_ns())))
                latest = rounds
            # The typical round must still fit. On a busy machine the longest one lasts as long as several typical ones,
            # and the time of those would stay unused. A round that takes too long is the last.
            typical_ns = sorted(round_.wall_ns for round_ in latest)[len(latest) // 2]
            if time.perf_counter_ns() + typical_ns > end_ns:
                break
            if len(latest) in ROUND_LOOKS and decides_overlap(
                rounds, short_rounds, self._settings.claim, self._machine, held
            ):
                break
        return rounds, short_rounds

    def progress(self, span_ns: int, *, is_exact: bool) -> Progress | None:
        """Make calls beside the background thread, and return how much it ran; None: a note says why not."""
        if self._others_are_busy():
            # Its switch interval is so long that a busy thread would keep the call waiting for half a second at each release.
            self._leave_out("background thread", 0)
            return None
        if not self._fits("background thread"):
            return None
        self._report_status(events.BESIDE_BACKGROUND)
        background_runs: list[tuple[int, int]] = []
        n_calls = max(1, _BESIDE_BACKGROUND_NS // max(1, span_ns))
        budget_ns = round(self._left_ns() * _STAGE_SHARE)
        with background_thread(background_runs, budget_ns=budget_ns):
            run = self._competing.solo(self._solo.job(n_calls, budget_ns=budget_ns), self._deadline)
        calls = call_spans(run)
        return progress_beside(calls, background_runs, is_exact=is_exact and not _refusal(run))

    def _others_are_busy(self) -> bool:
        """Return whether another thread of this process keeps the GIL busy: without one, who sleeps has it back at once."""
        if self.surroundings.windows:
            return others_matter(self.surroundings.windows)
        n_late = 0
        for _ in range(_N_PROBES):
            begun_ns = time.perf_counter_ns()
            time.sleep(_PROBE_NS / 1e9)
            n_late += time.perf_counter_ns() - begun_ns > _PROBE_NS + sys.getswitchinterval() * 1e9 / 2
        return n_late > _N_PROBES // 2

    def places(self, longest_hold_ns: int | None = None) -> Places | None:
        """Make one more call for its stacks and, where Python code runs underneath, another one under a trace.

        An interrupt may draw out a hold of this call: up to three are made, until the longest hold is one of the judged calls.
        """
        if "greenlet" in sys.modules:
            # A walk of a stack that greenlets have switched does not end: it crashed the process.
            self.notes.append(Reason("greenlets"))
            return None
        if not self._fits("places", n_calls=2):
            return None
        self._report_status(events.LINES)
        function = self._call.function
        try:
            kept, stamps = self._stacks()
            for _ in range(_MOST_PASSES - 1):
                hold_ns = longest_hold_of(kept, stamps)
                if (
                    longest_hold_ns is None
                    or is_same_hold(hold_ns, longest_hold_ns)
                    or not self._fits_quietly(n_calls=3)
                ):
                    break
                again, stamps_again = self._stacks()
                if longest_hold_of(again, stamps_again) < hold_ns:
                    kept, stamps = again, stamps_again
            if is_native(function) and not kept.runs_python:
                return places(kept, stamps, function)
            lines = PythonLines()
            traced = Solo(replace(self._call, function=lines.around(function)), self._competing)
            with stacks_of(self._competing.idents[0]) as kept_traced:
                self._competing.solo(traced.job(1), self._deadline)
            python = python_stacks(kept_traced, lines, kept.events)
            return places(kept, stamps, function, python=python, lines=lines)
        except DeadlineExceeded:
            raise
        except Exception as error:  # noqa: BLE001  (for information only: a note says what failed, the verdict stands)
            self.notes.append(Reason.of("where-failed", error_type=type(error).__name__, error=str(error)))
            return None


def _since(before_ns: int | None, now_ns: int | None) -> int | None:
    return None if before_ns is None or now_ns is None else now_ns - before_ns


_MOST_ATTEMPTS = 3
_n_attempts_left = _MOST_ATTEMPTS


def learn_drop_request_once() -> bool:
    """Return whether releases by the interpreter were learned just now, so that a second look shows more.

    Beside busy threads learning may fail. It is tried three times in a process.
    """
    global _n_attempts_left  # noqa: PLW0603  (a property of the process)
    if not _n_attempts_left:
        return False
    learned = learn_drop_request()
    _n_attempts_left = 0 if learned else _n_attempts_left - 1
    return learned


def call_spans(run: SoloRun) -> list[CallSpan]:
    """Return the record of each call, without its timeline."""
    return [call_span(raw, with_timeline=False, left_out=run.left_out) for raw in run.spans]


def with_typical_timeline(run: SoloRun) -> list[CallSpan]:
    """Return the record of each call, with the timeline of the one whose longest hold and length are the most typical."""
    calls = call_spans(run)
    holds, spans = (sorted(figures) for figures in zip(*((c.longest_hold_ns, c.span_ns) for c in calls), strict=True))
    hold_ns, span_ns = holds[len(calls) // 2], max(1, spans[len(calls) // 2])

    def distance(index: int) -> float:
        holds_off, spans_off = calls[index].longest_hold_ns - hold_ns, calls[index].span_ns - span_ns
        return float(abs(holds_off) / max(1, hold_ns) + abs(spans_off) / span_ns)

    typical = min(range(len(calls)), key=distance)
    calls[typical] = call_span(run.spans[typical], with_timeline=True, left_out=run.left_out)
    return calls


def _refusal(run: SoloRun) -> Reason | None:
    """Return why the ledger, although open, has no figures for one of these calls; None: it has."""
    spans = (*run.spans, *run.windows)
    return next((Reason.of(raw.refused[0], text=raw.refused[1]) for raw in spans if raw.refused), None)
