"""Measures how often a word from few rounds is wrong: long runs of real calls are cut into pieces of two to eight rounds.

The word of the whole run is compared with the word of each piece, for several factors by which the bounds of a piece are
widened. The factors of `judge.rules` come from here.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from benchmarks.ledger.cases import Case, read_cases, select
from benchmarks.ledger.driver import plan, run
from benchmarks.ledger.measurement import LEDGER, Measurement
from benchmarks.overlap.adapter import BUDGET, statement_call
from benchmarks.overlap.words import SHORTEST_NS, TIMEOUT_S
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.bounds import Bounds, is_undisturbed, most_certain, speedup_of

FEWEST_ROUNDS = 20
FACTORS = (1.0, 1.03, 1.05, 1.15, 1.25, 1.5, 2.0)
KINDS = ("call", "released control", "held control")


def measure(case: Case, _witness: str) -> dict[str, Any]:
    """Return fields of `Measurement`, with the bounds of each round of the call and both controls as JSON in `detail`."""
    from pytest_gilcheck.checker.checker import Checker
    from pytest_gilcheck.declare.settings import Settings
    from pytest_gilcheck.evidence import Observation
    from pytest_gilcheck.judge.ratios import held_alone

    observations: list[Observation] = []
    # No interval is as narrow as this claim requires, so that the rounds go on to the end of the budget.
    settings = Settings().changed({"threads": 2, "budget": float(os.environ[BUDGET]), "min_efficiency": 1.0})
    verdict = Checker(settings, on_check=lambda observation, *_: observations.append(observation)).of_call(
        statement_call(case)
    )
    bounds = [
        [
            speedup_of(round_.serial, round_.competing, 2.0),
            speedup_of(round_.control, round_.released, 2.0),
            speedup_of(held_alone(round_), round_.held, 2.0),
        ]
        for round_ in observations[0].rounds
    ]
    return {"gil": verdict.overlap, "span_ns": verdict.span_ns, "detail": json.dumps(bounds)}


def pieces(rounds: Sequence[Bounds], n: int) -> Iterator[Sequence[Bounds]]:
    """Yield pieces of successive rounds, so that a disturbance affects a piece as it would affect a check."""
    for at in range(0, len(rounds) - n + 1, max(1, n // 2)):
        yield rounds[at : at + n]


def widened(bounds: Sequence[Bounds], factor: float) -> tuple[float, float]:
    """Return the extremes of a piece, widened by `factor`."""
    chosen = most_certain(bounds)
    return min(low for low, _, _ in chosen) / factor, max(high for _, _, high in chosen) * factor


def print_table(runs: Sequence[Sequence[Bounds]], kind: str) -> None:
    """Print for each length and factor how many pieces have another word than the whole run, or miss its median."""
    print(f"{kind}: {len(runs)} runs")
    for n in range(1, rules.ENOUGH_ROUNDS):
        counted = []
        for factor in FACTORS:
            n_pieces = n_wrong = n_missed = 0
            for rounds in runs:
                typical = median([speedup for _, speedup, _ in [b for b in rounds if is_undisturbed(b)] or rounds])
                for piece in pieces(rounds, n):
                    low, high = widened(piece, factor)
                    n_pieces += 1
                    n_missed += not low <= typical <= high
                    border = rules.OVERLAP_LEAST_SPEEDUP
                    n_wrong += low > border >= typical or high < border <= typical
            counted.append(f"{factor:g}: {n_wrong}, {n_missed}")
        print(f"  {n} rounds, {n_pieces} pieces; factor: wrong words, medians missed: {'; '.join(counted)}", flush=True)


def windows(budget: float, n_busy: int = 0, n_cases: int | None = None) -> None:
    """Run the corpus, each call for `budget` seconds of rounds, and print the tables."""
    measurements: list[Measurement] = []
    os.environ[BUDGET] = str(budget)
    cases = select(read_cases(), python=platform.python_version())[:n_cases]
    run(
        plan(cases, [LEDGER], [n_busy], 1, seed=0),
        measurements.append,
        adapter="benchmarks.overlap.windows",
        timeout_s=TIMEOUT_S,
    )
    runs = [json.loads(m.detail) for m in measurements if m.outcome == "ok" and (m.span_ns or 0) >= SHORTEST_NS]
    runs = [rounds for rounds in runs if len(rounds) >= FEWEST_ROUNDS]
    for index, kind in enumerate(KINDS):
        print_table([[tuple(bounds[index]) for bounds in rounds] for rounds in runs], kind)
