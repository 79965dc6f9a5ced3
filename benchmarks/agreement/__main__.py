"""The bars of agreement: ``python -m benchmarks.agreement``.

Time: `agrees` with four threads, compared with the same hypothesis test in one thread, on a trivial function, in pairs.
Power: how many runs on the `races` specimen end in a disagreement. Size: how many runs on a correct function do.
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
    """Be a trivial function, and its own oracle."""
    return n + 1


@settings(max_examples=N_EXAMPLES, deadline=None, database=None)
@given(st.integers())
def alone(n: int) -> None:
    """Run the test as people write it for one thread."""
    assert increment(n) == increment(n)  # noqa: S101  (a test)


def competing() -> None:
    """Compare the same examples, each also in four threads."""
    agrees(increment, increment, st.integers().map(lambda n: (n,)), examples=N_EXAMPLES, threads=N_THREADS)


def ratios(n_pairs: int) -> list[float]:
    """Return how many times as long the competing test took, for each pair."""
    ratios_of_pairs = []
    for _ in range(n_pairs):
        times = []
        for run in (alone, competing):
            begin = time.perf_counter_ns()
            run()
            times.append(time.perf_counter_ns() - begin)
        ratios_of_pairs.append(times[1] / times[0])
    return ratios_of_pairs


def n_disagreements(n_runs: int, *, racing: bool) -> int:
    """Return how many of `n_runs` runs end in a disagreement."""
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
    """Print the table; the exit status says whether every bar is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--runs", type=int, default=50)
    options = parser.parse_args()
    of_pairs = sorted(ratios(options.pairs))
    ratio = statistics.median(of_pairs)
    n_found = n_disagreements(options.runs, racing=True)
    n_wrong = n_disagreements(options.runs, racing=False)
    rows = [
        (
            f"`agrees`, {N_EXAMPLES} examples, {N_THREADS} threads, over one thread",
            "at most 3",
            f"{ratio:.2f} [{of_pairs[0]:.2f}, {of_pairs[-1]:.2f}]",
            ratio <= 3,  # noqa: PLR2004  (the bar)
        ),
        ("runs in which the race was found", "all", f"{n_found} of {options.runs}", n_found == options.runs),
        ("runs in which a correct function differed", "0", f"{n_wrong} of {options.runs}", n_wrong == 0),
    ]
    lines = ["| bar | required | measured | verdict |", "|---|---|---|---|"]
    lines += [
        f"| {bar} | {required} | {measured} | {'met' if met else 'missed'} |" for bar, required, measured, met in rows
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if all(met for *_, met in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
