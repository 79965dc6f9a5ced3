"""The bars of agreement: ``python -m benchmarks.agreement``.

Time: `agrees` with four threads against the same hypothesis test in one thread, paired and in turn, a trivial function.
Power: how many of many runs on the `races` specimen end in a disagreement. Size: how many runs on a correct function do.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_gilcheck import Disagreement, agrees, specimens

N_EXAMPLES = 200
N_THREADS = 4


def increment(n: int) -> int:
    """A trivial function, and its own oracle."""
    return n + 1


@settings(max_examples=N_EXAMPLES, deadline=None, database=None)
@given(st.integers())
def alone(n: int) -> None:
    """The same test as people write it for one thread."""
    assert increment(n) == increment(n)  # noqa: S101  (a test)


def competing() -> None:
    """The same examples, each also by four threads."""
    agrees(increment, increment, st.integers().map(lambda n: (n,)), examples=N_EXAMPLES, threads=N_THREADS)


def ratios(n_pairs: int) -> list[float]:
    """How many times as long did the competing test take, pair by pair, in turn?"""
    found = []
    for _ in range(n_pairs):
        times = []
        for run in (alone, competing):
            begin = time.perf_counter_ns()
            run()
            times.append(time.perf_counter_ns() - begin)
        found.append(times[1] / times[0])
    return found


def n_disagreements(n_runs: int, *, racing: bool) -> int:
    """How many of `n_runs` runs end in a disagreement?"""
    n = 0
    for _ in range(n_runs):
        try:
            if racing:
                agrees(
                    specimens.races, lambda steps: min(steps, 1000), st.integers(0, 2000).map(lambda steps: (steps,))
                )
            else:
                agrees(specimens.releases, lambda _ns: None, st.integers(0, 20_000).map(lambda ns: (ns,)))
        except Disagreement:
            n += 1
    return n


def main() -> int:
    """Prints the table; the exit status says whether every bar is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--runs", type=int, default=50)
    options = parser.parse_args()
    found = sorted(ratios(options.pairs))
    ratio = statistics.median(found)
    n_caught = n_disagreements(options.runs, racing=True)
    n_accused = n_disagreements(options.runs, racing=False)
    rows = [
        (
            f"`agrees`, {N_EXAMPLES} examples, {N_THREADS} threads, over one thread",
            "at most 3",
            f"{ratio:.2f} [{found[0]:.2f}, {found[-1]:.2f}]",
            ratio <= 3,  # noqa: PLR2004  (the bar)
        ),
        ("runs in which the race was caught", "all", f"{n_caught} of {options.runs}", n_caught == options.runs),
        ("runs in which a correct function was accused", "0", f"{n_accused} of {options.runs}", n_accused == 0),
    ]
    lines = ["| bar | required | seen | verdict |", "|---|---|---|---|"]
    lines += [f"| {bar} | {required} | {seen} | {'met' if met else 'missed'} |" for bar, required, seen, met in rows]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if all(met for *_, met in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
