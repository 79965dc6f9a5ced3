"""Another switch interval while a block runs, also where several such blocks run at once."""

from __future__ import annotations

import _thread
import contextlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The interpreter refuses 0, although it reports 0 where somebody has set less than a microsecond.
_SHORTEST_SECONDS = 1e-6

_lock = _thread.allocate_lock()
#: What each block wants, in the order in which they began; and the interval before the first of them.
_wanted: list[tuple[object, float]] = []
_before = 0.0


@contextlib.contextmanager
def switch_interval(seconds: float) -> Iterator[None]:
    """Set the interpreter's switch interval while the block runs.

    Of several blocks at once, in any threads, the one that began last counts. The last one to end restores the interval
    that was there before all of them. (When each restored what it had found itself, two blocks that ended in another order
    left the process with an interval of 10 s, and two agreements at once with one of 0.1 ms.)
    """
    global _before  # noqa: PLW0603  (the interval is the interpreter's)
    key = object()
    with _lock:
        if not _wanted:
            _before = max(_SHORTEST_SECONDS, sys.getswitchinterval())
        _wanted.append((key, seconds))
        sys.setswitchinterval(seconds)
    try:
        yield
    finally:
        with _lock:
            _wanted[:] = [wanted for wanted in _wanted if wanted[0] is not key]
            sys.setswitchinterval(_wanted[-1][1] if _wanted else _before)
