"""Which tests a run was to run to the end: checks of all others are not missing from it.

It knows pytest's objects and never imports pytest.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_gilcheck.declare.selection import is_selected

if TYPE_CHECKING:
    from collections.abc import Collection

    import pytest

    from pytest_gilcheck.declare.config import Config


class Extent:
    """The tests of a run, by what the command line says and what was deselected.

    Args:
        session: pytest's session, at its end.
        options: The options of the plugin.
        deselected: Ids of the tests that were deselected.
        failed: Ids of the tests that failed. They fail the run anyway, and may have failed before their checks.
    """

    def __init__(
        self, session: pytest.Session, options: Config, *, deselected: Collection[str], failed: Collection[str]
    ) -> None:
        config = session.config
        self._options = options
        self._left_out = frozenset((*deselected, *failed))
        self._root = config.rootpath
        # A run that stops at its first failure, or that runs the last failures only, says nothing about other tests.
        self._is_partial = bool(session.shouldfail or session.shouldstop or config.getoption("lf", default=False))
        started_in = config.invocation_params.dir
        self._arguments: list[tuple[Path, str]] = []
        if not config.getoption("pyargs", default=False):
            for argument in config.args:
                path, _, inside = argument.partition("::")
                self._arguments.append(((started_in / path).resolve(), inside))
        ignored = config.getoption("ignore", default=None) or ()
        self._ignored = [(started_in / path).resolve() for path in ignored]

    def includes(self, test: str) -> bool:
        """Return whether this run was to run this test to its end."""
        if self._is_partial or test in self._left_out:
            return False
        if not is_selected(test, self._options.only, self._options.skip):
            return False
        file, _, inside = test.partition("::")
        path = (self._root / file).resolve()
        if any(path.is_relative_to(ignored) for ignored in self._ignored):
            return False
        return not self._arguments or any(
            path.is_relative_to(argument) and _begins_with(inside, part) for argument, part in self._arguments
        )


def _begins_with(inside: str, part: str) -> bool:
    """Return whether the part of a test's id behind its file is that of an argument, or of a test within it."""
    return not part or inside == part or inside.startswith((f"{part}::", f"{part}["))
