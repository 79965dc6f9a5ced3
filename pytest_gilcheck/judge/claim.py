"""Does the evidence meet what the author claims? Judged apart: a claim never moves a word's borders."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Estimate, Inconclusive, Limit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_gilcheck.evidence import Claim
    from pytest_gilcheck.judge.overlap import WallClock


def limits_of(claim: Claim, gil: str, share: Estimate, longest_hold: Estimate, wall: WallClock) -> tuple[Limit, ...]:
    """How far is each part of the claim from failing? Empty where nothing is claimed."""
    parts: list[Limit] = []
    if claim.gil is not None:
        met = None if gil in ("inconclusive", "not_applicable") else gil == claim.gil
        parts.append(Limit("expect", "is", claim.gil, gil, None, None, met, None))
    if claim.releases is not None:
        parts.append(_at_least("releases", claim.releases, _complement(share)))
    if claim.max_held_share is not None:
        parts.append(_at_most("max_held_share", claim.max_held_share, share))
    if claim.longest_hold_ns is not None:
        parts.append(_at_most("longest_hold", claim.longest_hold_ns, longest_hold))
    if claim.min_speedup is not None:
        parts.append(_rate("min_speedup", claim.min_speedup, wall.speedup, wall.word))
    if claim.min_efficiency is not None:
        parts.append(_rate("min_efficiency", claim.min_efficiency, wall.efficiency, wall.word))
    return tuple(parts)


def claim_met(limits: Sequence[Limit]) -> bool | None:
    """Is every part of the claim met? False if one is not, None if nothing is claimed or one is undecided."""
    return _all_of([limit.met for limit in limits]) if limits else None


def _rate(name: str, bound: float, found: Estimate, word: str) -> Limit:
    """Without a word there is no *not met*: then the machine may be what falls short."""
    limit = _at_least(name, bound, found)
    undecided = limit.met is False and word in ("inconclusive", "not_measured")
    return replace(limit, met=None, margin=None) if undecided else limit


def _at_least(name: str, bound: float, found: Estimate) -> Limit:
    if found.low is None or found.high is None:
        return Limit(name, "at least", bound, None, None, None, None, None)
    margin = max(0.0, found.low - bound) + min(0.0, found.high - bound)
    met = True if found.low >= bound else (False if found.high < bound else None)
    return Limit(name, "at least", bound, found.value, found.low, found.high, met, margin)


def _at_most(name: str, bound: float, found: Estimate) -> Limit:
    if found.low is None or found.high is None:
        return Limit(name, "at most", bound, None, None, None, None, None)
    margin = max(0.0, bound - found.high) + min(0.0, bound - found.low)
    met = True if found.high <= bound else (False if found.low > bound else None)
    return Limit(name, "at most", bound, found.value, found.low, found.high, met, margin)


def _complement(share: Estimate) -> Estimate:
    if share.value is None or share.low is None or share.high is None:
        return share
    # Rounded: 1 - 0.1 is a little less than the 0.9 that the author means.
    value, low, high = (round(1 - part, 12) for part in (share.value, share.high, share.low))
    return Estimate(value, low, high, quantity="released share")


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


def _all_of(parts: list[bool | None]) -> bool | None:
    if False in parts:
        return False
    return None if None in parts else True


def _decided(share: Estimate, most: float) -> bool | None:
    try:
        return share <= most
    except Inconclusive:
        return None
