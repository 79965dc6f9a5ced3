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

    from pytest_gilcheck.evidence import Step

#: Takes each step as it is reached, in the thread that asked for the work.
Tell = Callable[["Step"], None]

#: Opened by a front end for one piece of work, and closed when it has ended, however: what was shown is gone then.
Audience = Callable[[], "AbstractContextManager[Tell | None]"]

#: The audience of work that begins here. Of a context and not of a checker: a plain `check()` or `agrees()` in a test is
#: shown as the fixture is. Threads that a test starts have none, so that nobody writes while another does.
AUDIENCE: ContextVar[Audience | None] = ContextVar("pytest_gilcheck.audience", default=None)


@contextlib.contextmanager
def audience() -> Iterator[Tell | None]:
    """Whom does work that begins now tell what it does? None: nobody listens, and work within it has nobody either."""
    opened = AUDIENCE.get()
    if opened is None:
        yield None
        return
    token = AUDIENCE.set(None)
    try:
        with opened() as tell:
            yield tell
    finally:
        AUDIENCE.reset(token)
