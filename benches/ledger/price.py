"""What does a release/take pair cost while the ledger records, and after?

Processes that differ in nothing but the hooks are asked in turns, so that a slow spell falls on all of them.
"""

from __future__ import annotations

import importlib
import json
import random
import sys
from dataclasses import dataclass

from benches.ledger.driver import Worker
from benches.ledger.intervals import Interval, Pair, bootstrap, median_difference

UNHOOKED, SILENT, RECORDING, REMOVED = "unhooked", "silent", "recording", "removed"
STATES = (UNHOOKED, SILENT, RECORDING, REMOVED)
ALONE, CONTENDED = 1, 2
TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Price:
    """What was added to a pair, in readings of the clock? `alone`: one thread lets go and takes back;
    `contended`: two do, so that every pair waits. `silent` is with the hooks in and nothing recorded, `removed`
    with the hooks out again. `pair_ns` is a plain pair, `clock_ns` one reading of the clock (medians)."""

    alone: Interval
    contended: Interval
    silent: Interval
    removed: Interval
    pair_ns: float
    contended_pair_ns: float
    clock_ns: float
    n_rounds: int


def measure_price(n_rounds: int = 60, seed: int = 0, adapter: str = "benches.ledger.adapter") -> Price:
    """What does it cost? `n_rounds` rounds in which every state is asked once, in random order.

    Raises ``RuntimeError`` with the worker's words where a state cannot be measured.
    """
    order = random.Random(seed)  # noqa: S311  (an order)
    command = [sys.executable, "-m", "benches.ledger.price"]
    workers = {state: Worker({}, command) for state in STATES}
    seen: dict[tuple[str, int], list[float]] = {}
    clock: list[float] = []
    try:
        for _ in range(n_rounds):
            questions = [(state, n_threads) for state in STATES for n_threads in (ALONE, CONTENDED)]
            order.shuffle(questions)
            for state, n_threads in questions:
                reply = workers[state].ask({"adapter": adapter, "state": state, "n_threads": n_threads}, TIMEOUT_S)
                if "pair_ns" not in reply:
                    message = f"no price for {state}: {reply.get('outcome')}: {reply.get('detail')}"
                    raise RuntimeError(message)
                seen.setdefault((state, n_threads), []).append(reply["pair_ns"])
                clock.append(reply["clock_ns"])
    finally:
        for worker in workers.values():
            worker.kill()
    clock_ns = sorted(clock)[len(clock) // 2]

    def added(state: str, n_threads: int) -> Interval:
        pairs: list[Pair] = list(zip(seen[state, n_threads], seen[UNHOOKED, n_threads], strict=True))
        return bootstrap([(a / clock_ns, b / clock_ns) for a, b in pairs], median_difference, seed)

    def typical(n_threads: int) -> float:
        return sorted(seen[UNHOOKED, n_threads])[n_rounds // 2]

    return Price(
        alone=added(RECORDING, ALONE),
        contended=added(RECORDING, CONTENDED),
        silent=added(SILENT, ALONE),
        removed=added(REMOVED, ALONE),
        pair_ns=typical(ALONE),
        contended_pair_ns=typical(CONTENDED),
        clock_ns=clock_ns,
        n_rounds=n_rounds,
    )


def main() -> None:
    """Serve one state: one JSON line in, one out."""
    for line in sys.stdin:
        job = json.loads(line)
        adapter = importlib.import_module(job["adapter"])
        reply = {"pair_ns": adapter.pair_ns(job["state"], job["n_threads"]), "clock_ns": adapter.clock_ns()}
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
