"""The time limit of a check: what is left of it, and whether another step still fits."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: What one stage may take of what is left of the check's time limit.
STAGE_SHARE = 0.5
#: The time limit is never less than so many calls, as long as they take beside the other threads of this process.
_CALLS_IN_LIMIT = 10
#: All stages take so much of it: beside busy threads the check's own threads begin, wait and end late, too (100 ms seen), and the
#: verdict is judged.
_STAGES_SHARE = 0.9


@dataclass(frozen=True)
class StageTime:
    """A stage of a check: how much was left as it began, how long it might take at least, and how long it took."""

    stage: str
    left_ns: int
    step_ns: int
    took_ns: int


class TimeLimit:
    """What is left of the time limit of a check that began at `begun_ns`, by the clock `clock_ns`.

    The limit is `least_ns`, or ten calls if that is more: ten of the shortest call so far. A limit of ten long calls shrank when
    shorter ones followed: the first look at a call of 100 ms took 0.5 s beside a spinning thread, and the check 4.3 s instead of 3 s.

    A step is calls with all that comes with them: set-up, disposal, and the wait for the GIL before and after, which takes a switch
    interval and more beside a thread that spins. The longest call so far, and the most that came with one, say how long a step may
    take. The first call does not count there once there are others: it may be a cold one.
    """

    def __init__(self, least_ns: int, begun_ns: int, clock_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self._least_ns = least_ns
        self._begun_ns = begun_ns
        self._clock_ns = clock_ns
        self._calls_ns: list[int] = []
        self._first_ns = 0
        self._beside_ns = 0
        self._stages: list[tuple[str, int, int, int]] = []

    def add_budget(self, budget_ns: int) -> None:
        """Add time that somebody has asked for."""
        self._least_ns += budget_ns

    def leave_out(self, waited_ns: int) -> None:
        """Leave out time that was none of the check's."""
        self._begun_ns += waited_ns

    def saw_first(self, call_ns: int) -> None:
        """Take note of the first call."""
        self._first_ns = call_ns

    def saw(self, calls_ns: Sequence[int], took_ns: int) -> None:
        """Take note of calls, and of how long they took with all that came with them."""
        self._calls_ns.extend(calls_ns)
        self._beside_ns = max(self._beside_ns, (took_ns - sum(calls_ns)) // max(1, len(calls_ns)))

    @property
    def call_ns(self) -> int:
        """The typical length of a call so far."""
        calls_ns = sorted(self._calls_ns)
        return calls_ns[len(calls_ns) // 2] if calls_ns else self._first_ns

    @property
    def limit_ns(self) -> int:
        """The time limit."""
        shortest_ns = min([self._first_ns, *self._calls_ns])
        return max(self._least_ns, _CALLS_IN_LIMIT * shortest_ns)

    def left_ns(self) -> int:
        """Return what is left for stages."""
        return max(0, self._begun_ns + round(_STAGES_SHARE * self.limit_ns) - self._clock_ns())

    def step_ns(self, n_calls: int, more_ns: int = 0) -> int:
        """Return how long a step with so many calls may take; `more_ns`: what it does beside."""
        longest_ns = max(self._calls_ns, default=self._first_ns)
        return n_calls * (longest_ns + self._beside_ns) + more_ns

    def fits(self, n_calls: int, more_ns: int = 0) -> bool:
        """Return whether such a step fits into what is left."""
        return self.step_ns(n_calls, more_ns) <= self.left_ns()

    def begin(self, stage: str, step_ns: int) -> None:
        """Take note that a stage begins which takes `step_ns` or more."""
        self._stages.append((stage, self.left_ns(), step_ns, self._clock_ns()))

    def stages(self) -> list[StageTime]:
        """Return the stages so far, in order; each lasts until the next one begins, the last until now."""
        ends_ns = [*(begun_ns for *_, begun_ns in self._stages[1:]), self._clock_ns()]
        return [
            StageTime(stage, left_ns, step_ns, end_ns - begun_ns)
            for (stage, left_ns, step_ns, begun_ns), end_ns in zip(self._stages, ends_ns, strict=True)
        ]
