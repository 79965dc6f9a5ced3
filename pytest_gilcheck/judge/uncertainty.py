"""Intervals that need no model of the noise."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@lru_cache(maxsize=256)
def median_ranks(n: int, alpha: float) -> tuple[int, int]:
    """Between which two of `n` ordered values does the median lie, at error level `alpha`? Indices from 0.

    The number of values below the median is binomial (n, 1/2), whatever their distribution (Thompson 1936). Where `n`
    is too small for the level, the smallest and the largest value: the best that can be said.
    """
    tail, rank = 0.0, 0
    for k in range(n // 2):
        tail += math.comb(n, k) / 2**n
        if 2 * tail > alpha:
            break
        rank = k
    return rank, n - 1 - rank


def median(values: Sequence[float]) -> float:
    """The middle of the ordered values, the mean of the middle two for an even number."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
