"""Counts how often the word on overlap is wrong or inconclusive, on specimens and the public corpus, idle and loaded."""

from __future__ import annotations

import json
import math
import os
import platform
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ledger.cases import Case, read_cases, select
from benchmarks.ledger.driver import Block, Job, plan, run
from benchmarks.ledger.load import busy
from benchmarks.ledger.measurement import LEDGER, Measurement
from benchmarks.overlap.adapter import BUDGET
from pytest_gilcheck import check, specimens

FOLDER = Path(".gilcheck") / "bench-overlap"
SHORTEST_NS = 200_000
TIMEOUT_S = 120.0

#: Plain timing decides only well away from the threshold of 1.25. Cases between these two have no known truth.
SURELY_OVERLAPS = 1.5
SURELY_SERIALISED = 1.1

SQLITE = (
    "import sqlite3; c = sqlite3.connect(':memory:', check_same_thread=False); "
    "q = 'with recursive c(x) as (select 1 union all select x+1 from c where x<20000) select sum(x) from c'"
)
GENERATOR = "import numpy; g = numpy.random.default_rng(1)"
MS = 1_000_000


@dataclass(frozen=True)
class Known:
    """A case and the true word on its overlap.

    `basis` says how that is known: by construction, by proof (calls that hold the GIL cannot overlap), or by plain timing.
    """

    case: Case
    truth: str
    basis: str


def by_construction() -> list[Known]:
    """Return specimens of 0.2 ms and more, and two objects with a lock of their own."""
    truths = [
        *((f"specimens.releases({ns})", "overlaps") for ns in (200_000, MS, 5 * MS)),
        *((f"specimens.sleeps({ns})", "overlaps") for ns in (MS, 5 * MS)),
        *((f"specimens.holds({ns})", "serialised") for ns in (200_000, MS, 5 * MS)),
        (f"specimens.yields({MS})", "serialised"),
        *((f"specimens.serialises({ns})", "serialised") for ns in (200_000, MS, 5 * MS)),
    ]
    setup = "from pytest_gilcheck import specimens"
    known = [_known(call, setup, call, truth) for call, truth in truths]
    known.append(_known("sqlite_one_connection", SQLITE, "c.execute(q).fetchall()", "serialised"))
    known.append(_known("numpy_one_generator", GENERATOR, "g.standard_normal(100_000)", "serialised"))
    return known


def _known(name: str, setup: str, call: str, truth: str) -> Known:
    return Known(Case(name, "overlap", setup, call, "released"), truth, "construction")


def pool(references: Iterable[Measurement]) -> tuple[list[Known], list[str]]:
    """Return the cases with a known truth, and for each other case why it has none, from the plain timing of the corpus."""
    timed = {reference.case: reference for reference in references}
    known, left_out = by_construction(), []
    for case in select(read_cases(), python=platform.python_version()):
        timing = timed.get(case.id)
        if timing is None or timing.figure is None or timing.span_ns is None:
            left_out.append(f"{case.id}: not timed ({timing.outcome if timing else 'not asked'})")
        elif timing.span_ns < SHORTEST_NS:
            left_out.append(f"{case.id}: {timing.span_ns / 1e3:.0f} µs is short")
        elif case.truth == "held" and timing.figure >= SURELY_OVERLAPS:
            left_out.append(f"{case.id}: holds the GIL, yet plain timing says {timing.figure:.2f}")
        elif case.truth == "held":
            known.append(Known(case, "serialised", "proof"))
        elif timing.figure >= SURELY_OVERLAPS:
            known.append(Known(case, "overlaps", "timing"))
        elif timing.figure <= SURELY_SERIALISED and _in_processes(timing) < SURELY_OVERLAPS:
            left_out.append(f"{case.id}: plain timing says {timing.figure:.2f}, and {timing.detail}: the machine limits it")
        elif timing.figure <= SURELY_SERIALISED:
            known.append(Known(case, "serialised", "timing"))
        else:
            left_out.append(f"{case.id}: plain timing says {timing.figure:.2f}, which is neither")
    return known, left_out


def _in_processes(timing: Measurement) -> float:
    """Return the speed-up of two processes that make the call."""
    return float(timing.detail.split()[0])


def references(*, patterns: Iterable[str] = ()) -> list[Measurement]:
    """Return the plain timing of the whole corpus on the idle machine, which is measured once and kept."""
    path = FOLDER / f"references-{platform.python_version()}.jsonl"
    kept: list[Measurement] = []
    if path.exists():
        kept = [Measurement.from_json(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    cases = select(read_cases(), patterns, python=platform.python_version())
    blocks = plan(cases, [LEDGER], [0], 1, seed=0, done=[measurement.key for measurement in kept])
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:

        def keep(measurement: Measurement) -> None:
            kept.append(measurement)
            fields = ("python", "case", "digest", "witness", "load", "repeat", "outcome", "figure", "span_ns", "detail")
            file.write(json.dumps({name: getattr(measurement, name) for name in fields}) + "\n")
            file.flush()
            result = measurement.outcome if measurement.figure is None else f"{measurement.figure:.2f}"
            print(f"  plain timing: {measurement.case}: {result}", flush=True)

        run(blocks, keep, adapter="benchmarks.overlap.plain", timeout_s=TIMEOUT_S)
    return kept


def words(n_checks: int, n_busy: int, budget: float, seed: int = 0) -> int:
    """Make the checks, print each wrong one, and return their number."""
    known, left_out = pool(references())
    by_case = {item.case.id: item for item in known}
    print(
        f"{len(known)} cases of known truth: {dict(Counter((k.truth, k.basis) for k in known))}; left out: {len(left_out)}"
    )
    for line in left_out:
        print(f"  left out: {line}")
    drawn = random.Random(f"{seed} {n_busy}")  # noqa: S311  (a draw, not a secret)
    # All cases are drawn about equally often.
    deck: list[Known] = []
    while len(deck) < n_checks:
        deck += drawn.sample(known, len(known))
    python = platform.python_version()
    groups: dict[tuple[object, ...], list[Job]] = {}
    for index, item in enumerate(deck[:n_checks]):
        groups.setdefault(item.case.group, []).append(Job(item.case, LEDGER, n_busy, index, python))
    blocks = [Block(n_busy, jobs) for jobs in groups.values()]
    drawn.shuffle(blocks)
    outcomes: Counter[str] = Counter()
    inconclusive: Counter[str] = Counter()

    def keep(measurement: Measurement) -> None:
        item = by_case[measurement.case]
        if measurement.outcome != "ok":
            outcome = measurement.outcome
        elif measurement.gil not in ("overlaps", "serialised"):
            outcome = "inconclusive"
            inconclusive[next((slug for slug, _ in reversed(measurement.reasons)), "no reason")] += 1
        else:
            outcome = "right" if measurement.gil == item.truth else "WRONG"
        outcomes[outcome] += 1
        if outcome != "right" and (not n_busy or outcome != "inconclusive"):
            verdict = f"{measurement.gil}, {measurement.detail}, {dict(measurement.reasons)}"
            print(f"  {outcome}: {measurement.case} (truth {item.truth} by {item.basis}): {verdict}", flush=True)

    os.environ[BUDGET] = str(budget)  # for the workers
    run(blocks, keep, adapter="benchmarks.overlap.adapter", timeout_s=TIMEOUT_S)
    n = sum(outcomes.values())
    bound = most_errors(outcomes["WRONG"], n)
    print(
        f"{n_busy} busy: {n} checks, {dict(outcomes)}, inconclusive by {dict(inconclusive)}; 95 % bound of the error rate {bound:.4f}"
    )
    return outcomes["WRONG"] + many_threads(budget, n_busy)


MANY_THREADS = (2, 4, 8, 64)


def many_threads(budget: float, n_busy: int) -> int:
    """Check calls of known overlap with more threads than cores, print the words, and return how many are wrong."""
    n_wrong = 0
    cases = (
        (specimens.releases, "overlaps"),
        (specimens.sleeps, "overlaps"),
        (specimens.holds, "serialised"),
        (specimens.serialises, "serialised"),
    )
    with busy(n_busy):
        for function, truth in cases:
            found = {n: check.options(threads=n, budget=budget)(function, MS).overlap for n in MANY_THREADS}
            n_wrong += sum(word not in (truth, "inconclusive") for word in found.values())
            print(f"{n_busy} busy, {function.__name__} by threads: {found}, truth {truth}", flush=True)
    print(f"{n_busy} busy: {n_wrong} wrong words with {', '.join(map(str, MANY_THREADS))} threads")
    return n_wrong


def most_errors(n_errors: int, n: int) -> float:
    """Return the upper 95 % bound of an error rate after `n_errors` errors in `n` (Clopper-Pearson, by bisection)."""
    low, high = n_errors / n, 1.0
    for _ in range(60):
        rate = (low + high) / 2
        below = sum(math.comb(n, k) * rate**k * (1 - rate) ** (n - k) for k in range(n_errors + 1))
        low, high = (rate, high) if below > 0.05 else (low, rate)  # noqa: PLR2004  (the level)
    return high
