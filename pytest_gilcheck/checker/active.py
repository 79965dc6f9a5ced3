"""The slot for the checker that stands behind the public `check` and `agrees`.

A pytest session puts its own there, so that checks made in a `unittest.TestCase` are reported and gated as all others.
Every pytest run imports this module, so it imports nothing of the package.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Maker = Callable[[], Any]


class _Active:
    """The process's present maker of checkers. Not one of a context: a test's threads have contexts of their own, and
    what they check would be reported to nobody; and a process runs one test at a time."""

    def __init__(self) -> None:
        self._maker: Maker | None = None

    def get(self) -> Maker | None:
        """Makes the checker of the test that runs now; None outside of one."""
        return self._maker

    def set(self, maker: Maker) -> Maker | None:
        """Puts a maker there; gives what `reset` puts back."""
        before, self._maker = self._maker, maker
        return before

    def reset(self, before: Maker | None) -> None:
        """Ends what `set` began."""
        self._maker = before


#: The process's.
ACTIVE = _Active()
