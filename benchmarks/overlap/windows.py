"""How wrong is a word that rests on few rounds? Long runs of real calls, cut into pieces of two to eight rounds.

What the whole run says is held against what each piece says alone, for several factors by which a piece is widened:
that is where the factors of `judge.rules` come from.
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


def measure(case: Case) -> dict[str, Any]:
    """The adapter: the bounds of every round of the call and of both controls, as JSON in `detail`."""
    from pytest_gilcheck.checker.checker import Checker
    from pytest_gilcheck.declare.settings import Settings
    from pytest_gilcheck.evidence import Observation
    from pytest_gilcheck.judge.ratios import held_alone

    kept: list[Observation] = []
    # No interval is as narrow as this claim asks for, so that the rounds go on to the end of the budget.
    settings = Settings().changed({"threads": 2, "budget": float(os.environ[BUDGET]), "min_efficiency": 1.0})
    verdict = Checker(settings, on_check=lambda observation, *_: kept.append(observation)).of_call(statement_call(case))
    bounds = [
        [
            speedup_of(round_.serial, round_.competing, 2.0),
            speedup_of(round_.control, round_.released, 2.0),
            speedup_of(held_alone(round_), round_.held, 2.0),
        ]
        for round_ in kept[0].rounds
    ]
    return {"gil": verdict.overlap, "span_ns": verdict.span_ns, "detail": json.dumps(bounds)}


def pieces(rounds: Sequence[Bounds], n: int) -> Iterator[Sequence[Bounds]]:
    """Rounds that followed each other, so that a disturbance of some time hits one piece as it would hit one check."""
    for at in range(0, len(rounds) - n + 1, max(1, n // 2)):
        yield rounds[at : at + n]


def said(bounds: Sequence[Bounds], factor: float) -> tuple[float, float]:
    """The extremes of a piece, widened."""
    chosen = most_certain(bounds)
    return min(low for low, _, _ in chosen) / factor, max(high for _, _, high in chosen) * factor


def tell(runs: Sequence[Sequence[Bounds]], kind: str) -> None:
    """Prints, for each length and factor, how many pieces say another word than the whole run, and miss its median."""
    print(f"{kind}: {len(runs)} runs")
    for n in range(1, rules.ENOUGH_ROUNDS):
        counted = []
        for factor in FACTORS:
            n_pieces = n_wrong = n_missed = 0
            for rounds in runs:
                typical = median([found for _, found, _ in [b for b in rounds if is_undisturbed(b)] or rounds])
                for piece in pieces(rounds, n):
                    low, high = said(piece, factor)
                    n_pieces += 1
                    n_missed += not low <= typical <= high
                    border = rules.OVERLAP_LEAST_SPEEDUP
                    n_wrong += low > border >= typical or high < border <= typical
            counted.append(f"{factor:g}: {n_wrong}, {n_missed}")
        print(f"  {n} rounds, {n_pieces} pieces; factor: wrong words, medians missed: {'; '.join(counted)}", flush=True)


def windows(budget: float, n_busy: int = 0, n_cases: int | None = None) -> None:
    """Runs the corpus, each call for `budget` seconds of rounds, and prints the table."""
    found: list[Measurement] = []
    os.environ[BUDGET] = str(budget)
    cases = select(read_cases(), python=platform.python_version())[:n_cases]
    run(
        plan(cases, [LEDGER], [n_busy], 1, seed=0),
        found.append,
        adapter="benchmarks.overlap.windows",
        timeout_s=TIMEOUT_S,
    )
    rounds = [json.loads(m.detail) for m in found if m.outcome == "ok" and (m.span_ns or 0) >= SHORTEST_NS]
    rounds = [made for made in rounds if len(made) >= FEWEST_ROUNDS]
    for index, kind in enumerate(KINDS):
        tell([[tuple(bounds[index]) for bounds in made] for made in rounds], kind)
