"""Paired rounds: the same calls in one thread and in competing threads, with controls between them, in random order."""

from __future__ import annotations

import _thread
import contextlib
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_gilcheck import _native, specimens
from pytest_gilcheck.evidence import Arm, Round, ShortRound, Stamp, UsageError
from pytest_gilcheck.evidence.errors import is_hidden
from pytest_gilcheck.run.call import with_note
from pytest_gilcheck.run.competing import CompetingThreads, ThreadFailed

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import RoundSize
    from pytest_gilcheck.run.call import Call
    from pytest_gilcheck.run.deadline import Deadline

__tracebackhide__ = is_hidden

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup

_rounds_lock = _thread.allocate_lock()


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let one check of this process make rounds at a time: those of two threads would measure each other."""
    with _rounds_lock:
        yield


_ARMS = ("serial", "competing", "control", "released", "held")
_CONTROLS = ("control", "released", "held")
_ON_CORES = "on_cores"
_TOGETHER = "together"
_CALLS = ("serial", "competing", _ON_CORES, _TOGETHER)
_SHORT = ("serial", _TOGETHER)
_WARM = "warm-up"


#: Stamps are kept of so many rounds: what a budget of 1 s holds of calls of 1 ms. They are most of what a report has of a
#: check.
_MOST_STAMPED_ROUNDS = 64
#: A thread has at most so many stamps of an arm, and of the long one of a short round. Where it makes more calls, more of
#: them share a stamp.
_MOST_STAMPS = 8
_MOST_STAMPS_TOGETHER = 32
#: Where `setup` makes a phase of each call, the stamps of so many threads' calls are kept of each arm.
_MOST_STAMPS_OF_PHASES = 64

#: How long a control waits for the function's own threads to stop. Those of OpenBLAS spin for 20 ms and more after a call
#: has returned, on the processors that the control needs.
_LONGEST_SETTLING_NS = 60_000_000
_SETTLING_STEP_NS = 500_000
#: A function that uses more cores than this in the serial arm has threads of its own. They have stopped once the process
#: uses fewer than `_STOPPED_CORES`.
_HAS_THREADS_CORES = 1.3
_STOPPED_CORES = 0.2


def _settle() -> None:
    """Wait until the function's own threads have stopped."""
    end_ns = time.perf_counter_ns() + _LONGEST_SETTLING_NS
    while (begun_ns := time.perf_counter_ns()) < end_ns:
        used_ns = time.process_time_ns()
        specimens.sleeps(_SETTLING_STEP_NS)
        if time.process_time_ns() - used_ns < _STOPPED_CORES * (time.perf_counter_ns() - begun_ns):
            return


def _between_calls() -> None:
    """Pass through the evaluation loop once, between two calls."""


@dataclass(frozen=True)
class _Phase:
    """What happens from one opening of the barrier to the next: in which arm, and how many calls each thread makes."""

    arm: str
    n_calls: tuple[int, ...]

    @property
    def n_working(self) -> int:
        """The number of threads that make calls."""
        return sum(1 for n_calls in self.n_calls if n_calls)


class Rounds:
    """Makes rounds with competing threads; the order of the arms in a round is drawn from `seed`.

    In the serial arm each thread makes its calls while the others wait. A thread has its own arguments, processor and
    memory: one thread took 27 ms for work that took another one 17 ms. When the first thread made all serial calls, they
    seemed to gain more from two threads than they did.
    """

    def __init__(self, competing: CompetingThreads, call: Call, size: RoundSize, seed: int) -> None:
        self._competing = competing
        self._call = call
        self._size = size
        self._random = random.Random(seed)  # noqa: S311  (an order, not a secret)
        self._totals = (0, 0)
        self._is_warm = False
        self._has_own_threads = False
        self._n_rounds = 0
        # The first call in a process measures how much work takes how long. That takes 1 ms, outside of any round.
        specimens.computes(1)

    def next(self, deadline: Deadline) -> Round:
        """Make one more round; raise what the call raises, with a note of the thread and its arguments."""
        size = self._size
        names = _ARMS if size.n_threads <= size.n_on_cores else (*_ARMS, _ON_CORES)
        arms = self._arms([phase for arm in self._shuffled(names) for phase in self._phases(arm)], deadline)
        self._n_rounds += 1
        serial = arms["serial"]
        self._has_own_threads = self._has_own_threads or serial.process_cpu_ns > _HAS_THREADS_CORES * serial.wall_ns
        return Round(
            size.n_threads,
            size.n_calls,
            size.n_control_calls,
            size.control_ns,
            serial=arms["serial"],
            competing=arms["competing"],
            control=arms["control"],
            released=arms["released"],
            held=arms["held"],
            on_cores=arms.get(_ON_CORES),
        )

    def next_short(self, deadline: Deadline) -> ShortRound:
        """Make one more round without controls; raise what the call raises, as `next` does."""
        arms = self._arms([phase for arm in self._shuffled(_SHORT) for phase in self._phases(arm)], deadline)
        self._n_rounds += 1
        return ShortRound(self._size.n_threads, arms["serial"], arms[_TOGETHER])

    def _shuffled(self, names: Sequence[str]) -> list[str]:
        return self._random.sample(names, len(names))

    def _arms(self, phases: list[_Phase], deadline: Deadline) -> dict[str, Arm]:
        """Run these phases, and return the arms that they make up."""
        n = self._size.n_threads
        if not self._is_warm:
            # The first call in a thread fills thread-local buffers and caches, and takes longer than later ones.
            phases.insert(0, _Phase(_WARM, (1,) * n))
            self._is_warm = True
        barrier = _native.Barrier(n)
        try:
            outcomes = self._competing.run([self._job(index, phases, barrier) for index in range(n)], deadline)
        finally:
            barrier.abort()  # after a deadline or Ctrl-C no thread waits at it any more
        thread_runs = _all_returned(outcomes)
        arms: dict[str, Arm] = {}
        began_ns: dict[str, int] = {}
        for position, phase in enumerate(phases):
            in_phase = [thread[position] for thread in thread_runs]
            start_ns = began_ns.setdefault(phase.arm, _opened_ns(in_phase))
            arms[phase.arm] = _sum(arms.get(phase.arm), self._arm(in_phase, start_ns))
        arms.pop(_WARM, None)
        return arms

    def _phases(self, arm: str) -> list[_Phase]:
        n = self._size.n_threads
        n_calls = self._size.n_calls if arm in _CALLS else self._size.n_control_calls
        if arm == _TOGETHER:
            n_calls = self._size.n_together_calls
        n_phases = 1
        if arm in _CALLS and self._call.setup is not None:
            # `setup` is called right before each call, as everywhere. Called n times before n calls, it left the second
            # call of a function that uses up its input with an empty one.
            n_phases, n_calls = n_calls, 1
        if arm in ("competing", "released", "held"):
            return [_Phase(arm, (n_calls,) * n)] * n_phases
        if arm in (_ON_CORES, _TOGETHER):
            # Neighbours in number get processors of their own at the barrier.
            first = self._n_rounds % (n - self._size.n_on_cores + 1)
            chosen = range(first, first + self._size.n_on_cores)
            return [_Phase(arm, tuple(n_calls if index in chosen else 0 for index in range(n)))] * n_phases
        alone = [_Phase(arm, tuple(n_calls if index == working else 0 for index in range(n))) for working in range(n)]
        return alone * n_phases

    def _job(
        self, index: int, phases: Sequence[_Phase], barrier: _native.Barrier
    ) -> Callable[[], list[_native.ThreadRun | None]]:
        def run() -> list[_native.ThreadRun | None]:
            thread_runs: list[_native.ThreadRun | None] = []
            try:
                for phase in phases:
                    n_calls = phase.n_calls[index]
                    if self._has_own_threads and not index and phase.arm in _CONTROLS:
                        _settle()  # the others wait at the barrier
                    if n_calls:
                        thread_runs.append(self._thread_run(index, phase, barrier))
                    else:
                        barrier.wait()
                        thread_runs.append(None)
            except BaseException:
                barrier.abort()
                raise
            return thread_runs

        return run

    def _thread_run(self, index: int, phase: _Phase, barrier: _native.Barrier) -> _native.ThreadRun:
        arm, n_calls = phase.arm, phase.n_calls[index]
        most_stamps = _MOST_STAMPS_TOGETHER if arm == _TOGETHER else _MOST_STAMPS
        n_stamp_calls = max(self._size.n_stamp_calls, -(-n_calls // most_stamps))
        if arm in (*_CALLS, _WARM):
            function, kwargs = self._call.function, dict(self._call.kwargs) or None
            arguments = self._arguments(index)
        else:
            # The control and the released control do a fixed amount of work, so that they show a machine that gives two
            # threads little more than one. The held control works for a fixed time: how long it keeps others out is known.
            function = specimens.holds if arm == "held" else specimens.computes
            arguments, kwargs = [(self._size.control_ns,)], None
            n_stamp_calls = n_calls
        thread_run = _native.run_phase(
            barrier,
            function,
            arguments,
            kwargs,
            n_calls,
            _between_calls,
            index,
            phase.n_working,
            self._competing.calls,
            n_stamp_calls,
        )
        if thread_run.error is not None:
            args = arguments[(thread_run.n_calls - 1) % len(arguments)]
            raise with_note(
                thread_run.error,
                f"in thread {index} of {self._size.n_threads} ({arm} arm), call {thread_run.n_calls}: {self._call.describe_with(args)}",
            )
        return thread_run

    def _arguments(self, index: int) -> list[tuple[Any, ...]]:
        thread_args = self._call.args_in_thread(index, self._competing.own(index))
        return [self._call.args_of_next(thread_args)]

    def _arm(self, in_phase: Sequence[_native.ThreadRun | None], began_ns: int) -> Arm:
        thread_runs = [thread_run for thread_run in in_phase if thread_run is not None]
        stamps = [
            Stamp(index, start_ns - began_ns, end_ns - began_ns, n_calls, cpu_ns, delay_ns, gap_ns, waiting_ns)
            for index, thread_run in enumerate(in_phase)
            if thread_run is not None
            for start_ns, end_ns, n_calls, cpu_ns, delay_ns, gap_ns, waiting_ns in thread_run.stamps
        ]
        is_kept = self._n_rounds < _MOST_STAMPED_ROUNDS
        totals = [thread_run.totals for thread_run in thread_runs if thread_run.totals is not None]
        before, is_competing = self._totals, len(thread_runs) > 1
        if totals:
            self._totals = max(totals)
        is_exact = is_competing and len(totals) == len(thread_runs)
        opened_ns, last_ns = thread_runs[0].opened_ns, max(thread_run.end_ns for thread_run in thread_runs)
        return Arm(
            wall_ns=last_ns - opened_ns,
            thread_ns=sum(thread_run.end_ns - opened_ns for thread_run in thread_runs),
            cpu_ns=sum(thread_run.cpu_ns for thread_run in thread_runs),
            process_cpu_ns=max(thread_run.process_cpu_ns for thread_run in thread_runs),
            delay_ns=_total([_delay(thread_run, last_ns) for thread_run in thread_runs]),
            waiting_ns=_total([thread_run.waiting_ns for thread_run in thread_runs]),
            held_cpu_ns=_total([_held_cpu(thread_run) for thread_run in thread_runs]),
            n_releases_by_function=_total([thread_run.n_releases_by_function for thread_run in thread_runs]),
            both_released_ns=max(0, self._totals[0] - before[0]) if is_exact else None,
            both_not_waiting_ns=max(0, self._totals[1] - before[1]) if is_exact else None,
            stamps=tuple(stamps) if is_kept else (),
            n_stamps_left_out=0 if is_kept else len(stamps),
        )


def _opened_ns(in_phase: Sequence[_native.ThreadRun | None]) -> int:
    return next(thread_run.opened_ns for thread_run in in_phase if thread_run is not None)


def _delay(thread_run: _native.ThreadRun, last_ns: int) -> int | None:
    """Return the thread's delay, with what followed its end while another one still worked.

    A thread that is preempted at its end may keep the others waiting, until the last of them has ended.
    """
    return (
        None
        if thread_run.delay_ns is None
        else thread_run.delay_ns + min(thread_run.after_ns, last_ns - thread_run.end_ns)
    )


def _held_cpu(thread_run: _native.ThreadRun) -> int | None:
    """Return the processor time that the thread must have spent holding the GIL.

    It is all of its processor time except as much as fits into the time in which it neither held the GIL nor waited.
    """
    if thread_run.held_ns is None or thread_run.waiting_ns is None:
        return None
    free_ns = thread_run.end_ns - thread_run.opened_ns - thread_run.late_ns - thread_run.held_ns - thread_run.waiting_ns
    return max(0, min(thread_run.held_ns, thread_run.cpu_ns - max(0, free_ns)))


def _total(figures: Sequence[int | None]) -> int | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known) if len(known) == len(figures) else None


def _sum(first: Arm | None, second: Arm) -> Arm:
    if first is None:
        return second
    stamps = first.stamps + second.stamps
    return Arm(
        wall_ns=first.wall_ns + second.wall_ns,
        thread_ns=first.thread_ns + second.thread_ns,
        cpu_ns=first.cpu_ns + second.cpu_ns,
        process_cpu_ns=first.process_cpu_ns + second.process_cpu_ns,
        delay_ns=_total([first.delay_ns, second.delay_ns]),
        waiting_ns=_total([first.waiting_ns, second.waiting_ns]),
        held_cpu_ns=_total([first.held_cpu_ns, second.held_cpu_ns]),
        n_releases_by_function=_total([first.n_releases_by_function, second.n_releases_by_function]),
        both_released_ns=_total([first.both_released_ns, second.both_released_ns]),
        both_not_waiting_ns=_total([first.both_not_waiting_ns, second.both_not_waiting_ns]),
        stamps=stamps[:_MOST_STAMPS_OF_PHASES],
        n_stamps_left_out=first.n_stamps_left_out
        + second.n_stamps_left_out
        + max(0, len(stamps) - _MOST_STAMPS_OF_PHASES),
    )


def _all_returned(outcomes: Sequence[Any]) -> list[list[_native.ThreadRun | None]]:
    failed = [outcome for outcome in outcomes if isinstance(outcome, ThreadFailed)]
    causes = [outcome for outcome in failed if not isinstance(outcome.error, _native.BarrierBroken)]
    if not causes:
        if failed:
            raise failed[0].error
        return list(outcomes)
    errors = [outcome.error for outcome in causes]
    # A skip, an exit or a misuse is meant for the caller, and means the same from any thread.
    for error in errors:
        if len(errors) == 1 or isinstance(error, UsageError) or not isinstance(error, Exception):
            raise error
    where = ", ".join(str(outcome.index) for outcome in causes)
    raise ExceptionGroup(
        f"the call raised in threads {where}", [error for error in errors if isinstance(error, Exception)]
    )
