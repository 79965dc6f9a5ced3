"""The fixtures `gilcheck` and `gilcheck_session`."""

from __future__ import annotations

from typing import Any

import pytest

#: Set by the plugin at configure: makes the checker of the test that runs now.
MAKER = pytest.StashKey[Any]()


@pytest.fixture
def gilcheck(request: pytest.FixtureRequest) -> Any:
    """Does a call release the GIL? ``gilcheck(fn, *args)`` measures it and gives a `Verdict`."""
    return request.config.stash[MAKER]()


@pytest.fixture(scope="session")
def gilcheck_session(request: pytest.FixtureRequest) -> Any:
    """As `gilcheck`, for wider scopes and for tests under hypothesis' ``@given``."""
    return request.config.stash[MAKER]()
