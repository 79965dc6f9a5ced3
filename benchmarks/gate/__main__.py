"""The bars of the gate: ``python -m benchmarks.gate [regress] [unchanged] [documents] [workers]``; all, if none is named.

20 runs of each gate, idle and beside 2 busy processes, take about half an hour. ``-n`` sets another number, and ``--workers``
runs each gate on workers of pytest-xdist.
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


#: So many of 20 regressions must be named beside busy processes, where overlap may stay inconclusive.
LEAST_NAMED = {"lock added": 0.8}


def regress(
    n: int, loads: Sequence[int], arguments: Sequence[str] = (), names: Sequence[str] | None = None
) -> Iterator[Row]:
    """Run the gate on each regression: it must fail, and name the function with what was and what is.

    Beside busy processes the loss of overlap may be inconclusive. It must never pass without a word.
    """
    for build in REGRESSED:
        if names and not build.name.startswith(tuple(names)):
            continue
        for n_busy in loads:
            outcomes = gate(build, n, n_busy, arguments)
            least = LEAST_NAMED.get(build.name, 1.0) * n if n_busy else n
            n_silent = n - outcomes["named"] - outcomes["inconclusive"] - outcomes["passes, said"]
            required = f"named in {least:g} of {n}" + (", never silent" if least < n else "")
            is_met = outcomes["named"] >= least and not n_silent
            yield Row(
                f"{build.name}, {beside(n_busy)}{with_arguments(arguments)}",
                required,
                f"{counted(outcomes)} of {n}",
                is_met,
            )


def unchanged(n: int, loads: Sequence[int], arguments: Sequence[str] = ()) -> Iterator[Row]:
    """Run the gate on the unchanged project: it passes, whatever else the machine does."""
    build: Build = UNCHANGED
    for n_busy in loads:
        outcomes = gate(build, n, n_busy, arguments)
        is_met = outcomes["passes"] + outcomes["passes, said"] == n
        bar = f"{build.name}, {beside(n_busy)}{with_arguments(arguments)}"
        yield Row(bar, "passes each time", f"{counted(outcomes)} of {n}", is_met)


def with_arguments(arguments: Sequence[str]) -> str:
    """Return further arguments of pytest as a row shows them."""
    return f", `{' '.join(arguments)}`" if arguments else ""


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
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="run each gate on so many workers of xdist")
    parser.add_argument("--builds", nargs="+", metavar="WORD", help="of the regressions, only those that begin so")
    options = parser.parse_args()
    arguments = ("-n", str(options.workers)) if options.workers else ()
    unknown = sorted({*options.parts} - {*parts})
    if unknown:
        parser.error(f"unknown part {unknown[0]!r}: expected {', '.join(parts)}")
    rows = {
        "regress": lambda: regress(options.n, options.busy, arguments, options.builds),
        "unchanged": lambda: unchanged(options.n, options.busy, arguments),
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
