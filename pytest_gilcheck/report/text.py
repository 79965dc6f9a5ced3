"""Figures, claims and limits of a verdict, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_gilcheck.evidence.requirement import CLAIMABLE
from pytest_gilcheck.judge.bounds import word_of
from pytest_gilcheck.report.figures import duration, percent, percent_at_most, says_something, share_bounds

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import Claim, Estimate, Limit, Verdict


def share_text(share: Estimate) -> str:
    """Return a share with its bounds as percentages, or ``-`` where it was not measured."""
    if share.value is None or share.low is None or share.high is None:
        return "-"
    if share.low == share.high:
        return percent(share.value)
    bounds = share_bounds(share.low, share.high)
    # Of two bounds that are far apart only the upper one is of use.
    return f"{percent(share.value)}{f' {bounds}' if bounds else f', at most {percent_at_most(share.high)}'}"


def overlap_text(verdict: Verdict) -> str:
    """Return whether calls overlap, with the speed-up, or ``-`` where it was not measured."""
    if verdict.overlap == "not_measured":
        return "-"
    if verdict.overlap == "inconclusive" or not says_something(verdict.speedup):
        return verdict.overlap
    if verdict.decided_by == "together" and word_of(verdict.speedup) != verdict.overlap:
        return verdict.overlap  # beside busy processes wall time says nothing, and would seem to contradict the word
    return f"{verdict.overlap} {verdict.speedup.value:.2f}x"


#: A projection whose bounds are further apart says nothing.
_WIDEST_PROJECTION = 2.0


def projected(verdict: Verdict) -> str:
    """Return what machines with more cores would give, marked as a projection; empty where its bounds say nothing."""
    parts = [
        f"{one.n_cores} cores {one.speedup:.3g}x [{one.low:.3g}, {one.high:.3g}]"
        for one in verdict.projections
        if one.high <= _WIDEST_PROJECTION * one.low
    ]
    return f"{', '.join(parts)}: by a model of these calls, not measured" if parts else ""


def count_text(n: float) -> str:
    """Return a count per call, as a whole number where it is one."""
    return f"{n:,.0f}" if n == int(n) else f"{n:,.1f}"


def claim_text(claim: Claim) -> str:
    """Return what is claimed, in one line."""
    parts = []
    for requirement in CLAIMABLE.values():
        bound = getattr(claim, requirement.claim)
        if bound is None:
            continue
        sign = {"is": "", "at least": ">= ", "at most": "<= "}[requirement.sense]
        figure = bound if requirement.unit == "word" else duration(bound) if requirement.unit == "ns" else f"{bound:g}"
        parts.append(f"{requirement.title} {sign}{figure}")
    return ", ".join(parts) or "nothing"


def limit_text(limit: Limit) -> str:
    """Return one limit beside the figure that was measured; one that fails begins with ``FAILED``."""
    fate = {True: "", False: "FAILED: ", None: "inconclusive: "}[limit.met]
    return f"{fate}{requirement_text(limit)}"


def requirement_text(limit: Limit) -> str:
    """Return what was required and the figure that was measured, without what came of it."""
    if limit.sense == "is":
        return f"expected {limit.bound}, found {str(limit.found).replace('_', ' ')}"
    subject, of_what = _SUBJECTS.get(limit.name, (limit.name, ""))
    required = "required" if limit.sense == "at least" else "allowed"
    bound = _bound_text(limit)
    if limit.found is None or limit.low is None or limit.high is None:
        return f"{subject} not measured, {required} {limit.sense} {bound}"
    found = figure_text(limit, limit.found)
    if found.replace(".0 %", " %") == bound and limit.found != limit.bound:  # 89.96 % is not 90 %
        found = _precisely(limit, limit.found)
    if limit.low != limit.high:
        found += f" {_bounds_text(limit, limit.low, limit.high)}"
    return f"{subject} {found}{of_what}, {required} {limit.sense} {bound}{' (met)' if limit.met else ''}"


#: Name of a limit -> what is said before and after its figure.
_SUBJECTS = {
    "releases": ("released", " of the call"),
    "max_held_share": ("held", " of the call"),
    "longest_hold": ("longest hold", ""),
    "min_speedup": ("speed-up", ""),
    "min_efficiency": ("efficiency", ""),
}


def _unit(limit: Limit) -> str:
    requirement = CLAIMABLE.get(limit.name)
    return "" if requirement is None else requirement.unit


def _bound_text(limit: Limit) -> str:
    if _unit(limit) == "share" and not isinstance(limit.bound, str):
        return f"{limit.bound * 100:g} %"
    return figure_text(limit, limit.bound)


def _precisely(limit: Limit, figure: float | str) -> str:
    if isinstance(figure, str) or _unit(limit) == "ns":
        return figure_text(limit, figure)
    return f"{figure * 100:.4g} %" if _unit(limit) == "share" else f"{figure:.5g}"


def _bounds_text(limit: Limit, low: float, high: float) -> str:
    if _unit(limit) == "share":
        return share_bounds(low, high) or f"(at most {percent_at_most(high)})"
    return f"[{figure_text(limit, low)}, {figure_text(limit, high)}]"


def figure_text(limit: Limit, figure: float | str) -> str:
    """Return a figure in the unit of this limit."""
    if isinstance(figure, str):
        return figure
    if _unit(limit) == "share":
        return f"-{percent(-figure)}" if figure < 0 else percent(figure)
    if _unit(limit) != "ns":
        return f"{figure:.3g}"
    return f"-{duration(-figure)}" if figure < 0 else duration(figure)


def margin_text(verdict: Verdict) -> str:
    """Return the margin of the limit nearest to failing, relative to its size, or ``-`` where there is no limit."""
    known = [limit for limit in verdict.limits if limit.margin is not None and isinstance(limit.bound, (int, float))]
    if not known:
        return "-"
    nearest = min(known, key=lambda limit: (limit.margin or 0.0) / (float(limit.bound) or 1.0))
    margin = nearest.margin or 0.0
    if _unit(nearest) == "share":
        return f"{margin * 100:+.1f} %"
    return ("+" if margin > 0 else "") + figure_text(nearest, margin)
