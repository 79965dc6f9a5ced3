"""Measures without the library whether calls of two threads overlap: plain threads and the plain clock.

For some calls only the machine shows the truth: the memory traffic of a call may be too much for two. Then the library's
word is compared with the median of eleven rounds on an idle machine, so long that waking a thread does not matter.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks.ledger.cases import Case
from benchmarks.ledger.rivals import in_threads_ns, serial_ns

N_THREADS = 2
N_ROUNDS = 11
ROUND_NS = 25_000_000


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
    seconds = (time.perf_counter_ns() - begin) / 1e9
    return {"gil": "", "figure": statistics.median(ratios), "span_ns": span_ns, "seconds": seconds}
