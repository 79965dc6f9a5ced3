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
    if share in (0.0, 1.0) or not _SMALLEST_SHARE <= share <= 1 - _SMALLEST_SHARE:
        return percent(1 - share)
    return f"{100 - round(share * 100, 1):.1f} %"


def share_bounds(low: float, high: float) -> str:
    """Return the bounds of a share in percent, rounded outwards: ``[49.2, 50.6]``."""
    return f"[{_tenths(math.floor(low * 1000 + _ROUNDING))}, {_tenths(math.ceil(high * 1000 - _ROUNDING))}]"


#: 0.07 * 1000 is 70.00000000000001: so little is no reason to round up.
_ROUNDING = 1e-9


def _tenths(n: int) -> str:
    return "0" if n <= 0 else "100" if n >= 1000 else f"{n / 10:.1f}"  # noqa: PLR2004  (a thousand tenths of a percent)


def percent_at_most(share: float) -> str:
    """Return an upper bound of a share in percent, rounded upwards."""
    return f"{_tenths(math.ceil(share * 1000 - _ROUNDING))} %"


def says_something(estimate: Estimate) -> bool:
    """Return whether a figure was measured, and its bounds are close enough to be of use."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return False
    return estimate.high <= WIDEST_FACTOR * estimate.low or estimate.low == estimate.high


def interval(estimate: Estimate) -> str:
    """Return a figure with its bounds, rounded outwards: ``1.13 [0.49, 3.98]``; ``unknown`` where they say nothing."""
    if not says_something(estimate) or estimate.value is None or estimate.low is None or estimate.high is None:
        return "unknown" if estimate.measured else "not measured"
    value = f"{estimate.value:.2f}"
    low, high = (f"{rounded / 100:.2f}" for rounded in _outwards(estimate.low, estimate.high))
    return value if low == high == value else f"{value} [{low}, {high}]"


def _outwards(low: float, high: float) -> tuple[int, int]:
    return math.floor(low * 100 + _ROUNDING), math.ceil(high * 100 - _ROUNDING)


def quantity(estimate: Estimate) -> str:
    """Return a figure with its name and bounds."""
    return f"{estimate.quantity} {interval(estimate)}"


def duration(ns: float) -> str:
    """Return a duration in nanoseconds with a unit and three figures."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns:.3g} ns"


def counted(n: float, thing: str) -> str:
    """Return a count with its noun: ``1 call``, ``7 calls``."""
    return f"{n:,.0f} {thing}{'' if n == 1 else 's'}"


def times(n: float) -> str:
    """Return how often something happens."""
    return "once" if n == 1 else f"{n:,.0f} times"
