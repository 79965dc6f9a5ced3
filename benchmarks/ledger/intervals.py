"""Confidence intervals of figures that were measured in pairs."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

N_RESAMPLES = 4000
COVERAGE = 0.95


@dataclass(frozen=True)
class Interval:
    """A value between its bounds (95 %)."""

    value: float
    low: float
    high: float

    def against(self, at_most: float) -> str:
        """Return ``met``, ``missed``, or ``inconclusive`` where the bounds lie on both sides of `at_most`."""
        if self.high <= at_most:
            return "met"
        return "missed" if self.low > at_most else "inconclusive"

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"


Pair = tuple[float, float]


def bootstrap(pairs: Sequence[Pair], figure: Callable[[Sequence[Pair]], float], seed: int = 0) -> Interval:
    """Return the interval of a figure by percentile bootstrap over whole pairs: slow spells affect both of a pair.

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
    """Return how many times as large the median of the firsts is as that of the seconds."""
    return median(first for first, _ in pairs) / median(second for _, second in pairs)


def median_difference(pairs: Sequence[Pair]) -> float:
    """Return the median of how much larger the first of a pair is than the second."""
    return median(first - second for first, second in pairs)
