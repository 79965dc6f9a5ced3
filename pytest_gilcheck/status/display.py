"""When is a step worth a line on the terminal, and how is it worded?"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_gilcheck.status.events import StatusEvent

#: Work that takes less is not worth a line, and a line is not written anew before. pytest waits as long between two lines
#: of its collecting; and what a terminal costs the machine stays far below what is measured beside it.
SHOWN_EVERY_NS = 500_000_000


class Throttle:
    """Which steps are shown? None in the first half second, then one each half second, and the first of each kind."""

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._since_ns = clock()
        self._doing: str | None = None

    def wants(self, step: StatusEvent) -> bool:
        """Is it time for this one?"""
        is_new = self._doing is not None and step.doing != self._doing
        now_ns = self._clock()
        if not is_new and now_ns - self._since_ns < SHOWN_EVERY_NS:
            return False
        self._since_ns, self._doing = now_ns, step.doing
        return True


def event_text(step: StatusEvent, *, counted: bool = False) -> str:
    """``competing threads [ 40%]``, or with `counted` ``examples [40/100]``, as pytest writes its own progress."""
    if counted and step.n_all is not None:
        return f"{step.doing} [{step.n_done:{len(str(step.n_all))}d}/{step.n_all}]"
    share = step.done_share
    # Rounded down: 100 % is what has ended.
    return step.doing if share is None else f"{step.doing} [{int(share * 100):3d}%]"


def is_dumb() -> bool:
    """Is the terminal, if there is one, of the kind that cannot write over what it has written?"""
    return os.environ.get("TERM", "") in {"", "dumb", "unknown"}
