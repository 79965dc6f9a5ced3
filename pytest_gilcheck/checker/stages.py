"""The stages of one check, each of which brackets calls with an instrument."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_gilcheck.checker.time_limit import STAGE_SHARE, TimeLimit
from pytest_gilcheck.evidence import CallSpan, Plan, Reason, Surroundings
from pytest_gilcheck.evidence.errors import is_hidden
from pytest_gilcheck.judge import (
    ENOUGH_BATCHES,
    decides_holding,
    knows_share,
    others_matter,
)
from pytest_gilcheck.observe import (
    call_span,
    gil_waiter,
    learn_drop_request,
    waits_beside_calls,
)
from pytest_gilcheck.plan import ready_ns, stolen_ns
from pytest_gilcheck.run import (
    CompetingThreads,
    Rescue,
    Solo,
    SoloRun,
)
from pytest_gilcheck.status import events
from pytest_gilcheck.status.events import StatusEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_gilcheck.declare.settings import Settings
    from pytest_gilcheck.evidence import GilWaits, Machine
    from pytest_gilcheck.run import Call
    from pytest_gilcheck.status.callback import StatusCallback

__tracebackhide__ = is_hidden

#: So many calls are left for the other stages where single calls take what is left.
_RESERVED_CALLS = 3

#: A call with more GIL events is first measured without a system call at each of them.
_MOST_FINE_EVENTS = 200
#: What that costs for each release and take, and what it may cost of the time that is left: calls with 40,000 releases took 0.7 s
#: each instead of 14 ms, and nothing was left for rounds in competing threads.
_FINE_RELEASE_NS = 20_000
_FINE_SHARE = 0.05
#: A shorter call is rarely descheduled, and the calls that are descheduled are left out.
_SHORTEST_FINE_NS = 200_000


class Stages:
    """The stages of one check, while the ledger is open and the competing threads exist.

    `call`, `settings`, `machine`, `competing` and `deadline` are those of the check, which began at `begun_ns`. `solo` makes its
    single calls, and `time_limit` says what is left of the check's. `notes` are reasons that the stages add to the verdict's.
    `refused` is why the open ledger has no figures for these calls, or None. `surroundings` is what went on beside the single calls.
    """

    def __init__(
        self,
        call: Call,
        settings: Settings,
        name: str,
        machine: Machine,
        rescue: Rescue,
        *,
        begun_ns: int,
        competing: CompetingThreads,
        on_status: StatusCallback | None,
    ) -> None:
        self.call = call
        self.settings = settings
        self.machine = machine
        self.competing = competing
        self._on_status = on_status
        self.solo = Solo(call, competing)
        self.deadline = rescue.deadline(settings.deadline / 1e9, name)
        self.notes: list[Reason] = []
        self.refused: Reason | None = None
        self.surroundings = Surroundings()
        self.time_limit = TimeLimit(settings.time_limit, begun_ns)

    @property
    def call_ns(self) -> int:
        """How long a call takes beside the other threads of this process."""
        return self.time_limit.call_ns

    def left_ns(self) -> int:
        """Return what is left of the check's time limit for stages."""
        return self.time_limit.left_ns()

    def _left_for_calls_ns(self) -> int:
        """Return what is left for single calls: some are left for the other stages."""
        return max(0, self.left_ns() - _RESERVED_CALLS * self.call_ns)

    def _affords_fine(self, pilot: CallSpan) -> bool:
        """Return whether further calls shall split their run delay by state, which costs system calls at each release."""
        price_ns = pilot.n_releases_by_function * _FINE_RELEASE_NS
        return pilot.span_ns >= _SHORTEST_FINE_NS and price_ns <= _FINE_SHARE * self.left_ns()

    def _left_beside_others_ns(self, n_windows: int, n_calls: int) -> int:
        """Return what is left for an undecided word beyond the budget of single calls, where other threads take the GIL.

        With fewer calls than windows nobody knows whose these threads are: a verdict is worth all that is left, that of the other
        stages included. With more of them, beside busy processes, half of it narrows the bounds: a held call had 12, [0.925, 0.999],
        and half of the limit.
        """
        if not n_windows:
            return 0
        return self.left_ns() if n_calls < n_windows else round(self._left_for_calls_ns() * STAGE_SHARE)

    def wait_for_others(self, waited_ns: int, *, in_vain: bool) -> None:
        """Leave the time that the check waited for other processes out of its time limit; a note says if they went on."""
        self.time_limit.leave_out(waited_ns)
        if in_vain:
            self.notes.append(Reason.of("xdist-neighbours", waited_ns=waited_ns))

    def fits(self, stage: str, n_calls: int = 1, more_ns: int = 0) -> bool:
        """Return whether a stage fits into the time limit, and begin it; a note says what is left out.

        Args:
            stage: Its name.
            n_calls: So many calls are the least that it makes.
            more_ns: So long may take what it does beside.

        Returns:
            Whether it may begin.
        """
        if not self.time_limit.fits(n_calls, more_ns):
            self.leave_out(stage, self.call_ns)
            return False
        self.time_limit.begin(stage, self.time_limit.step_ns(n_calls, more_ns))
        return True

    def leave_out(self, stage: str, call_ns: int) -> None:
        """Note that a stage is left out; 0 for the length of a call: because other threads would keep it waiting."""
        limit_ns = self.time_limit.limit_ns
        self.notes.append(Reason.of("time-limit", stage=stage, limit_ns=limit_ns, call_ns=call_ns))

    def made(self, job: Callable[[], SoloRun]) -> SoloRun:
        """Run a job that makes calls, and take note of how long they take."""
        begun_ns = time.perf_counter_ns()
        run = self.competing.solo(job, self.deadline)
        took_ns = time.perf_counter_ns() - begun_ns
        watched_ns = sum(window.end_ns - window.start_ns for window in run.windows)
        self.time_limit.saw([span.end_ns - span.start_ns for span in run.spans], took_ns - watched_ns)
        return run

    def report_status(self, what: str, **figures: int) -> None:
        """Report a stage to the status callback; to be called while no call is timed."""
        if self._on_status is not None:
            self._on_status(StatusEvent(what, **figures))

    def pilot(self) -> SoloRun:
        """Make the first call; if it takes long, its status is reported once more while it runs."""
        self.report_status(events.FIRST_CALL)
        report_again = None if self._on_status is None else lambda: self.report_status(events.FIRST_CALL)
        job = self.solo.job(1, keeps_result=True)
        self.time_limit.begin("first call", 0)
        run = self.competing.solo(job, self.deadline, meanwhile=report_again)
        self.time_limit.saw_first(run.spans[0].end_ns - run.spans[0].start_ns)
        self.time_limit.add_budget(self.settings.budget or 0)
        if any(raw.n_releases_by_interpreter for raw in run.spans):
            self._learns()  # here it costs 70 ms; after the next look, all of its calls once more
        return run

    def _learns(self) -> bool:
        """Return whether releases by the interpreter were learned just now; not tried where that takes too much of what is left."""
        return learning_ns() <= STAGE_SHARE * self.left_ns() and learn_drop_request_once()

    def single_calls(self, plan: Plan, pilot: CallSpan) -> list[CallSpan]:
        """Make single calls until a look decides or the budget is spent.

        Where other threads take the GIL within them, what they do between the calls is recorded, too.
        """
        calls: list[CallSpan] = []
        left_ns = min(plan.solo_budget_ns, self._left_for_calls_ns())
        claim, price_ns = self.settings.claim, self.machine.clock_price_ns
        stolen_before_ns, ready_before_ns = stolen_ns(), ready_ns()
        fine = (
            pilot.span_ns >= _SHORTEST_FINE_NS
            and pilot.n_releases_by_function + pilot.n_releases_by_interpreter <= _MOST_FINE_EVENTS
        )
        self.time_limit.begin("single calls", self.time_limit.step_ns(1))
        for look in plan.looks:
            self.report_status(
                events.SINGLE_CALLS,
                n_done=len(calls),
                n_all=plan.looks[-1],
                spent_ns=plan.solo_budget_ns - left_ns,
                budget_ns=plan.solo_budget_ns,
            )
            n_windows = ENOUGH_BATCHES if others_matter([pilot, *calls]) else 0
            budget_ns = max(left_ns, self._left_beside_others_ns(n_windows, len(calls)))
            run = self._measured(look - len(calls), fine=fine, budget_ns=budget_ns, n_windows=n_windows)
            self.refused = self.refused or refusal(run)
            if self.refused:
                return []
            # Cold calls are no picture of the others: the last look, which has most calls, brings the timeline.
            calls = [*(replace(call, timeline=None) for call in calls), *with_typical_timeline(run)]
            left_ns -= sum(span.end_ns - span.start_ns for span in (*run.spans, *run.windows))
            # Beside a spinning thread the waits for the GIL between the calls take longer than short calls.
            left_ns = min(left_ns, self._left_for_calls_ns())
            windows = [call_span(raw, with_timeline=False, left_out=run.left_out) for raw in run.windows]
            self.surroundings = Surroundings(
                (*self.surroundings.windows, *windows),
                since(stolen_before_ns, stolen_ns()),
                since(ready_before_ns, ready_ns()),
                self.machine.switch_interval_ns,
            )
            is_decided = decides_holding(calls, pilot, price_ns, claim, surroundings=self.surroundings)
            may_go_on = self._left_beside_others_ns(n_windows, len(calls)) > self.call_ns
            if is_decided and (left_ns <= 0 or not self._wants_figure(calls, plan.looks)):
                break
            if left_ns <= 0 and not may_go_on:
                break
            fine = self._affords_fine(pilot)
        return calls

    def _wants_figure(self, calls: Sequence[CallSpan], looks: Sequence[int]) -> bool:
        """Return whether the word is known but not the figure, and more calls are not too dear for it.

        The line at which the GIL is held is worth more than the figure: half of the time that is left stays for the rest.
        """
        n_next = next((look for look in looks if look > len(calls)), None)
        if n_next is None or knows_share(calls, self.machine.clock_price_ns, surroundings=self.surroundings):
            return False
        longest_ns = max(call.end_ns - call.start_ns for call in calls)
        return (n_next - len(calls)) * longest_ns <= STAGE_SHARE * self.left_ns()

    def _measured(self, n_calls: int, *, budget_ns: int, **options: Any) -> SoloRun:
        """Make single calls; once more if they show releases by the interpreter, which must be learned to be counted right."""
        run = self.made(self.solo.job(n_calls, budget_ns=budget_ns, **options))
        if any(raw.n_releases_by_interpreter for raw in run.spans) and self._learns():
            budget_ns = min(budget_ns, self.left_ns())
            run = self.made(self.solo.job(n_calls, budget_ns=budget_ns, **options))
        return run

    def gil_waits(self, plan: Plan) -> GilWaits | None:
        """Make calls beside the native GIL waiter, and return how long it waited; None: a note says why not."""
        if not self.fits("longest wait", n_calls=2):
            return None
        waits = self._gil_waits(plan)
        # Before it is learned, each release beside a waiter counts as one by the interpreter. Learning takes 70 ms.
        is_learned = waits.n_releases_by_interpreter and self.time_limit.fits(2, learning_ns()) and self._learns()
        return self._gil_waits(plan) if is_learned else waits

    def _gil_waits(self, plan: Plan) -> GilWaits:
        self.report_status(events.BESIDE_WAITER)
        raw_waits: list[tuple[int, int, int]] = []
        with gil_waiter(plan.waiter_gap_ns, raw_waits):
            budget_ns = min(plan.solo_budget_ns, round(self.left_ns() * STAGE_SHARE))
            run = self.made(self.solo.job(plan.n_waiter_calls, budget_ns=budget_ns))
        return waits_beside_calls([] if refusal(run) else call_spans(run), raw_waits)


def since(before_ns: int | None, now_ns: int | None) -> int | None:
    """Return what was added to a figure; None where the system does not report it."""
    return None if before_ns is None or now_ns is None else now_ns - before_ns


_MOST_ATTEMPTS = 3
_n_attempts_left = _MOST_ATTEMPTS
#: How long an attempt takes: the first one so long, the next ones as long as the longest so far.
_learning_ns = 70_000_000


def learning_ns() -> int:
    """Return how long it takes to learn releases by the interpreter; 0 where it is not tried any more."""
    return _learning_ns if _n_attempts_left else 0


def learn_drop_request_once() -> bool:
    """Return whether releases by the interpreter were learned just now, so that a second look shows more.

    Beside busy threads learning may fail. It is tried three times in a process.
    """
    global _n_attempts_left, _learning_ns  # noqa: PLW0603  (properties of the process)
    if not _n_attempts_left:
        return False
    begun_ns = time.perf_counter_ns()
    learned = learn_drop_request()
    _learning_ns = max(_learning_ns, time.perf_counter_ns() - begun_ns)
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


def refusal(run: SoloRun) -> Reason | None:
    """Return why the ledger, although open, has no figures for one of these calls; None: it has."""
    spans = (*run.spans, *run.windows)
    return next((Reason.of(raw.refused[0], text=raw.refused[1]) for raw in spans if raw.refused), None)
