"""The bars of the wall-clock verdict: ``python -m benchmarks.overlap words --load 2``; see ``--help``."""

from __future__ import annotations

import argparse
import os
from collections import Counter

from benchmarks.ledger.load import busy
from benchmarks.overlap.cost import cost
from benchmarks.overlap.friends import false_friends
from benchmarks.overlap.idle_time import idle_time
from benchmarks.overlap.known import MS, Case, pool_cases, real_cases, specimen_cases
from benchmarks.overlap.simulated import simulated
from benchmarks.overlap.windows import windows
from benchmarks.overlap.words import words
from pytest_gilcheck import Verdict, check, specimens

CAUSES = frozenset(
    {
        "chatter", "held-tail", "inner-lock", "memory-bandwidth", "own-thread-pool", "serialised-by-gil",
        "shortfall-unexplained", "too-few-cores", "uneven-threads",
    }
)  # fmt: skip


def _run(case: Case, seed: int, **options: object) -> Verdict:
    return check.options(name=case.name, seed=seed, **{**case.options, **options})(case.function, *case.args)


def null(n_checks: int) -> None:
    """Print how often the efficiency of a second released control contains 1, and how wide its interval is."""
    n_hit, widths = 0, []
    for index in range(n_checks):
        efficiency = check.options(seed=index, budget=1.0, min_efficiency=0.999)(specimens.computes, MS).efficiency
        if efficiency.low is None or efficiency.high is None:
            continue
        n_hit += efficiency.low <= 1 <= efficiency.high
        widths.append((efficiency.high - efficiency.low) / 2)
    widths.sort()
    print(
        f"{n_checks} checks: {n_hit} intervals contain 1; half-width median {widths[len(widths) // 2]:.3f}, largest {widths[-1]:.3f}"
    )


def causes(n_checks: int, n_busy: int) -> None:
    """Print how often the cause of a shortfall is named right, and how often another one is named."""
    with busy(n_busy):
        _causes(n_checks)


def _causes(n_checks: int) -> None:
    n_right = n_wrong = 0
    cases = [*specimen_cases(), *real_cases(), *pool_cases()]
    for case in cases:
        named: Counter[str] = Counter()
        for index in range(n_checks):
            verdict = _run(case, index)
            causes_named = sorted(CAUSES & set(verdict.reasons))
            named[", ".join(causes_named) or f"none ({verdict.overlap})"] += 1
            n_right += causes_named == ([case.cause] if case.cause else [])
            n_wrong += bool(set(causes_named) - {case.cause, "shortfall-unexplained"})
        print(f"{case.name:24} expected {case.cause or 'none':18} found {dict(named)}", flush=True)
    print(f"causes: {n_right} of {n_checks * len(cases)} right, {n_wrong} name another cause")


def one_cpu() -> None:
    """Check on one processor, as under ``taskset -c 0``, that overlap is inconclusive and the GIL verdict the same."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for function, expected in ((specimens.releases, "released"), (specimens.holds, "held")):
        verdict = check(function, MS)
        fine = verdict.gil == expected and verdict.overlap == "inconclusive" and "one-cpu" in verdict.reasons
        print(f"{expected}: {verdict.gil}, overlap {verdict.overlap}, {verdict.reasons}: {'fine' if fine else 'WRONG'}")


def main() -> None:
    """Run one bar."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overlap", description=__doc__)
    parser.add_argument(
        "bar", choices=("words", "friends", "idle-time", "windows", "null", "causes", "cost", "one-cpu", "simulated")
    )
    parser.add_argument(
        "--load", type=int, default=0, help="busy processes beside it (words, friends, causes, windows)"
    )
    parser.add_argument(
        "--budget", type=float, default=1.0, help="seconds of wall-clock rounds a check (words; windows: twice that)"
    )
    parser.add_argument("--default-budget", action="store_true", help="the budget of a check without claims (friends)")
    parser.add_argument("--other", help="the tree of another version (idle-time)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the checks")
    parser.add_argument("--plot", help="where the plot of the cost goes (needs matplotlib)")
    options = parser.parse_args()
    n = 10 if options.quick else 1
    if options.bar == "words":
        words(200 // n, options.load, options.budget)
    elif options.bar == "friends":
        false_friends(20 // min(n, 5), options.load, None if options.default_budget else options.budget)
    elif options.bar == "idle-time":
        if options.other is None:
            parser.error("idle-time compares with the tree of another version: give --other=PATH")
        idle_time(10 // min(n, 3), options.other)
    elif options.bar == "windows":
        windows(2 * options.budget, options.load, 20 if options.quick else None)
    elif options.bar == "null":
        null(100 // n)
    elif options.bar == "causes":
        causes(10 // min(n, 5), options.load)
    elif options.bar == "simulated":
        simulated()
    elif options.bar == "cost":
        cost(10_000 // n, options.plot)
    else:
        one_cpu()


if __name__ == "__main__":
    main()
