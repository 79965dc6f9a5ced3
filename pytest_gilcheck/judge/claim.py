"""Does the evidence meet what the author claims? Judged apart: a claim never moves a word's borders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Inconclusive
from pytest_gilcheck.judge.overlap import rates_met

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import Claim, Estimate
    from pytest_gilcheck.judge.overlap import WallClock


def claim_met(claim: Claim, gil: str, share: Estimate, longest_hold_ns: int | None, wall: WallClock | None = None) -> bool | None:
    """Is every part of the claim met? False if one is not, None if nothing is claimed or one is undecided."""
    parts: list[bool | None] = []
    if claim.gil is not None or claim.releases is not None or claim.max_held_share is not None:
        parts.append(share_claim_met(claim, gil, share))
    if claim.longest_hold_ns is not None:
        parts.append(None if longest_hold_ns is None else longest_hold_ns <= claim.longest_hold_ns)
    if claim.min_speedup is not None or claim.min_efficiency is not None:
        parts.append(_rates_met(claim, wall) if wall is not None else None)
    return _all_of(parts) if parts else None


def share_claim_met(claim: Claim, gil: str, share: Estimate) -> bool | None:
    """Is what is claimed of the held share met? True where nothing is claimed of it, None where it is undecided."""
    parts: list[bool | None] = []
    if claim.gil is not None:
        parts.append(None if gil in ("inconclusive", "not_applicable") else gil == claim.gil)
    if claim.releases is not None:
        # Rounded: 1 - 0.9 is a little less than the 0.1 that the author means.
        parts.append(_decided(share, round(1 - claim.releases, 12)))
    if claim.max_held_share is not None:
        parts.append(_decided(share, claim.max_held_share))
    return _all_of(parts)


def _rates_met(claim: Claim, wall: WallClock) -> bool | None:
    """Without a word there is no *not met*: then the machine may be what falls short."""
    met = rates_met(claim, wall.speedup, wall.efficiency)
    return None if met is False and wall.word in ("inconclusive", "not_measured") else met


def _all_of(parts: list[bool | None]) -> bool | None:
    if False in parts:
        return False
    return None if None in parts else True


def _decided(share: Estimate, most: float) -> bool | None:
    try:
        return share <= most
    except Inconclusive:
        return None
