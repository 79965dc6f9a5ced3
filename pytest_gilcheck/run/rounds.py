"""Paired rounds: the same calls in one thread and in competing threads, with controls between them, in random order."""

from __future__ import annotations

import _thread
import contextlib
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pytest_gilcheck import _native, specimens
from pytest_gilcheck.evidence import Arm, Round, ShortRound, Sleeps, UsageError
from pytest_gilcheck.evidence.errors import is_hidden
from pytest_gilcheck.run.arms import Phase, PhaseReader, PhaseSampler, added, arm_of, opened_ns
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
_LOOKED_AT = "looked at"
_CALLS = ("serial", "competing", _ON_CORES, _TOGETHER, _LOOKED_AT)
_WARM = "warm-up"
_NO_CALLS = Arm(0, 0, 0, 0, delay_ns=0, waiting_ns=0)


#: Stamps are kept of so many rounds: what a budget of 1 s holds of calls of 1 ms. They are most of what a report has of a
#: check.
_MOST_STAMPED_ROUNDS = 64
#: A thread has at most so many stamps of an arm, and of the long one of a short round. Where it makes more calls, more of
#: them share a stamp.
_MOST_STAMPS = 8
_MOST_STAMPS_TOGETHER = 32

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


class OutOfTime(Exception):  # noqa: N818  (no error: a round has ended early, and is dropped)
    """The time for rounds was over before a round had ended."""


class Rounds:
    """Makes rounds with competing threads; the order of the arms in a round is drawn from `seed`.

    Where `is_over` says so, a round ends before its next phase and is dropped: `OutOfTime`. Beside threads that keep the GIL busy a
    round may take many times as long as its calls.

    In the serial arm each thread makes its calls while the others wait. A thread has its own arguments, processor and
    memory: one thread took 27 ms for work that took another one 17 ms. When the first thread made all serial calls, they
    seemed to gain more from two threads than they did.
    """

    def __init__(
        self,
        competing: CompetingThreads,
        call: Call,
        size: RoundSize,
        seed: int,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        self._is_over = is_over
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
        """Make one more round; raise `OutOfTime`, or what the call raises, with a note of the thread and its arguments."""
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

    def next_short(self, deadline: Deadline, *, with_serial: bool) -> ShortRound:
        """Make one more round without controls, and without the serial arm on request; raise as `next` does."""
        names = ("serial", _TOGETHER) if with_serial else (_TOGETHER,)
        arms = self._arms([phase for arm in self._shuffled(names) for phase in self._phases(arm)], deadline)
        self._n_rounds += 1
        return ShortRound(self._size.n_threads, arms.get("serial", _NO_CALLS), arms[_TOGETHER])

    def sleeps(self, deadline: Deadline, *, expected_ns: int) -> list[Sleeps]:
        """Make calls in all threads at once, and return for each phase where threads slept; raise what the call raises.

        `expected_ns`: how long all of them take, at a guess.
        """
        phases = self._phases(_LOOKED_AT)
        samplers = [PhaseSampler(phase, self._competing.native_ids, expected_ns) for phase in phases]
        thread_runs = self._run(phases, samplers, deadline)
        return [
            sampler.sleeps([thread[position] for thread in thread_runs]) for position, sampler in enumerate(samplers)
        ]

    def _shuffled(self, names: Sequence[str]) -> list[str]:
        return self._random.sample(names, len(names))

    def _arms(self, phases: list[Phase], deadline: Deadline) -> dict[str, Arm]:
        """Run these phases, and return the arms that they make up."""
        if not self._is_warm:
            # The first call in a thread fills thread-local buffers and caches, and takes longer than later ones.
            phases.insert(0, Phase(_WARM, (1,) * self._size.n_threads))
            self._is_warm = True
        readers = [
            PhaseReader(phase, self._competing.native_ids) if phase.arm == _TOGETHER else None for phase in phases
        ]
        thread_runs = self._run(phases, readers, deadline)
        arms: dict[str, Arm] = {}
        began_ns: dict[str, int] = {}
        for position, phase in enumerate(phases):
            in_phase = [thread[position] for thread in thread_runs]
            start_ns = began_ns.setdefault(phase.arm, opened_ns(in_phase))
            is_kept = self._n_rounds < _MOST_STAMPED_ROUNDS
            arm, self._totals = arm_of(in_phase, start_ns, self._totals, readers[position], is_kept=is_kept)
            arms[phase.arm] = added(arms.get(phase.arm), arm)
        arms.pop(_WARM, None)
        return arms

    def _run(
        self, phases: Sequence[Phase], watchers: Sequence[PhaseReader | PhaseSampler | None], deadline: Deadline
    ) -> list[list[_native.ThreadRun | None]]:
        """Run these phases, each beside what watches it, and return for each thread what it did in them."""
        n = self._size.n_threads
        barrier = _native.Barrier(n)
        try:
            outcomes = self._competing.run(
                [self._job(index, phases, watchers, barrier) for index in range(n)], deadline
            )
        finally:
            barrier.abort()  # after a deadline or Ctrl-C no thread waits at it any more
            for watcher in watchers:
                if watcher is not None:
                    watcher.stop()
        return _all_returned(outcomes)

    def _phases(self, arm: str) -> list[Phase]:
        n = self._size.n_threads
        n_calls = self._size.n_calls if arm in _CALLS else self._size.n_control_calls
        if arm == _TOGETHER:
            n_calls = self._size.n_together_calls
        n_phases = 1
        if arm in _CALLS and self._call.setup is not None:
            # `setup` is called right before each call, as everywhere. Called n times before n calls, it left the second
            # call of a function that uses up its input with an empty one.
            n_phases, n_calls = n_calls, 1
        if arm in ("competing", "released", "held", _LOOKED_AT):
            return [Phase(arm, (n_calls,) * n)] * n_phases
        if arm in (_ON_CORES, _TOGETHER):
            # Neighbours in number get processors of their own at the barrier.
            first = self._n_rounds % (n - self._size.n_on_cores + 1)
            chosen = range(first, first + self._size.n_on_cores)
            return [Phase(arm, tuple(n_calls if index in chosen else 0 for index in range(n)))] * n_phases
        alone = [Phase(arm, tuple(n_calls if index == working else 0 for index in range(n))) for working in range(n)]
        return alone * n_phases

    def _job(
        self,
        index: int,
        phases: Sequence[Phase],
        watchers: Sequence[PhaseReader | PhaseSampler | None],
        barrier: _native.Barrier,
    ) -> Callable[[], list[_native.ThreadRun | None]]:
        def run() -> list[_native.ThreadRun | None]:
            thread_runs: list[_native.ThreadRun | None] = []
            try:
                for phase, watcher in zip(phases, watchers, strict=True):
                    n_calls = phase.n_calls[index]
                    self._go_on()
                    if self._has_own_threads and not index and phase.arm in _CONTROLS:
                        _settle()  # the others wait at the barrier
                    if n_calls:
                        if watcher is not None:
                            watcher.start(index)
                        thread_runs.append(self._thread_run(index, phase, barrier))
                        if watcher is not None:
                            watcher.stop()
                    else:
                        barrier.wait()
                        thread_runs.append(None)
            except BaseException:
                barrier.abort()
                raise
            return thread_runs

        return run

    def _go_on(self) -> None:
        if self._is_over():
            raise OutOfTime

    def _thread_run(self, index: int, phase: Phase, barrier: _native.Barrier) -> _native.ThreadRun:
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


def _all_returned(outcomes: Sequence[Any]) -> list[list[_native.ThreadRun | None]]:
    failed = [outcome for outcome in outcomes if isinstance(outcome, ThreadFailed)]
    causes = [outcome for outcome in failed if not isinstance(outcome.error, _native.BarrierBroken)]
    if not causes:
        if failed:
            raise failed[0].error
        return list(outcomes)
    errors = [outcome.error for outcome in causes if not isinstance(outcome.error, OutOfTime)]
    if not errors:
        raise OutOfTime
    # A skip, an exit or a misuse is meant for the caller, and means the same from any thread.
    for error in errors:
        if len(errors) == 1 or isinstance(error, UsageError) or not isinstance(error, Exception):
            raise error
    where = ", ".join(str(outcome.index) for outcome in causes if outcome.error in errors)
    raise ExceptionGroup(
        f"the call raised in threads {where}", [error for error in errors if isinstance(error, Exception)]
    )
