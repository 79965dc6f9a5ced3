"""How figures are written for people, everywhere the same."""

from __future__ import annotations


def percent(share: float) -> str:
    """Return a share (0..1) as a percentage that never flatters: 0 % and 100 % only if exact."""
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    return f"{min(99.9, max(0.1, share * 100)):.1f}%"


def duration(ns: float) -> str:
    """Return a duration in nanoseconds with a unit and three figures."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns:.3g} ns"


def times(n: float) -> str:
    """Return how often something happens."""
    return "once" if n == 1 else f"{n:,.0f} times"
