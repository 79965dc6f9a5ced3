"""Intervals of figures that were measured in pairs."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

N_RESAMPLES = 4000
COVERAGE = 0.95


@dataclass(frozen=True)
class Interval:
    """How large, and between which bounds (95 %)?"""

    value: float
    low: float
    high: float

    def against(self, at_most: float) -> str:
        """Is it at most that? ``met``, ``missed``, or ``undecided`` where the bounds lie on both sides."""
        if self.high <= at_most:
            return "met"
        return "missed" if self.low > at_most else "undecided"

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"


Pair = tuple[float, float]


def bootstrap(pairs: Sequence[Pair], figure: Callable[[Sequence[Pair]], float], seed: int = 0) -> Interval:
    """Where does the figure lie? Percentile bootstrap over whole pairs, as slow spells hit both of a pair.

    Raises ``ValueError`` below 5 pairs: the resamples would not show how uncertain the figure is.
    """
    if len(pairs) < 5:  # noqa: PLR2004  (explained above)
        message = f"{len(pairs)} pairs are too few for an interval, at least 5 are needed"
        raise ValueError(message)
    dice = random.Random(seed)  # noqa: S311  (resampling)
    figures = sorted(figure(dice.choices(pairs, k=len(pairs))) for _ in range(N_RESAMPLES))
    tail = int(N_RESAMPLES * (1 - COVERAGE) / 2)
    value = figure(pairs)
    return Interval(value, min(value, figures[tail]), max(value, figures[-1 - tail]))


def ratio_of_medians(pairs: Sequence[Pair]) -> float:
    """How many times the second is the first?"""
    return median(first for first, _ in pairs) / median(second for _, second in pairs)


def median_difference(pairs: Sequence[Pair]) -> float:
    """By how much is the first larger than the second, typically?"""
    return median(first - second for first, second in pairs)
