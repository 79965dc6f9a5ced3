"""The fixtures `gilcheck` and `gilcheck_session`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

#: Returns the checker of the test that runs now. Set when the session starts.
CHECKER = pytest.StashKey["Callable[[], Any]"]()


@pytest.fixture
def gilcheck(request: pytest.FixtureRequest) -> Any:
    """Measure whether a call releases the GIL: ``gilcheck(function, *args, **kwargs)`` returns a `Verdict`.

    Args:
        request: Passed by pytest.

    Returns:
        The checker of this test. ``gilcheck.options(...)`` sets how it measures and what it claims,
        ``gilcheck.agrees(...)`` compares results under competing threads, and ``gilcheck.span(name)`` measures a block.

    Raises:
        Inconclusive: A verdict was asked for a word or a figure that its evidence does not decide.
        UsageError: What is to be checked cannot be, or an option is wrong.
    """
    return request.config.stash[CHECKER]()


@pytest.fixture(scope="session")
def gilcheck_session(request: pytest.FixtureRequest) -> Any:
    """Measure as `gilcheck` does, in fixtures of a wider scope and in tests under hypothesis' ``@given``.

    Args:
        request: Passed by pytest.

    Returns:
        A checker. Its checks belong to the test that runs when they are made, and a test that ``--gilcheck-skip`` leaves out
        is not measured.

    Raises:
        Inconclusive: A verdict was asked for a word or a figure that its evidence does not decide.
        UsageError: What is to be checked cannot be, or an option is wrong.
    """
    return _CheckerOfEachTest(request.config.stash[CHECKER])


class _CheckerOfEachTest:
    """Passes each call on to the checker of the test that runs when the call is made.

    Args:
        current: Returns that checker.
        changes: What `options` has set, from the first to the last.
    """

    def __init__(self, current: Callable[[], Any], changes: tuple[dict[str, Any], ...] = ()) -> None:
        self._current = current
        self._changes = changes

    def _checker(self) -> Any:
        checker = self._current()
        for changes in self._changes:
            checker = checker.options(**changes)
        return checker

    def options(self, **changes: Any) -> _CheckerOfEachTest:
        """Return a checker with some settings changed; `UsageError` is raised as by `Checker.options`."""
        self._checker().options(**changes)
        return _CheckerOfEachTest(self._current, (*self._changes, changes))

    def __call__(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Measure a call, as `Checker` does."""
        return self._checker()(function, *args, **kwargs)

    def agrees(self, *arguments: Any, **options: Any) -> Any:
        """Compare results, as `Checker.agrees` does."""
        __tracebackhide__ = True
        return self._checker().agrees(*arguments, **options)

    def span(self, name: str) -> Any:
        """Measure a block, as `Checker.span` does."""
        return self._checker().span(name)
