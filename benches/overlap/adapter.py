"""What does the library say of a case of the corpus: do its calls overlap?"""

from __future__ import annotations

import os
from typing import Any

from benches.ledger.cases import Case

#: Seconds for the wall-clock rounds of each check, told through the environment.
BUDGET = "GILCHECK_BENCH_BUDGET"


def measure(case: Case) -> dict[str, Any]:
    """The fields of `Measurement`; `gil` is the word on overlap, the only one that is asked for here."""
    from pytest_gilcheck import check
    from pytest_gilcheck.run import Call
    from pytest_gilcheck.statement import Statement

    statement = Statement(case.call, case.setup)
    verdict = check.options(name=case.id, threads=2, budget=float(os.environ[BUDGET])).of_call(
        Call(eval, args_for=statement.args_for)
    )
    return {
        "gil": verdict.overlap,
        "figure": verdict.speedup.value,
        "span_ns": verdict.span_ns,
        "reasons": [(note.slug, note.detail) for note in verdict.notes],
        "detail": f"{verdict.speedup}; {verdict.efficiency}",
    }
