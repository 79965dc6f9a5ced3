"""The fixtures `gilcheck` and `gilcheck_session`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    pass


#: Set by the plugin at configure: makes the checker of one test, or of the session.
MAKER = pytest.StashKey[Any]()


@pytest.fixture
def gilcheck(request: pytest.FixtureRequest) -> Any:
    """Does a call release the GIL? ``gilcheck(fn, *args)`` measures it and gives a `Verdict`."""
    return request.config.stash[MAKER](request.node)


@pytest.fixture(scope="session")
def gilcheck_session(request: pytest.FixtureRequest) -> Any:
    """As `gilcheck`, for wider scopes and for tests under hypothesis' ``@given``."""
    return request.config.stash[MAKER](None)
