"""The one place where this benchmark touches the library."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.ledger.cases import Case
from benchmarks.ledger.price import FINE, RECORDING, REMOVED
from benchmarks.ledger.slots import n_pointers_into_native

N_PAIRS = 100_000

_ready_at_ns = 0


def stamp_ready() -> None:
    """Record the end of the set-up, which calls this in its last line."""
    global _ready_at_ns  # noqa: PLW0603  (the set-up runs in globals of its own: there is no other way to tell)
    _ready_at_ns = time.perf_counter_ns()


_STAMP = f"\nimport {__name__} as _ledger_bench_adapter; _ledger_bench_adapter.stamp_ready()\n"


def measure(case: Case, witness: str) -> dict[str, Any]:
    """Check a case by one witness alone, and return the fields of `Measurement` that a verdict has."""
    from pytest_gilcheck import check
    from pytest_gilcheck.commands.statement import Statement
    from pytest_gilcheck.run import Call

    statement = Statement(case.call, case.setup + _STAMP)
    checker = check.options(overlap=False, name=case.id, instrument=witness)
    verdict = checker.of_call(Call(eval, args_for=statement.args_for))
    seconds = (time.perf_counter_ns() - _ready_at_ns) / 1e9
    share = verdict.held_share
    return {
        "gil": verdict.gil,
        "seconds": seconds,
        "held_share": share.value,
        "held_share_low": share.low,
        "held_share_high": share.high,
        "n_calls": verdict.n_calls,
        "span_ns": verdict.span_ns,
        "cpu_ns": verdict.cpu_ns,
        "longest_hold_ns": verdict.longest_hold_ns,
        "instrument": f"{verdict.instrument.name} ({verdict.instrument.grade})",
        "reasons": [(note.slug, note.detail) for note in verdict.notes],
        "detail": verdict.diagnosis,
    }


def clock_ns() -> float:
    """Return the price of one reading of the ledger's clock in nanoseconds."""
    from pytest_gilcheck import _native

    price_ns, _ = _native.clock_quality()
    return float(price_ns)


def pair_ns(state: str, n_threads: int) -> float:
    """Return the processor time of one release/take pair in this state, with `n_threads` threads that make pairs.

    A process that once had hooks is not asked for the states that never had: it may differ from one of these.
    """
    from pytest_gilcheck import _native

    def pairs() -> None:
        if state == FINE:
            _native.call(chatters, (N_PAIRS, 0), None, True, 0, _native.CallClock(1))  # noqa: FBT003  (by position)
        else:
            chatters(N_PAIRS, 0)

    chatters = _native.specimens.chatters
    with _in_state(state):
        threads = [threading.Thread(target=pairs) for _ in range(n_threads - 1)]
        begin = _native.process_cpu_ns()
        for thread in threads:
            thread.start()
        pairs()
        for thread in threads:
            thread.join()
        elapsed: int = _native.process_cpu_ns() - begin
    return elapsed / (N_PAIRS * n_threads)


def n_hooks_left() -> int:
    """Return how many words of the interpreter still point into the library after the ledger was opened and closed.

    Raises ``RuntimeError`` where none does while the ledger is open: then the search cannot see hooks.
    """
    with _in_state(RECORDING):
        if not n_pointers_into_native():
            message = "no slot of the interpreter points into the open ledger: the search cannot see hooks here"
            raise RuntimeError(message)
    return n_pointers_into_native()


@contextmanager
def _in_state(state: str) -> Iterator[None]:
    from pytest_gilcheck import _native

    interval_us = round(sys.getswitchinterval() * 1e6)
    if state == REMOVED:
        _native.open_ledger(interval_us)
        _native.close_ledger()
    if state not in (RECORDING, FINE):
        yield
        return
    _native.open_ledger(interval_us)
    try:
        yield
    finally:
        _native.close_ledger()
