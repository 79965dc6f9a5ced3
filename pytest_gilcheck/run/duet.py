"""The plain comparison: the same calls in one thread and in two competing ones. Information without an opinion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_gilcheck import _native
from pytest_gilcheck.evidence import Duet
from pytest_gilcheck.run.crew import Crew, ThreadFailed, together

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_gilcheck.run.call import Call
    from pytest_gilcheck.run.deadline import Deadline

N_THREADS = 2


def _job(call: Call, index: int, n_calls: int, meet: Callable[[], None]) -> Callable[[], tuple[int, int, int]]:
    def run() -> tuple[int, int, int]:
        try:
            thread_args = call.args_in_thread(index)
            ready = [call.args_of_next(thread_args) for _ in range(n_calls)]
            kwargs = dict(call.kwargs)
        finally:
            meet()  # also where one thread cannot go on: the others would wait for it until their deadline
        cpu_ns = _native.thread_cpu_ns()
        start_ns = _native.clock_ns()
        for args in ready:
            call.function(*args, **kwargs)
        return start_ns, _native.clock_ns(), _native.thread_cpu_ns() - cpu_ns

    return run


def duet(crew: Crew, call: Call, n_calls: int, n_rounds: int, deadline: Deadline) -> Duet:
    """How does the wall time of two competing threads compare with one's? The fastest of `n_rounds` rounds of each.

    Raises what the call raises in a thread.
    """
    serial, both = [], []
    for _ in range(n_rounds):
        serial.append(_round(crew, [_job(call, 0, n_calls * N_THREADS, lambda: None)], deadline))
        meet = together(N_THREADS)
        both.append(_round(crew, [_job(call, index, n_calls, meet) for index in range(N_THREADS)], deadline))
    (serial_wall_ns, serial_cpu_ns), (crew_wall_ns, crew_cpu_ns) = min(serial), min(both)
    return Duet(N_THREADS, n_calls * N_THREADS, serial_wall_ns, crew_wall_ns, serial_cpu_ns, crew_cpu_ns)


def _round(crew: Crew, jobs: list[Callable[[], tuple[int, int, int]]], deadline: Deadline) -> tuple[int, int]:
    outcomes = crew.run(jobs, deadline)
    stamps = []
    for outcome in outcomes:
        if isinstance(outcome, ThreadFailed):
            raise outcome.error
        stamps.append(outcome)
    wall_ns = max(end for _, end, _ in stamps) - min(start for start, _, _ in stamps)
    return wall_ns, sum(cpu_ns for _, _, cpu_ns in stamps)
