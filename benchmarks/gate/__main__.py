"""The gate's bars, a row each: ``python -m benchmarks.gate [regress] [unchanged] [documents] [workers]``; all, if none is named.

Runs take long: 20 of each gate, idle and beside 2 busy processes, are about half an hour. ``-n`` makes them fewer.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.gate.documents import costs
from benchmarks.gate.projects import REGRESSED, UNCHANGED, Build, gate, workers

SMALL, LARGE = 1_000, 10_000

#: Ten times the document may take so many times as long: linear, with room for a noisy machine.
MOST_TIMES_LONGER = 13.0

#: And so many times the memory. What is shown or merged is not kept. What is compared is: about 1 kB of each check or
#: agreement in either document, some 45 MB beside the 25 that the command takes anyhow; whole documents would be 20 times that.
MOST_TIMES_MEMORY = 4.0


@dataclass(frozen=True)
class Row:
    """One bar: what was required, what was seen."""

    bar: str
    required: str
    seen: str
    met: bool

    def __str__(self) -> str:
        return f"| {self.bar} | {self.required} | {self.seen} | {'met' if self.met else 'missed'} |"


def told(found: Counter[str]) -> str:
    """How often what?"""
    return ", ".join(f"{kind} {count}" for kind, count in found.most_common())


def beside(n_busy: int) -> str:
    """Under which load?"""
    return f"beside {n_busy} busy" if n_busy else "idle"


def regress(n: int, loads: Sequence[int]) -> Iterator[Row]:
    """Each regression fails the gate each time, and its function, limit, and margin or wrong answer are named.

    *Cannot tell* fails the gate as well, and names function and limit.
    """
    for build in REGRESSED:
        for n_busy in loads:
            found = gate(build, n, n_busy)
            bar = f"{build.name}, {beside(n_busy)}"
            # With no core to spare nobody can tell that calls overlap no more: that fails the gate, too.
            n_right = found["fails"] + (found["cannot tell"] if n_busy else 0)
            required = "fails, named, or cannot tell" if n_busy else "fails, named, each time"
            yield Row(bar, required, f"{told(found)} of {n}", n_right == n)


def unchanged(n: int, loads: Sequence[int]) -> Iterator[Row]:
    """The unchanged project passes; under load it may be undecided, and is never called worse."""
    build: Build = UNCHANGED
    for n_busy in loads:
        found = gate(build, n, n_busy)
        n_right = found["passes"] + (found["cannot tell"] if n_busy else 0)
        required = "passes, or cannot tell" if n_busy else "passes each time"
        yield Row(f"{build.name}, {beside(n_busy)}", required, f"{told(found)} of {n}", n_right == n)


def documents() -> Iterator[Row]:
    """Time grows as the document does, memory does not."""
    for verb, (few, many) in costs(SMALL, LARGE).items():
        longer, larger = many.seconds / few.seconds, many.peak_mb / few.peak_mb
        yield Row(
            f"`gilcheck {verb}`, {LARGE:,} checks and agreements over {SMALL:,}",
            f"at most {MOST_TIMES_LONGER:g} times the time, {MOST_TIMES_MEMORY:g} times the memory",
            f"{longer:.1f} times ({many.seconds:.1f} s), {larger:.2f} times ({many.peak_mb} MB)",
            longer <= MOST_TIMES_LONGER and larger <= MOST_TIMES_MEMORY,
        )


def beside_workers(n: int) -> Iterator[Row]:
    """The same suite with four workers and without."""
    found = workers(n)
    yield Row("`-n 4` against no workers", "same words, one report", f"{told(found)} of {n}", found["same"] == n)


def main() -> int:
    """Prints the table; the exit status says whether every bar is met."""
    parts = ("regress", "unchanged", "documents", "workers")
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(parts))
    parser.add_argument("-n", type=int, default=20, help="runs of each gate, and of the suite on workers (default 20)")
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 2], metavar="N", help="busy processes (default 0 2)")
    options = parser.parse_args()
    unknown = sorted({*options.parts} - {*parts})
    if unknown:
        parser.error(f"unknown part {unknown[0]!r}: expected {', '.join(parts)}")
    rows = {
        "regress": lambda: regress(options.n, options.busy),
        "unchanged": lambda: unchanged(options.n, options.busy),
        "documents": documents,
        "workers": lambda: beside_workers(options.n),
    }
    print("| bar | required | seen | verdict |\n|---|---|---|---|", flush=True)
    all_met = True
    for part in options.parts or parts:
        for row in rows[part]():
            print(row, flush=True)
            all_met &= row.met
    return 0 if all_met else 1


if __name__ == "__main__":
    sys.exit(main())
