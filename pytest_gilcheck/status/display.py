"""What displays on a terminal share: which events they show, and in which words."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_gilcheck.status.events import StatusEvent

#: Time before the first event is shown, and between two of one stage. Shorter work is not worth a line. pytest waits as
#: long between two updates of its collecting line, and the terminal's cost stays far below what is measured beside it.
SHOWN_EVERY_NS = 500_000_000


class Throttle:
    """Chooses the events that are shown: none in the first half second, then one each half second and at each new stage."""

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._since_ns = clock()
        self._stage: str | None = None

    def is_due(self, event: StatusEvent) -> bool:
        """Return whether this event is to be shown now; if so, the next half second begins."""
        is_new = self._stage is not None and event.stage != self._stage
        now_ns = self._clock()
        if not is_new and now_ns - self._since_ns < SHOWN_EVERY_NS:
            return False
        self._since_ns, self._stage = now_ns, event.stage
        return True


def event_text(event: StatusEvent, *, counted: bool = False) -> str:
    """Return ``competing threads [ 40%]``, or with `counted` ``examples [40/100]``, as pytest writes its own progress."""
    if counted and event.n_all is not None:
        return f"{event.stage} [{event.n_done:{len(str(event.n_all))}d}/{event.n_all}]"
    share = event.done_share
    # Rounded down: 100 % means that the stage has ended.
    return event.stage if share is None else f"{event.stage} [{int(share * 100):3d}%]"


def is_dumb() -> bool:
    """Return whether a terminal, if there is one, cannot write over what it has written."""
    return os.environ.get("TERM", "") in {"", "dumb", "unknown"}
