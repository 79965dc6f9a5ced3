"""Who is shown what long work is doing?

The one way goes outwards: measuring and comparing tell, a front end shows. They tell between stages and between rounds,
never between timed calls; where nobody listens, nothing is made to be told.
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

#: Takes each step as it is reached, in the thread that asked for the work.
StatusCallback = Callable[["StatusEvent"], None]

#: Opened by a front end for one piece of work, and closed when it has ended, however: what was shown is gone then.
StatusDisplay = Callable[[], "AbstractContextManager[StatusCallback | None]"]

#: The status_callback of work that begins here. Of a context and not of a checker: a plain `check()` or `agrees()` in a test is
#: shown as the fixture is. Threads that a test starts have none, so that nobody writes while another does.
STATUS_DISPLAY: ContextVar[StatusDisplay | None] = ContextVar("pytest_gilcheck.status_callback", default=None)


@contextlib.contextmanager
def status_callback() -> Iterator[StatusCallback | None]:
    """Whom does work that begins now tell what it does? None: nobody listens, and work within it has nobody either."""
    opened = STATUS_DISPLAY.get()
    if opened is None:
        yield None
        return
    token = STATUS_DISPLAY.set(None)
    try:
        with opened() as tell:
            yield tell
    finally:
        STATUS_DISPLAY.reset(token)
