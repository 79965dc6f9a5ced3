"""Claims that are not met, or that the evidence does not decide, as exceptions with a short message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import CheckFailed, Inconclusive, NotApplicable
from pytest_gilcheck.evidence.reason import concerning
from pytest_gilcheck.evidence.requirement import CLAIMABLE
from pytest_gilcheck.report.text import claim_text, requirement_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_gilcheck.evidence import Claim, Verdict


def require(verdict: Verdict, claim: Claim) -> None:
    """Require that a claim is met.

    Args:
        verdict: Verdict of the check.
        claim: Its claim.

    Raises:
        CheckFailed: It is not met.
        NotApplicable: There is no GIL, so that nothing can be said of it.
        Inconclusive: The evidence does not decide it.
    """
    __tracebackhide__ = True  # the failure is the test's own: no line of this file explains it
    if verdict.claim_met or claim.is_empty:
        return
    missed = [requirement_text(limit) for limit in verdict.limits if not limit.met]
    message = f"{verdict.name}: {'; '.join(missed) or claim_text(claim)}. {verdict.diagnosis}"
    if verdict.claim_met is False:
        raise CheckFailed(message)
    if verdict.gil == "not_applicable":
        raise NotApplicable(message, verdict.reasons)
    slugs = _doubts(verdict)
    raise Inconclusive(f"{message} ({', '.join(slugs) or 'the bounds straddle the claim'})", slugs)


def _doubts(verdict: Verdict) -> tuple[str, ...]:
    """Return the slugs of why limits are undecided: those of their questions."""
    undecided = [CLAIMABLE[limit.name] for limit in verdict.limits if limit.met is None and limit.name in CLAIMABLE]
    questions = {"overlap" if requirement.unit == "factor" else "gil" for requirement in undecided} or {
        "gil",
        "overlap",
    }
    notes = {note for question in questions for note in concerning(question, verdict.notes)}
    return tuple(dict.fromkeys(note.slug for note in verdict.notes if note in notes))


def require_all(checks: Sequence[tuple[Verdict, Claim]]) -> None:
    """Require that the claims of all checks of a test are met, as `require` does.

    A claim that is not met is raised before one that is inconclusive.
    """
    __tracebackhide__ = True
    for verdict, claim in sorted(checks, key=lambda check: check[0].claim_met is not False):
        require(verdict, claim)
