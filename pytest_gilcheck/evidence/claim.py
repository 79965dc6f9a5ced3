"""An author's claim, and each part of it beside the figure that was measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claim:
    """What an author requires of a check. ``None`` everywhere: nothing is claimed, the check only measures.

    Each field is one of the table in `evidence.requirement`.

    Attributes:
        gil: Expected word: ``released``, ``held`` or ``partial``.
        releases: Smallest share of the call (0..1) that must be spent without the GIL.
        min_speedup: Smallest acceptable speed-up of the wall-clock witness.
        min_efficiency: Smallest acceptable efficiency of the wall-clock witness.
        max_held_share: Largest acceptable held share (0..1) of the ledger.
        longest_hold_ns: Longest acceptable hold of the ledger.
    """

    gil: str | None = None
    releases: float | None = None
    min_speedup: float | None = None
    min_efficiency: float | None = None
    max_held_share: float | None = None
    longest_hold_ns: int | None = None

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is claimed."""
        return self == Claim()


@dataclass(frozen=True, slots=True)
class Limit:
    """One part of a claim, the figure that was measured, and the room between them.

    Attributes:
        name: Name of the setting that made the limit.
        sense: ``at least``, ``at most``, or ``is`` for a word.
        bound: The limit: a share, a factor, nanoseconds for ``longest_hold``, or a word.
        found: The figure or word that was measured. None: nothing was.
        low: Lower bound of the figure.
        high: Upper bound of the figure.
        met: None where the interval does not decide, or nothing was measured.
        margin: Room between the limit and the nearer end of the interval, in the figure's own unit: positive where the
            limit is kept, negative where even the better end overruns it, 0 where the interval straddles it. None for
            words and where nothing was measured.
    """

    name: str
    sense: str
    bound: float | str
    found: float | str | None
    low: float | None
    high: float | None
    met: bool | None
    margin: float | None
