"""Which checker stands behind the public `check` here? A pytest session puts its own there, so that checks made in a
`unittest.TestCase` are reported and gated as all others."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

#: Makes the checker of the test that runs now; None outside of one.
AMBIENT: ContextVar[Callable[[], Any] | None] = ContextVar("pytest_gilcheck.ambient", default=None)
