"""Intervals that need no model of the noise."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@lru_cache(maxsize=256)
def median_ranks(n: int, alpha: float) -> tuple[int, int]:
    """Return between which two of `n` ordered values the median lies, at error level `alpha`.

    The number of values below the median is binomial (n, 1/2), whatever their distribution (Thompson 1936).

    Args:
        n: How many values there are.
        alpha: How often the median may lie outside.

    Returns:
        Two indices from 0. Where `n` is too small for the level they are those of the smallest and the largest value,
        which miss the median more often than `alpha`.
    """
    tail, rank = 0.0, 0
    for k in range(n // 2):
        tail += math.comb(n, k) / 2**n
        if 2 * tail > alpha:
            break
        rank = k
    return rank, n - 1 - rank


def median_interval(lows: Iterable[float], highs: Iterable[float], alpha: float) -> tuple[float, float]:
    """Return the interval of the median of values that are themselves known only between bounds.

    Args:
        lows: Lower bound of each value.
        highs: Upper bound of each value, as many.
        alpha: How often the median may lie outside.

    Returns:
        The order statistic of the lower bounds below which the median does not lie, and that of the upper bounds.
    """
    lows, highs = sorted(lows), sorted(highs)
    first, last = median_ranks(len(lows), alpha)
    return lows[first], highs[last]
