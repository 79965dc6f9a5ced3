"""Measures what the second core gains the counter, what it can gain at all, and from which length on."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterable
from dataclasses import replace

from benchmarks.counter.rows import Row, gigabytes, in_turn, quartiles, row
from benchmarks.counter.texts import NEEDLES, zen
from pytest_gilcheck import _native, reference

TIMES_ONE_CORE = 1.8
# As the counter cuts a text of this length.
CHUNK_BYTES = 512 << 10


def spinning_for(seconds: float, n_chunks: int) -> int:
    """Return how many spins of each chunk keep one core busy for so long."""
    n_spins = 1_000
    while True:
        begin = time.perf_counter()
        _native.reference_spin(n_chunks, n_spins, False)  # noqa: FBT003  (native, by position)
        taken = time.perf_counter() - begin
        if taken > seconds / 2:
            return int(n_spins * seconds / taken)
        n_spins *= 2


def against_one(texts: dict[str, str], n_rounds: int) -> Iterable[Row]:
    """Compare all cores with one, and in the same rounds two other jobs that the same threads do in the same way.

    *Reading* does nothing with the same text: counting cannot be faster. *Spinning* takes as long and touches no memory: its
    loss is the price of the threads, and of cores that are slower together.
    """
    for name, text in texts.items():
        n_chunks = -(-len(text) // CHUNK_BYTES)
        for frequency, needle in NEEDLES[name].items():
            sequential = in_turn([lambda t=text, n=needle: reference.count_sequential(t, n)], 3)[0]
            n_spins = spinning_for(min(sequential), n_chunks)
            sides = [
                lambda t=text, n=needle: reference.count(t, n),
                lambda t=text, n=needle: reference.count_sequential(t, n),
                lambda t=text: _native.reference_read(t, True),  # noqa: FBT003  (takes it by position only)
                lambda t=text: _native.reference_read(t, False),  # noqa: FBT003  (the same)
                lambda n=n_chunks, spins=n_spins: _native.reference_spin(n, spins, True),  # noqa: FBT003  (the same)
                lambda n=n_chunks, spins=n_spins: _native.reference_spin(n, spins, False),  # noqa: FBT003  (the same)
            ]
            times = in_turn(sides, n_rounds)
            case = f"{name}, {frequency} `{needle}`"
            ratio = row(f"count, {os.cpu_count()} cores against 1", case, times, TIMES_ONE_CORE)
            _, most, _ = quartiles(times[2], times[1])
            share = statistics.median(a / b for a, b in zip(times[2], times[0], strict=True))
            counts, reads = ([gigabytes(len(text), side) for side in pair] for pair in (times[1::-1], times[3:1:-1]))
            _, spins, _ = quartiles(times[4], times[5])
            columns = {
                "counting, GB/s": f"{counts[0]:.1f}, {counts[1]:.1f}",
                "reading, GB/s": f"{reads[0]:.1f}, {reads[1]:.1f}",
                "of reading": f"{share:.0%}",
                "reading against counting on 1": f"{most:.2f}",
                "spinning": f"{spins:.2f}",
            }
            yield replace(
                ratio,
                columns=columns,
                # Even reading on all cores is not so many times as fast as counting on one core.
                limit="memory" if most < TIMES_ONE_CORE else "",
                doubt="inconclusive: other processes used the cores" if spins < TIMES_ONE_CORE else "",
            )


def where_threads_pay(n_rounds: int) -> Iterable[Row]:
    """Measure from which length on several threads are faster; the counter's threshold comes from this table."""
    text = zen() * 20_000
    for exponent in range(18, 25):
        part = text[: 1 << exponent]
        times = in_turn(
            [
                lambda p=part: [_native.reference_count_parallel(p, "better") for _ in range(20)],
                lambda p=part: [reference.count_sequential(p, "better") for _ in range(20)],
            ],
            n_rounds,
        )
        yield row("where threads pay: all cores against 1, 20 calls", f"{len(part) >> 10} KiB", times)
