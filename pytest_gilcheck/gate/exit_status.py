"""The exit statuses of the ``gilcheck`` command, and what decides them.

The command imports this module before it knows what it is asked for, so nothing else of the gate is imported with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_gilcheck.evidence import Agreement, Comparison, Finding, Observation, Verdict

OK, NOT_AS_EXPECTED, USAGE, INCONCLUSIVE = 0, 1, 2, 3


def status_of_check(observation: Observation, verdict: Verdict) -> int:
    """Return the exit status that one check alone gives."""
    if verdict.claim_met is False:
        return NOT_AS_EXPECTED
    if verdict.word in ("inconclusive", "not_applicable"):
        return INCONCLUSIVE
    return INCONCLUSIVE if verdict.claim_met is None and not observation.claim.is_empty else OK


def status_of_agreement(agreement: Agreement) -> int:
    """Return the exit status that one agreement alone gives."""
    return OK if agreement.word == "agree" else NOT_AS_EXPECTED


def status_of_comparison(comparison: Comparison, findings: Sequence[Finding]) -> int:
    """Return the exit status of a comparison: `OK`, `NOT_AS_EXPECTED` where a check is worse, or `INCONCLUSIVE`.

    Inconclusive is a comparison of nothing, and one with a check that is gone, or that was decided before and is not now.
    """
    kinds = {finding.kind for finding in findings}
    if "worse" in kinds:
        return NOT_AS_EXPECTED
    return INCONCLUSIVE if not comparison.n_checks or kinds & {"undecided", "gone"} else OK
