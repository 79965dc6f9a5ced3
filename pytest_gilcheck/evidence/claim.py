"""What the author says must hold of the call."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claim:
    """What must hold? ``None`` everywhere: nothing is claimed, the check only measures.

    `gil` is the expected word (``released``, ``held``, ``partial``). `releases` is the smallest share of the
    call (0..1) that must be spent without the GIL. `min_speedup` and `min_efficiency` are the smallest
    acceptable figures of the wall-clock witness, `max_held_share` and `longest_hold_ns` the largest
    acceptable ones of the ledger.
    """

    gil: str | None = None
    releases: float | None = None
    min_speedup: float | None = None
    min_efficiency: float | None = None
    max_held_share: float | None = None
    longest_hold_ns: int | None = None

    @property
    def is_empty(self) -> bool:
        """Is nothing claimed?"""
        return self == Claim()
