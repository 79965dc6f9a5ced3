"""Whether the evidence meets what the author claims. A claim never moves a word's borders."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Estimate, Limit
from pytest_gilcheck.evidence.requirement import CLAIMABLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_gilcheck.evidence import Claim
    from pytest_gilcheck.evidence.requirement import Requirement

#: Words that decide nothing.
_NO_ANSWER = ("inconclusive", "not_applicable", "not_measured")


def limits_of(
    claim: Claim, figures: Mapping[str, Estimate | str], *, machine_may_fall_short: bool = False
) -> tuple[Limit, ...]:
    """Return each part of the claim that bounds one of these figures, and how far it is from failing.

    Args:
        claim: What the author requires.
        figures: Words and estimates, by the name of the figure in the table of requirements.
        machine_may_fall_short: The wall clock gave no word, so that the machine may be what falls short of a factor.
            Such a limit is inconclusive where it would not be met.

    Returns:
        The limits in the order of the table; none where nothing is claimed of these figures.
    """
    limits = []
    for requirement in CLAIMABLE.values():
        bound = getattr(claim, requirement.claim)
        if bound is None or requirement.figure not in figures:
            continue
        limit = _limit(requirement, bound, figures[requirement.figure])
        if machine_may_fall_short and requirement.unit == "factor" and limit.met is False:
            limit = replace(limit, met=None, margin=None)
        limits.append(limit)
    return tuple(limits)


def claim_met(limits: Sequence[Limit]) -> bool | None:
    """Return whether every part of the claim is met.

    Args:
        limits: The parts.

    Returns:
        False if one is not; None if nothing is claimed, or if one is inconclusive and none fails.
    """
    met = [limit.met for limit in limits]
    if False in met:
        return False
    return None if not met or None in met else True


def are_decided(limits: Sequence[Limit]) -> bool:
    """Return whether these figures decide what is claimed of them; also true where nothing is claimed."""
    return not limits or claim_met(limits) is not None


def _limit(requirement: Requirement, bound: float | str, figure: Estimate | str) -> Limit:
    name, sense = requirement.name, requirement.sense
    if isinstance(bound, str) or isinstance(figure, str):
        met = None if figure in _NO_ANSWER else figure == bound
        return Limit(name, sense, bound, str(figure), None, None, met, None)
    if requirement.bounds_the_rest:
        figure = _rest(figure)
    if figure.low is None or figure.high is None:
        return Limit(name, sense, bound, None, None, None, None, None)
    if sense == "at least":
        worst, best = figure.low - bound, figure.high - bound
    else:
        worst, best = bound - figure.high, bound - figure.low
    met = True if worst >= 0 else (False if best < 0 else None)
    return Limit(name, sense, bound, figure.value, figure.low, figure.high, met, max(0.0, worst) + min(0.0, best))


def _rest(share: Estimate) -> Estimate:
    if share.value is None or share.low is None or share.high is None:
        return share
    # Rounded: 1 - 0.1 is a little less than the 0.9 that the author means.
    value, low, high = (round(1 - part, 12) for part in (share.value, share.high, share.low))
    return Estimate(value, low, high, quantity="released share")
