"""One part of a claim beside what was found: how far is it from failing?"""

from __future__ import annotations

from dataclasses import dataclass


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
