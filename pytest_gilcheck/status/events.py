"""What long work tells of itself while it goes on."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_CALL = "first call"
SINGLE_CALLS = "single calls"
BESIDE_WAITER = "beside a waiter"
COMPETING = "competing threads"
BESIDE_BACKGROUND = "beside a rival"
LINES = "looking for the lines"
CHILD = "in a child process"
EXAMPLES = "examples"
SHRINKING = "a smaller example"
REPLAYS = "replays"
READING = "reading"


@dataclass(frozen=True, slots=True)
class StatusEvent:
    """What is long work doing now, and how far is it?

    `n_done` of `n_all` (None: nobody knows how many), `spent_ns` of `budget_ns` (None: nothing bounds it): whichever is
    further along ends it. It may also end earlier, when enough is known.
    """

    doing: str
    n_done: int = 0
    n_all: int | None = None
    spent_ns: int = 0
    budget_ns: int | None = None

    @property
    def done_share(self) -> float | None:
        """How much of it is done? None where neither a number nor a budget bounds it."""
        shares = [done / whole for done, whole in ((self.n_done, self.n_all), (self.spent_ns, self.budget_ns)) if whole]
        return min(1.0, max(shares)) if shares else None
