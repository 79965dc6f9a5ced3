"""The callback that receives the events of long work.

Events only go outwards: measuring and comparing report them, a display shows them. They are reported between stages and
between rounds, never between timed calls. Where there is no display, no event is made.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_gilcheck.status.events import StatusEvent

#: Receives each event as it happens, in the thread that asked for the work.
StatusCallback = Callable[["StatusEvent"], None]

#: Opened for one piece of work, and closed when that ends in whatever way. It then takes away what it has shown.
StatusDisplay = Callable[[], "AbstractContextManager[StatusCallback | None]"]

#: The display of work that begins in this context. It belongs to the context and not to a checker: a plain `check()` or
#: `agrees()` in a test is displayed as the fixture's is. Threads that a test starts have none, so that only one thread writes.
STATUS_DISPLAY: ContextVar[StatusDisplay | None] = ContextVar("pytest_gilcheck.status_display", default=None)


@contextlib.contextmanager
def status_callback() -> Iterator[StatusCallback | None]:
    """Open the display of this context for one piece of work, and yield its callback; None where there is no display.

    Work inside the block has no display: its events are part of the outer work.
    """
    display = STATUS_DISPLAY.get()
    if display is None:
        yield None
        return
    token = STATUS_DISPLAY.set(None)
    try:
        with display() as report:
            yield report
    finally:
        STATUS_DISPLAY.reset(token)
