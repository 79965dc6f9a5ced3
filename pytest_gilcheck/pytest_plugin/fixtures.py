"""The fixtures `gilcheck` and `gilcheck_session`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable  # noqa: F401  (named in a text below)

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
    from pytest_gilcheck.pytest_plugin.current_test import CheckerOfEachTest  # noqa: PLC0415  (where it is asked for)

    return CheckerOfEachTest(request.config.stash[CHECKER])
