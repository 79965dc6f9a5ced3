"""The exit statuses of the ``gilcheck`` command, and what decides them.

The command imports this module before it knows what it is asked for, so nothing else of the gate is imported with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_gilcheck.evidence import Agreement, Comparison, Observation, Tolerance, Verdict

OK, NOT_AS_EXPECTED, USAGE, INCONCLUSIVE = 0, 1, 2, 3


def status_of_check(observation: Observation, verdict: Verdict) -> int:
    """Return the exit status that one check alone gives."""
    if verdict.claim_met is False:
        return NOT_AS_EXPECTED
    if verdict.gil in ("inconclusive", "not_applicable"):
        return INCONCLUSIVE
    return INCONCLUSIVE if verdict.claim_met is None and not observation.claim.is_empty else OK


def status_of_agreement(agreement: Agreement) -> int:
    """Return the exit status that one agreement alone gives."""
    return OK if agreement.word == "agree" else NOT_AS_EXPECTED


def status_of_comparison(comparison: Comparison, tolerances: Sequence[Tolerance] = ()) -> int:
    """Return the exit status of a comparison: `OK`, `NOT_AS_EXPECTED` where something is worse, or `INCONCLUSIVE`.

    With tolerances, worse is only what overruns one. Without, it is every change for the worse.
    """
    from pytest_gilcheck.gate.comparison import failures  # noqa: PLC0415  (only where something is compared)

    if not comparison.n_checks:
        return INCONCLUSIVE
    if tolerances:
        is_worse, is_inconclusive = map(bool, failures(comparison, tolerances))
    else:
        kinds = {change.kind for change in comparison.changes}
        is_worse, is_inconclusive = "worse" in kinds, "unknown" in kinds
    if is_worse:
        return NOT_AS_EXPECTED
    return INCONCLUSIVE if is_inconclusive or comparison.lost else OK
