"""Asks the library whether the calls of a case of the corpus overlap."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from benchmarks.ledger.cases import Case

if TYPE_CHECKING:
    from pytest_gilcheck.run import Call

#: The environment variable with the seconds for the wall-clock rounds of each check.
BUDGET = "GILCHECK_BENCH_BUDGET"


def statement_call(case: Case) -> Call:
    """Return the call of a case as the command would measure it."""
    from pytest_gilcheck.commands.statement import Statement
    from pytest_gilcheck.run import Call

    statement = Statement(case.call, case.setup)
    return Call(eval, setup=statement.setup_of_call, args_for=statement.args_for, name=case.id)


def measure(case: Case, _witness: str) -> dict[str, Any]:
    """Return fields of `Measurement`, with the word on overlap in `gil`: no other word is asked for here."""
    from pytest_gilcheck import check

    verdict = check.options(name=case.id, threads=2, budget=float(os.environ[BUDGET])).of_call(statement_call(case))
    return {
        "gil": verdict.overlap,
        "figure": verdict.speedup.value,
        "span_ns": verdict.span_ns,
        "reasons": [(note.slug, note.detail) for note in verdict.notes],
        "detail": f"{verdict.speedup}; {verdict.efficiency}",
    }
