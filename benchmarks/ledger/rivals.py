"""The two tests that people write by hand, written as well as they can be."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

Call = Callable[[], object]

# The figures of the usual test: at least 1.5 times as fast, best of three, passes long enough (0.1 s in one
# thread) that starting two threads and a few switch intervals of 5 ms do not decide.
RATIO_BORDER = 1.5
RATIO_PASS_NS = 100_000_000
RATIO_ROUNDS = 3

# Far longer than any call: the interpreter never asks the measured thread to drop the GIL.
COUNTER_INTERVAL_S = 1000.0
COUNTER_BRACKETS = 20
COUNTER_BUDGET_NS = 500_000_000


@dataclass(frozen=True)
class RivalVerdict:
    """The result of a test: `gil` is ``released`` or ``held`` (neither test has another word), decided by `figure`."""

    gil: str
    figure: float
    detail: str


def ratio_test(call: Call) -> RivalVerdict:
    """Test whether two threads are at least 1.5 times as fast as one: best of three rounds each, without the first call."""
    call()
    begin = time.perf_counter_ns()
    call()
    once_ns = max(1, time.perf_counter_ns() - begin)
    n_calls = max(1, round(RATIO_PASS_NS / 2 / once_ns))
    serial = min(serial_ns(call, 2 * n_calls) for _ in range(RATIO_ROUNDS))
    paired = min(in_threads_ns(call, 2, n_calls) for _ in range(RATIO_ROUNDS))
    ratio = serial / paired
    return RivalVerdict(
        "released" if ratio >= RATIO_BORDER else "held", ratio, f"2 x {n_calls} calls, best of {RATIO_ROUNDS}"
    )


def serial_ns(call: Call, n_calls: int) -> int:
    """Return the time of so many calls in this thread."""
    begin = time.perf_counter_ns()
    for _ in range(n_calls):
        call()
    return time.perf_counter_ns() - begin


def in_threads_ns(call: Call, n_threads: int, n_calls: int) -> int:
    """Return the time of so many calls in each of as many new threads, from the moment at which all are ready."""
    barrier = threading.Barrier(n_threads + 1)
    failures: list[BaseException] = []

    def calls() -> None:
        barrier.wait()
        try:
            for _ in range(n_calls):
                call()
        except BaseException as error:  # noqa: BLE001  (raised again in the caller's thread)
            failures.append(error)

    threads = [threading.Thread(target=calls) for _ in range(n_threads)]
    for thread in threads:
        thread.start()
    barrier.wait()
    begin = time.perf_counter_ns()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter_ns() - begin
    if failures:
        raise failures[0]
    return elapsed


def counter_test(call: Call) -> RivalVerdict:
    """Test whether a counting thread makes progress during the call, although the interpreter never releases the GIL.

    The switch interval is set before the counter starts, and each bracket contains exactly one call. The garbage collector
    is off inside: a finaliser that releases the GIL would look like the call. Progress in one bracket is a release.
    """
    count = 0
    is_running = True

    def counts() -> None:
        nonlocal count
        while is_running:
            count += 1
            time.sleep(0)

    interval, collecting = sys.getswitchinterval(), gc.isenabled()
    call()
    gc.collect()
    sys.setswitchinterval(COUNTER_INTERVAL_S)
    counter = threading.Thread(target=counts, daemon=True)
    n_brackets = n_moved = 0
    try:
        counter.start()
        gc.disable()
        deadline = time.perf_counter_ns() + COUNTER_BUDGET_NS
        while n_brackets < COUNTER_BRACKETS and (not n_brackets or time.perf_counter_ns() < deadline):
            last = count
            while count == last:  # the counter must be alive and waiting when the bracket opens
                time.sleep(0.0005)
            before = count
            call()
            after = count
            n_brackets += 1
            n_moved += after != before
    finally:
        sys.setswitchinterval(interval)
        is_running = False
        counter.join()
        if collecting:
            gc.enable()
    return RivalVerdict(
        "released" if n_moved else "held", n_moved / n_brackets, f"moved in {n_moved} of {n_brackets} brackets"
    )
