"""What does the library say of a case of the corpus: do its calls overlap?"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from benchmarks.ledger.cases import Case

if TYPE_CHECKING:
    from pytest_gilcheck.run import Call

#: Seconds for the wall-clock rounds of each check, told through the environment.
BUDGET = "GILCHECK_BENCH_BUDGET"


def statement_call(case: Case) -> Call:
    """The case as the command would measure it."""
    from pytest_gilcheck.commands.statement import Statement
    from pytest_gilcheck.run import Call

    statement = Statement(case.call, case.setup)
    return Call(eval, setup=statement.between, args_for=statement.args_for, name=case.id)


def measure(case: Case) -> dict[str, Any]:
    """The fields of `Measurement`; `gil` is the word on overlap, the only one that is asked for here."""
    from pytest_gilcheck import check

    verdict = check.options(name=case.id, threads=2, budget=float(os.environ[BUDGET])).of_call(statement_call(case))
    return {
        "gil": verdict.overlap,
        "figure": verdict.speedup.value,
        "span_ns": verdict.span_ns,
        "reasons": [(note.slug, note.detail) for note in verdict.notes],
        "detail": f"{verdict.speedup}; {verdict.efficiency}",
    }
