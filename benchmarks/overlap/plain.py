"""Measures without the library whether calls of two threads overlap: plain threads and the plain clock.

For some calls only the machine shows the truth: the memory traffic of a call may be too much for two. Then the library's
word is compared with the median of eleven rounds on an idle machine, so long that waking a thread does not matter. Where two
threads gain nothing, two processes are timed as well, which share no interpreter and no lock: if these gain nothing either, it is
the machine that limits the call.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks.ledger.cases import Case
from benchmarks.ledger.rivals import in_threads_ns, serial_ns

N_THREADS = 2
N_ROUNDS = 11
ROUND_NS = 25_000_000
#: Two threads that run less than so many times as fast as one gain nothing.
LEAST_GAIN = 1.25
#: What the speed-up of two processes is called in a measurement's detail.
IN_PROCESSES = "times as fast in two processes"


def measure(case: Case, _witness: str) -> dict[str, Any]:
    """Return fields of `Measurement`: `figure` is the speed-up, and `span_ns` the length of one call."""
    names: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    exec(compile(case.setup, f"<setup of {case.id}>", "exec"), names)  # noqa: S102  (the cases are this project's own)
    call: Callable[[], object] = eval(f"lambda: ({case.call})", names)  # noqa: S307  (as above)
    begin = time.perf_counter_ns()
    call()
    spans = [serial_ns(call, 1) for _ in range(3)]
    span_ns = max(1, min(spans))
    n_calls = max(1, ROUND_NS // span_ns)
    ratios = []
    for index in range(N_ROUNDS):
        # In new threads both times: memory of the main thread is managed, and costs, in another way.
        arms = [lambda: in_threads_ns(call, 1, N_THREADS * n_calls), lambda: in_threads_ns(call, N_THREADS, n_calls)]
        # Each arm goes first as often as the other, so that a drift of the machine affects both.
        first, second = (0, 1) if index % 2 else (1, 0)
        times_ns = {first: arms[first]()}
        times_ns[second] = arms[second]()
        ratios.append(times_ns[0] / times_ns[1])
    figure = statistics.median(ratios)
    detail = ""
    if figure < LEAST_GAIN:
        rounds = [in_processes_ns(call, 1, 2 * n_calls) / in_processes_ns(call, 2, n_calls) for _ in range(N_ROUNDS)]
        detail = f"{statistics.median(rounds):.2f} {IN_PROCESSES}"
    seconds = (time.perf_counter_ns() - begin) / 1e9
    return {"gil": "", "figure": figure, "span_ns": span_ns, "detail": detail, "seconds": seconds}


def in_processes_ns(call: Callable[[], object], n_processes: int, n_calls: int) -> int:
    """Return how long it takes `n_processes` child processes, begun together, to make `n_calls` calls each."""
    children = [_Child(call, n_calls) for _ in range(n_processes)]
    for child in children:
        child.await_byte()  # it has made its first call, which copies what it writes to
    begin = time.perf_counter_ns()
    for child in children:
        child.go()
    for child in children:
        child.await_byte()
    passed_ns = time.perf_counter_ns() - begin
    for child in children:
        child.reap()
    return passed_ns


class _Child:
    """A forked process that makes calls when it is told to, and writes a byte when it is ready and when it is done."""

    def __init__(self, call: Callable[[], object], n_calls: int) -> None:
        read_go, self._write_go = os.pipe()
        self._read_done, write_done = os.pipe()
        self._id = os.fork()
        if self._id:
            os.close(read_go)
            os.close(write_done)
            return
        status = 1
        try:
            call()
            os.write(write_done, b"r")
            os.read(read_go, 1)
            for _ in range(n_calls):
                call()
            os.write(write_done, b"d")
            status = 0
        finally:
            os._exit(status)

    def await_byte(self) -> None:
        """Wait for the next byte; raise `RuntimeError` where the call has raised."""
        if not os.read(self._read_done, 1):
            message = "the call raised in a child process"
            raise RuntimeError(message)

    def go(self) -> None:
        os.write(self._write_go, b"g")

    def reap(self) -> None:
        os.close(self._write_go)
        os.close(self._read_done)
        os.waitpid(self._id, 0)
