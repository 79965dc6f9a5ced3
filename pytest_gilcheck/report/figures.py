"""How figures are written for people, everywhere the same."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import Estimate

#: A figure whose bounds differ by more than this factor says nothing, and is not shown. A tenth and ten times as much
#: would still be told apart by a reader; from 20 on neither bound is of use to anybody.
WIDEST_FACTOR = 20

_SMALLEST_SHARE = 0.001


def percent(share: float) -> str:
    """Return a share (0..1) as a percentage that never flatters: 0 % and 100 % only if exact."""
    if share in (0.0, 1.0):
        return f"{share:.0%}".replace("%", " %")
    if share < _SMALLEST_SHARE:
        return "< 0.1 %"
    return "> 99.9 %" if share > 1 - _SMALLEST_SHARE else f"{share * 100:.1f} %"


def of_rest(share: float) -> str:
    """Return what a share leaves of the whole, as a percentage that adds up with that of the share."""
    if share in (0.0, 1.0):
        return percent(1 - share)
    if not _SMALLEST_SHARE <= share <= 1 - _SMALLEST_SHARE:
        return "> 99.9 %" if share < _SMALLEST_SHARE else "< 0.1 %"
    return f"{100 - round(share * 100, 1):.1f} %"


def share_bounds(low: float, high: float) -> str | None:
    """Return the bounds of a share in percent, rounded outwards: ``[49.2, 50.6]``; None where they say too little."""
    least, most = _outwards(low, high, _TENTHS_OF_PERCENT)
    return f"[{_tenths(least)}, {_tenths(most)}]" if _are_close(least, most) else None


def percent_at_most(share: float) -> str:
    """Return an upper bound of a share in percent, rounded upwards."""
    return f"{_tenths(_outwards(share, share, _TENTHS_OF_PERCENT)[1])} %"


def says_something(estimate: Estimate) -> bool:
    """Return whether a figure was measured, and its bounds are close enough to be of use."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return False
    return _are_close(*_outwards(estimate.low, estimate.high, _HUNDREDTHS))


def interval(estimate: Estimate) -> str:
    """Return a figure with its bounds, rounded outwards: ``1.13 [0.49, 3.98]``; ``unknown`` where they say too little."""
    if not says_something(estimate) or estimate.value is None or estimate.low is None or estimate.high is None:
        return "unknown" if estimate.measured else "not measured"
    value = f"{estimate.value:.2f}"
    low, high = (f"{rounded / _HUNDREDTHS:.2f}" for rounded in _outwards(estimate.low, estimate.high, _HUNDREDTHS))
    return value if low == high == value else f"{value} [{low}, {high}]"


#: How many parts of one are shown: of a share, and of a factor.
_TENTHS_OF_PERCENT, _HUNDREDTHS = 1000, 100

#: 0.07 * 1000 is 70.00000000000001: so little is no reason to round up.
_ROUNDING = 1e-9


def _outwards(low: float, high: float, parts: int) -> tuple[int, int]:
    return math.floor(low * parts + _ROUNDING), max(math.ceil(high * parts - _ROUNDING), 1 if high > 0 else 0)


def _are_close(low: float, high: float) -> bool:
    return low == high or high <= WIDEST_FACTOR * low


def _tenths(n: int) -> str:
    return "0" if n <= 0 else "100" if n >= _TENTHS_OF_PERCENT else f"{n / 10:.1f}"


def quantity(estimate: Estimate) -> str:
    """Return a figure with its name and bounds."""
    return f"{estimate.quantity} {interval(estimate)}"


def duration(ns: float) -> str:
    """Return a duration in nanoseconds with a unit and three figures."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if ns >= size * (1 - _HALF_OF_THE_THIRD_FIGURE):  # 999.6 µs are 1 ms
            figure = max(1.0, ns / size)
            return f"{figure:.3g} {unit}" if figure < _THREE_FIGURES else f"{figure:,.0f} {unit}"
    return f"{ns:.3g} ns"


_HALF_OF_THE_THIRD_FIGURE, _THREE_FIGURES = 0.0005, 999.5


def counted(n: float, thing: str) -> str:
    """Return a count with its noun: ``1 call``, ``7 calls``."""
    return f"{n:,.0f} {thing}{'' if n == 1 else 's'}"


def times(n: float) -> str:
    """Return how often something happens."""
    return "once" if n == 1 else f"{n:,.0f} times"
