"""Measures what a release/take pair costs while the ledger records, and after.

Processes that differ only in the hooks are asked in turn, so that a slow spell affects all of them. They are started anew
for each batch: where a program happens to lie in memory makes a few nanoseconds, and must show
as uncertainty instead of as a price.
"""

from __future__ import annotations

import importlib
import json
import random
import sys
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.ledger.driver import Worker, worker_command
from benchmarks.ledger.intervals import Interval, Pair, bootstrap, median_difference

# Never opened; a second one of these, which shows how much equal processes differ; open and recording; recording in a span
# that records the state of a thread off the processor; opened and closed again.
UNHOOKED, TWIN, RECORDING, FINE, REMOVED = "unhooked", "twin", "recording", "fine", "removed"
STATES = (UNHOOKED, TWIN, RECORDING, FINE, REMOVED)
LEFT = "left"
ALONE, CONTENDED = 1, 2
TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Price:
    """What is added to a release/take pair, in readings of the clock, all in processor time of the process.

    `alone` is for one thread that releases and takes, and `contended` for two that wait for each other, both while recording.
    `fine` also records the state of a thread off the processor, `removed` is with the hooks removed again, and `twin`
    between two processes that never had hooks. `pair_ns` is a plain pair, `clock_ns` one reading of the clock (medians).
    `n_hooks_left` words of the interpreter point into the library after it was closed.
    """

    alone: Interval
    contended: Interval
    fine: Interval
    removed: Interval
    twin: Interval
    pair_ns: float
    contended_pair_ns: float
    clock_ns: float
    n_hooks_left: int
    n_batches: int
    n_rounds: int


Seen = dict[tuple[str, int], float]


def measure_price(
    n_batches: int = 12, n_rounds: int = 8, *, seed: int = 0, adapter: str = "benchmarks.ledger.adapter"
) -> Price:
    """Measure the price in `n_batches` batches.

    Each batch has its own processes and `n_rounds` rounds, in which each state is asked once in random order. The median of
    a batch counts once. Raises ``RuntimeError`` with the worker's message where a state cannot be measured.
    """
    order = random.Random(seed)  # noqa: S311  (an order)
    clock: list[float] = []
    batches = [_batch(order, n_rounds, adapter, clock) for _ in range(n_batches)]
    clock_ns = median(clock)

    def added(state: str, n_threads: int) -> Interval:
        pairs: list[Pair] = [
            (batch[state, n_threads] / clock_ns, batch[UNHOOKED, n_threads] / clock_ns) for batch in batches
        ]
        return bootstrap(pairs, median_difference, seed)

    return Price(
        alone=added(RECORDING, ALONE),
        contended=added(RECORDING, CONTENDED),
        fine=added(FINE, ALONE),
        removed=added(REMOVED, ALONE),
        twin=added(TWIN, ALONE),
        pair_ns=median(batch[UNHOOKED, ALONE] for batch in batches),
        contended_pair_ns=median(batch[UNHOOKED, CONTENDED] for batch in batches),
        clock_ns=clock_ns,
        n_hooks_left=_n_hooks_left(adapter),
        n_batches=n_batches,
        n_rounds=n_rounds,
    )


def _ask(worker: Worker, request: dict[str, Any]) -> dict[str, Any]:
    reply = worker.ask(request, TIMEOUT_S)
    if "outcome" in reply:
        message = f"no answer to {request}: {reply['outcome']}: {reply['detail']}"
        raise RuntimeError(message)
    return reply


def _n_hooks_left(adapter: str) -> int:
    worker = Worker({}, worker_command(__name__))
    try:
        return int(_ask(worker, {"adapter": adapter, "state": LEFT, "n_threads": ALONE})["n_hooks_left"])
    finally:
        worker.kill()


def _batch(order: random.Random, n_rounds: int, adapter: str, clock: list[float]) -> Seen:
    workers: dict[str, Worker] = {}
    measured: dict[tuple[str, int], list[float]] = {}
    try:
        for state in STATES:
            workers[state] = Worker({}, worker_command(__name__))
        for _ in range(n_rounds):
            questions = [(state, n_threads) for state in STATES for n_threads in (ALONE, CONTENDED)]
            order.shuffle(questions)
            for state, n_threads in questions:
                request = {"adapter": adapter, "state": state, "n_threads": n_threads}
                reply = _ask(workers[state], request)
                measured.setdefault((state, n_threads), []).append(reply["pair_ns"])
                clock.append(reply["clock_ns"])
    finally:
        for worker in workers.values():
            worker.kill()
    return {question: median(figures) for question, figures in measured.items()}


def main() -> None:
    """Serve one state: one JSON line in, one JSON line out."""
    for line in sys.stdin:
        job = json.loads(line)
        adapter = importlib.import_module(job["adapter"])
        if job["state"] == LEFT:
            reply = {"n_hooks_left": adapter.n_hooks_left()}
        else:
            reply = {"pair_ns": adapter.pair_ns(job["state"], job["n_threads"]), "clock_ns": adapter.clock_ns()}
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()
