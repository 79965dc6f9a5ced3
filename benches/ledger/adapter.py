"""The one place where this benchmark touches the library."""

from __future__ import annotations

import time
from typing import Any

from benches.ledger.cases import Case

_ready_at_ns = 0


def stamp_ready() -> None:
    """When was the set-up done? Called by the set-up itself, in its last line."""
    global _ready_at_ns  # noqa: PLW0603  (the set-up runs in globals of its own: there is no other way to tell)
    _ready_at_ns = time.perf_counter_ns()


_STAMP = f"\nimport {__name__} as _ledger_bench_adapter; _ledger_bench_adapter.stamp_ready()\n"


def measure(case: Case) -> dict[str, Any]:
    """What does the library say of the case? The fields of `Measurement` that a verdict knows."""
    from pytest_gilcheck import check_statement  # noqa: PLC0415  (the rivals' workers must not need it)

    verdict = check_statement(case.call, case.setup + _STAMP, overlap=False)
    seconds = (time.perf_counter_ns() - _ready_at_ns) / 1e9
    share = verdict.held_share
    return {
        "gil": verdict.gil,
        "seconds": seconds,
        "held_share": share.value,
        "held_share_low": share.low,
        "held_share_high": share.high,
        "n_calls": verdict.n_calls,
        "span_ns": verdict.span_ns,
        "cpu_ns": verdict.cpu_ns,
        "longest_hold_ns": verdict.longest_hold_ns,
        "instrument": f"{verdict.instrument.name} ({verdict.instrument.grade})",
        "reasons": [(reason.slug, reason.detail) for reason in verdict.reasons],
        "detail": verdict.diagnosis,
    }
