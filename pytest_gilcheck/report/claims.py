"""A claim that is not met, or not decided, as an exception with a short message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import CheckFailed, Inconclusive, NotApplicable
from pytest_gilcheck.report.text import claim_text, share_text

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import Claim, Verdict


def require(verdict: Verdict, claim: Claim) -> None:
    """Raises `CheckFailed` where the claim is not met, `Inconclusive` where the evidence does not decide it."""
    if verdict.claim_met:
        return
    message = f"{verdict.name}: {claim_text(claim)}: {_found(verdict)}. {verdict.diagnosis}"
    if verdict.claim_met is False:
        raise CheckFailed(message)
    if verdict.gil == "not_applicable":
        raise NotApplicable(message, verdict.reasons)
    raise Inconclusive(f"{message} ({', '.join(verdict.reasons) or 'the bounds straddle the claim'})", verdict.reasons)


def _found(verdict: Verdict) -> str:
    return f"found {verdict.gil}, held {share_text(verdict.held_share)} of the call"
