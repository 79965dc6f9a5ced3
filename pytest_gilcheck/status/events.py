"""Events in which long work reports its progress."""

from __future__ import annotations

from dataclasses import dataclass

# Stages of long work, as they are displayed.
FIRST_CALL = "first call"
SINGLE_CALLS = "single calls"
BESIDE_WAITER = "beside a waiter"
COMPETING = "competing threads"
BESIDE_BACKGROUND = "beside a background thread"
LINES = "looking for the lines"
CHILD = "in a child process"
EXAMPLES = "examples"
SHRINKING = "a smaller example"
REPLAYS = "replays"
READING = "reading"


@dataclass(frozen=True, slots=True)
class StatusEvent:
    """The stage that long work has reached, and how much of it is done.

    A stage ends when either all of its items are done or its budget is spent. It may end earlier, when enough is known.

    Attributes:
        stage: The stage, as it is displayed.
        n_done: Number of items that are done.
        n_all: Number of all items; None where nobody knows it.
        spent_ns: Time that has been spent.
        budget_ns: Time that may be spent; None where nothing bounds it.
    """

    stage: str
    n_done: int = 0
    n_all: int | None = None
    spent_ns: int = 0
    budget_ns: int | None = None

    @property
    def done_share(self) -> float | None:
        """Share of the stage that is done; None where neither a number nor a budget bounds it."""
        shares = [done / whole for done, whole in ((self.n_done, self.n_all), (self.spent_ns, self.budget_ns)) if whole]
        return min(1.0, max(shares)) if shares else None
