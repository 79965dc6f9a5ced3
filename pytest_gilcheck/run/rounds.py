"""Paired rounds: the same calls in one thread and in the crew, interleaved with controls, in random order."""

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
from pytest_gilcheck.evidence import Arm, Round, UsageError
from pytest_gilcheck.run.call import noted
from pytest_gilcheck.run.crew import Crew, ThreadFailed

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import RoundSize
    from pytest_gilcheck.run.call import Call
    from pytest_gilcheck.run.deadline import Deadline

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup

_rounds_lock = _thread.allocate_lock()


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Rounds of two checks of this process, in two threads, would measure each other: they wait for each other."""
    with _rounds_lock:
        yield


_ARMS = ("serial", "crew", "control", "released", "held")
_CONTROLS = ("control", "released", "held")
_WARM = "warm-up"


#: Before a control the callee's own threads are waited for, but no longer than this: OpenBLAS' spin on for 20 ms and more
#: after a call has returned, on the processors that the control needs.
_LONGEST_SETTLING_NS = 60_000_000
_SETTLING_STEP_NS = 500_000
#: A call that alone uses so many cores has threads of its own; once they use less than the other, they have stopped.
_HAS_THREADS_CORES = 1.3
_STOPPED_CORES = 0.2


def _settle() -> None:
    """Until the callee's own threads have stopped."""
    end_ns = time.perf_counter_ns() + _LONGEST_SETTLING_NS
    while (begun_ns := time.perf_counter_ns()) < end_ns:
        used_ns = time.process_time_ns()
        specimens.sleeps(_SETTLING_STEP_NS)
        if time.process_time_ns() - used_ns < _STOPPED_CORES * (time.perf_counter_ns() - begun_ns):
            return


def _between() -> None:
    """One way through the evaluation loop."""


@dataclass(frozen=True)
class _Turn:
    """Who makes how many calls, from one opening of the gate to the next: a number for each thread."""

    arm: str
    n_calls: tuple[int, ...]

    @property
    def n_working(self) -> int:
        """How many threads work in it?"""
        return sum(1 for n_calls in self.n_calls if n_calls)


class Rounds:
    """Makes rounds with a crew; the order of their arms is drawn from `seed`. In the serial arms thread after thread makes its
    calls: each has its own arguments, processor and memory. (One thread took 27 ms for what another one did in 17, and
    all calls made in the first seemed to gain more from two threads than they did.)"""

    def __init__(self, crew: Crew, call: Call, size: RoundSize, seed: int) -> None:
        self._crew = crew
        self._call = call
        self._size = size
        self._random = random.Random(seed)  # noqa: S311  (an order, not a secret)
        self._totals = (0, 0)
        self._is_warm = False
        self._has_own_threads = False
        # The first one of a process finds out how much work it is that takes so long: 1 ms that belongs into no round.
        specimens.computes(1)

    def next(self, deadline: Deadline) -> Round:
        """One more round. Raises what the call raises, saying in which thread and with which input."""
        n = len(self._crew)
        turns = [turn for arm in self._random.sample(_ARMS, len(_ARMS)) for turn in self._turns(arm)]
        if not self._is_warm:
            # Buffers made for a thread, thread-local caches: a first call is another than the later ones.
            turns.insert(0, _Turn(_WARM, (1,) * n))
            self._is_warm = True
        gate = _native.Gate(n)
        try:
            outcomes = self._crew.run([self._job(index, turns, gate) for index in range(n)], deadline)
        finally:
            gate.break_down()  # after a deadline or Ctrl-C nobody is left waiting at it
        shifts = _all_returned(outcomes)
        arms: dict[str, Arm] = {}
        for position, turn in enumerate(turns):
            made = [thread[position] for thread in shifts]
            arms[turn.arm] = _sum(arms.get(turn.arm), self._arm([shift for shift in made if shift is not None]))
        arms.pop(_WARM, None)
        size = self._size
        alone = arms["serial"]
        self._has_own_threads = self._has_own_threads or alone.process_cpu_ns > _HAS_THREADS_CORES * alone.wall_ns
        return Round(n, size.n_calls, size.n_control_calls, size.control_ns, **arms)

    def _turns(self, arm: str) -> list[_Turn]:
        n = len(self._crew)
        n_calls = self._size.n_calls if arm in ("serial", "crew") else self._size.n_control_calls
        if arm in ("crew", "released", "held"):
            return [_Turn(arm, (n_calls,) * n)]
        return [_Turn(arm, tuple(n_calls if index == who else 0 for index in range(n))) for who in range(n)]

    def _job(self, index: int, turns: Sequence[_Turn], gate: _native.Gate) -> Callable[[], list[_native.Shift | None]]:
        def run() -> list[_native.Shift | None]:
            shifts: list[_native.Shift | None] = []
            try:
                for turn in turns:
                    n_calls = turn.n_calls[index]
                    if self._has_own_threads and not index and turn.arm in _CONTROLS:
                        _settle()  # the others wait at the gate
                    if n_calls:
                        shifts.append(self._shift(index, turn, gate))
                    else:
                        gate.wait()
                        shifts.append(None)
            except BaseException:
                gate.break_down()
                raise
            return shifts

        return run

    def _shift(self, index: int, turn: _Turn, gate: _native.Gate) -> _native.Shift:
        arm, n_calls = turn.arm, turn.n_calls[index]
        if arm in ("serial", "crew", _WARM):
            function, kwargs = self._call.function, dict(self._call.kwargs) or None
            arguments = self._arguments(index, n_calls)
        else:
            # A fixed amount of work: of a machine that gives two threads little more than one, it shall tell. For a fixed
            # time: what it takes to keep others out for so long is known.
            function = specimens.holds if arm == "held" else specimens.computes
            arguments, kwargs = [(self._size.control_ns,)], None
        shift = _native.shift(gate, function, arguments, kwargs, n_calls, _between, index, turn.n_working)
        if shift.error is not None:
            args = arguments[(shift.n_calls - 1) % len(arguments)]
            raise noted(
                shift.error,
                f"in thread {index} of {len(self._crew)} ({arm} arm), call {shift.n_calls}: {self._call.shown(args)}",
            )
        return shift

    def _arguments(self, index: int, n_calls: int) -> list[tuple[Any, ...]]:
        own = self._call.args_in_thread(index, self._crew.own(index))
        if self._call.setup is None:
            return [own]
        return [self._call.args_of_next(own) for _ in range(n_calls)]

    def _arm(self, shifts: Sequence[_native.Shift]) -> Arm:
        totals = [shift.totals for shift in shifts if shift.totals is not None]
        before, competing = self._totals, len(shifts) > 1
        if totals:
            self._totals = max(totals)
        exact = competing and len(totals) == len(shifts)
        opened_ns, last_ns = shifts[0].opened_ns, max(shift.end_ns for shift in shifts)
        return Arm(
            wall_ns=last_ns - opened_ns,
            thread_ns=sum(shift.end_ns - opened_ns for shift in shifts),
            cpu_ns=sum(shift.cpu_ns for shift in shifts),
            process_cpu_ns=max(shift.process_cpu_ns for shift in shifts),
            delay_ns=_total([_delay(shift, last_ns) for shift in shifts]),
            waiting_ns=_total([shift.waiting_ns for shift in shifts]),
            held_cpu_ns=_total([_held_cpu(shift) for shift in shifts]),
            n_voluntary=_total([shift.n_voluntary for shift in shifts]),
            together_ns=max(0, self._totals[0] - before[0]) if exact else None,
            able_ns=max(0, self._totals[1] - before[1]) if exact else None,
        )


def _delay(shift: _native.Shift, last_ns: int) -> int | None:
    """A thread preempted at its end may keep those waiting that still work: until the last of them is done."""
    return None if shift.delay_ns is None else shift.delay_ns + min(shift.after_ns, last_ns - shift.end_ns)


def _held_cpu(shift: _native.Shift) -> int | None:
    """All of its processor time but what fits into the time in which it neither held nor waited."""
    if shift.held_ns is None or shift.waiting_ns is None:
        return None
    free_ns = shift.end_ns - shift.opened_ns - shift.late_ns - shift.held_ns - shift.waiting_ns
    return max(0, min(shift.held_ns, shift.cpu_ns - max(0, free_ns)))


def _total(figures: Sequence[int | None]) -> int | None:
    told = [figure for figure in figures if figure is not None]
    return sum(told) if len(told) == len(figures) else None


def _sum(first: Arm | None, second: Arm) -> Arm:
    if first is None:
        return second
    return Arm(
        wall_ns=first.wall_ns + second.wall_ns,
        thread_ns=first.thread_ns + second.thread_ns,
        cpu_ns=first.cpu_ns + second.cpu_ns,
        process_cpu_ns=first.process_cpu_ns + second.process_cpu_ns,
        delay_ns=_total([first.delay_ns, second.delay_ns]),
        waiting_ns=_total([first.waiting_ns, second.waiting_ns]),
        held_cpu_ns=_total([first.held_cpu_ns, second.held_cpu_ns]),
        n_voluntary=_total([first.n_voluntary, second.n_voluntary]),
    )


def _all_returned(outcomes: Sequence[Any]) -> list[list[_native.Shift | None]]:
    failed = [outcome for outcome in outcomes if isinstance(outcome, ThreadFailed)]
    told = [outcome for outcome in failed if not isinstance(outcome.error, _native.GateBroken)]
    if not told:
        if failed:
            raise failed[0].error
        return list(outcomes)
    errors = [outcome.error for outcome in told]
    # A skip, an exit or a misuse is meant for whoever asked, and means the same from any thread.
    for error in errors:
        if len(errors) == 1 or isinstance(error, UsageError) or not isinstance(error, Exception):
            raise error
    where = ", ".join(str(outcome.index) for outcome in told)
    raise ExceptionGroup(
        f"the call raised in threads {where}", [error for error in errors if isinstance(error, Exception)]
    )
