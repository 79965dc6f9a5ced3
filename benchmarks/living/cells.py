"""A cell is one call beside one neighbour under one load; each is checked in a process of its own."""

from __future__ import annotations

import json
import os
import random
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from benchmarks.ledger.driver import worker_command
from benchmarks.ledger.load import busy
from benchmarks.living.cases import Public, Specimen, Truth
from benchmarks.living.neighbours import NOBODY, OWN_POOL

WORDS = ("released", "partial", "held")
STDERR_TAIL = 600


@dataclass(frozen=True)
class Cell:
    """One call beside one neighbour and a number of busy processes."""

    case: Specimen | Public
    neighbour: str
    load: int

    @property
    def truth(self) -> Truth:
        """What is true of the call in this cell."""
        if isinstance(self.case, Specimen):
            return self.case.truth(hands_over=self.neighbour == OWN_POOL)
        return self.case.truth(is_loaded=self.load > 0 or self.neighbour != NOBODY)

    def request(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return what the worker is asked."""
        asked = {"case": self.case.id, "neighbour": self.neighbour, "options": options}
        if isinstance(self.case, Specimen):
            return {**asked, "function": self.case.function, "args": self.case.args}
        return {**asked, "setup": self.case.setup, "call": self.case.call}


@dataclass(frozen=True)
class Answer:
    """What came of a cell.

    `outcome` is ``ok``, ``absent`` (a package is not installed), ``raised``, ``crash`` or ``timeout``; only the first
    comes with a word in `gil`. `share` holds the lower bound, the value and the upper bound.
    """

    cell: Cell
    outcome: str
    gil: str = ""
    share: tuple[float | None, float | None, float | None] = (None, None, None)
    grade: str = ""
    reasons: tuple[str, ...] = ()
    n_calls: int = 0
    seconds: float | None = None
    limit_seconds: float | None = None
    detail: str = ""

    @property
    def is_wrong(self) -> bool:
        """Whether the word is another one than the true one."""
        truth = self.cell.truth
        return self.gil in WORDS and self.gil not in (truth.word, *truth.also)

    @property
    def is_inconclusive(self) -> bool:
        """Whether there is a verdict without a word."""
        return self.outcome == "ok" and self.gil not in WORDS

    @property
    def is_failed(self) -> bool:
        """Whether there is no verdict at all."""
        return self.outcome not in ("ok", "absent")

    @property
    def is_over_limit(self) -> bool:
        """Whether the check took longer than it may."""
        return self.seconds is not None and self.limit_seconds is not None and self.seconds > self.limit_seconds

    @property
    def excludes_truth(self) -> bool:
        """Whether it claims to be exact, and its bounds leave the truth out."""
        low, _, high = self.share
        bounds = self.cell.truth.bounds
        if self.grade != "exact" or low is None or high is None or bounds is None:
            return False
        return high < bounds[0] or low > bounds[1]


def plan(cases: Iterable[Specimen | Public], neighbours: Sequence[str], loads: Sequence[int], seed: int) -> list[Cell]:
    """Return the cells, load by load, each load's in random order, so that a drift of the machine affects all alike.

    A cell is left out where the word is not known: where a callee hands over so short a call that the hand-over itself
    makes another word of it, and public functions in the pool of the benchmark's own.
    """
    order = random.Random(seed)  # noqa: S311  (an order, not a secret)
    cells = [
        Cell(case, neighbour, load)
        for load in loads
        for neighbour in neighbours
        for case in cases
        if (case.decides(hands_over=neighbour == OWN_POOL) if isinstance(case, Specimen) else neighbour != OWN_POOL)
        and not (isinstance(case, Specimen) and case.hands_over and neighbour == OWN_POOL)
    ]
    order.shuffle(cells)
    return sorted(cells, key=lambda cell: cell.load)


def run(cells: Iterable[Cell], options: dict[str, Any], timeout_s: float) -> Iterator[Answer]:
    """Yield the answer to each cell as it comes."""
    for load, some in groupby(cells, key=lambda cell: cell.load):
        with busy(load):
            for cell in some:
                yield _ask(cell, options, timeout_s)


def _ask(cell: Cell, options: dict[str, Any], timeout_s: float) -> Answer:
    env = dict(cell.case.env) if isinstance(cell.case, Public) else {}
    try:
        done = subprocess.run(
            worker_command("benchmarks.living.worker"),
            input=json.dumps(cell.request(options)).encode(),
            capture_output=True,
            timeout=timeout_s,
            env={**os.environ, **env},
            cwd=tempfile.gettempdir(),
            start_new_session=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(cell, "timeout", detail=f"no answer within {timeout_s:g} s")
    if done.returncode:
        tail = done.stderr[-STDERR_TAIL:].decode(errors="replace").strip()
        return Answer(cell, "crash", detail=f"exit status {done.returncode}: {tail}")
    fields = json.loads(done.stdout)
    for name in ("share", "reasons"):
        fields[name] = tuple(fields.get(name, getattr(Answer, name)))
    return Answer(cell, **fields)


def truth_text(cell: Cell) -> str:
    """Return the truth of a cell as it is printed."""
    truth = cell.truth
    if truth.bounds is None:
        return " or ".join((truth.word, *truth.also))
    low, high = truth.bounds
    return f"{truth.word} {low:.3f} .. {high:.3f}"
