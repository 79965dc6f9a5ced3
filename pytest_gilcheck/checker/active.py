"""The slot for the checker that the public `check` and `agrees` use.

A pytest session puts its own checker there, so that checks in a `unittest.TestCase` are reported and gated like all
others. Every run of tests imports this module, so it imports nothing of the package.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

CheckerFactory = Callable[[], Any]


class _Active:
    """The process's present checker factory.

    It does not belong to a context: the threads of a test have contexts of their own, and nobody would report what they
    check. A process runs one test at a time.
    """

    def __init__(self) -> None:
        self._factory: CheckerFactory | None = None

    def get(self) -> CheckerFactory | None:
        """Return what makes the checker of the test that runs now, or None where pytest runs no tests."""
        return self._factory

    def set(self, factory: CheckerFactory) -> CheckerFactory | None:
        """Set the factory and return the one before, for `reset`."""
        before, self._factory = self._factory, factory
        return before

    def reset(self, before: CheckerFactory | None) -> None:
        """Restore the factory that `set` returned."""
        self._factory = before


#: The slot of this process.
ACTIVE = _Active()
