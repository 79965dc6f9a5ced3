"""What can be required of a check: an author's claim, and each part of it beside what was found."""

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


@dataclass(frozen=True, slots=True)
class Limit:
    """Is this limit kept, and with how much room?

    `name` is the option that set it, `sense` is ``at least`` or ``at most`` (or ``is``, for a word). `bound` is the
    limit and `found` what was found, `low` and `high` being its bounds: shares, factors, or nanoseconds for
    ``longest_hold``. `met` is None where the interval does not decide, or nothing was found.

    `margin` is the room between the limit and the nearer end of the interval, in the figure's own unit: positive
    where the limit is kept, negative where even the better end overruns it, 0 where the interval straddles it, None
    for words and where nothing was found.
    """

    name: str
    sense: str
    bound: float | str
    found: float | str | None
    low: float | None
    high: float | None
    met: bool | None
    margin: float | None
