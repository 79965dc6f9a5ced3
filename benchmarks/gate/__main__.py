"""The bars of the gate: ``python -m benchmarks.gate [regress] [unchanged] [documents] [workers]``; all, if none is named.

20 runs of each gate, idle and beside 2 busy processes, take about half an hour. ``-n`` sets another number.
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

#: A report ten times as large may take so many times as long: linear, with room for a noisy machine.
MOST_TIMES_LONGER = 13.0

#: And so many times the memory. `show` and `merge` keep nothing. `compare` keeps about 1 kB of each check or agreement of both
#: reports: some 45 MB beside the 25 MB of the command itself. Whole reports would be 20 times that.
MOST_TIMES_MEMORY = 4.0


@dataclass(frozen=True)
class Row:
    """One bar: what is required, and what was measured."""

    bar: str
    required: str
    measured: str
    met: bool

    def __str__(self) -> str:
        return f"| {self.bar} | {self.required} | {self.measured} | {'met' if self.met else 'missed'} |"


def counted(outcomes: Counter[str]) -> str:
    """Return each outcome with its count."""
    return ", ".join(f"{kind} {count}" for kind, count in outcomes.most_common())


def beside(n_busy: int) -> str:
    """Return the load in words."""
    return f"beside {n_busy} busy" if n_busy else "idle"


def regress(n: int, loads: Sequence[int]) -> Iterator[Row]:
    """Run the gate on each regression: it must fail each time, and name the function, the limit, and the margin or result.

    An inconclusive comparison fails the gate as well, and names function and limit.
    """
    for build in REGRESSED:
        for n_busy in loads:
            outcomes = gate(build, n, n_busy)
            bar = f"{build.name}, {beside(n_busy)}"
            # Without a core to spare, the loss of overlap is inconclusive, which fails the gate too.
            n_right = outcomes["fails"] + (outcomes["inconclusive"] if n_busy else 0)
            required = "fails, named, or inconclusive" if n_busy else "fails, named, each time"
            yield Row(bar, required, f"{counted(outcomes)} of {n}", n_right == n)


def unchanged(n: int, loads: Sequence[int]) -> Iterator[Row]:
    """Run the gate on the unchanged project: it passes; under load it may be inconclusive, but is never worse."""
    build: Build = UNCHANGED
    for n_busy in loads:
        outcomes = gate(build, n, n_busy)
        n_right = outcomes["passes"] + (outcomes["inconclusive"] if n_busy else 0)
        required = "passes, or inconclusive" if n_busy else "passes each time"
        yield Row(f"{build.name}, {beside(n_busy)}", required, f"{counted(outcomes)} of {n}", n_right == n)


def documents() -> Iterator[Row]:
    """Compare a small and a large report: time grows with the report, memory does not."""
    for verb, (few, many) in costs(SMALL, LARGE).items():
        longer, larger = many.seconds / few.seconds, many.peak_mb / few.peak_mb
        yield Row(
            f"`gilcheck {verb}`, {LARGE:,} checks and agreements over {SMALL:,}",
            f"at most {MOST_TIMES_LONGER:g} times the time, {MOST_TIMES_MEMORY:g} times the memory",
            f"{longer:.1f} times ({many.seconds:.1f} s), {larger:.2f} times ({many.peak_mb} MB)",
            longer <= MOST_TIMES_LONGER and larger <= MOST_TIMES_MEMORY,
        )


def beside_workers(n: int) -> Iterator[Row]:
    """Run the same suite with four workers and without."""
    outcomes = workers(n)
    yield Row(
        "`-n 4` against no workers", "same words, one report", f"{counted(outcomes)} of {n}", outcomes["same"] == n
    )


def main() -> int:
    """Print the table; the exit status says whether every bar is met."""
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
    print("| bar | required | measured | verdict |\n|---|---|---|---|", flush=True)
    all_met = True
    for part in options.parts or parts:
        for row in rows[part]():
            print(row, flush=True)
            all_met &= row.met
    return 0 if all_met else 1


if __name__ == "__main__":
    sys.exit(main())
