"""The fixtures `gilcheck` and `gilcheck_session`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_gilcheck.check import Checker

#: Set by the plugin at configure: makes the checker of one test, or of the session.
MAKER = pytest.StashKey["Callable[[pytest.Item | None], Checker | DisabledChecker]"]()


@pytest.fixture
def gilcheck(request: pytest.FixtureRequest) -> Any:
    """Does a call release the GIL? ``gilcheck(fn, *args)`` measures it and gives a `Verdict`."""
    return request.config.stash[MAKER](request.node)


@pytest.fixture(scope="session")
def gilcheck_session(request: pytest.FixtureRequest) -> Any:
    """As `gilcheck`, for wider scopes and for tests under hypothesis' ``@given``."""
    return request.config.stash[MAKER](None)


class DisabledChecker:
    """Stands for the checker under ``--gilcheck-disable``: calls once, knows nothing."""

    def options(self, **changes: Any) -> DisabledChecker:
        """Checks the settings as the real one would."""
        from pytest_gilcheck.declare.settings import Settings  # noqa: PLC0415  (only where a check is made)

        made = DisabledChecker()
        made._settings = Settings().changed(changes)
        return made

    _settings: Any = None

    def __call__(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> NotChecked:
        """Calls once; asking the answer for anything but `result` skips the test."""
        from pytest_gilcheck.run import Call, refuse_what_returns_at_once  # noqa: PLC0415  (as above)

        refuse_what_returns_at_once(function)
        settings = self._settings
        call = Call(function, args, kwargs, settings.setup, settings.args_for) if settings else Call(function, args, kwargs)
        return NotChecked(function(*call.args_of_next(call.args_in_thread(0)), **kwargs))

    def span(self, name: str) -> NotChecked:  # noqa: ARG002  (the real one's signature)
        """A block that is not measured."""
        return NotChecked(None)


class NotChecked:
    """No verdict: asking for one skips the test."""

    def __init__(self, result: Any) -> None:
        self.result = result

    def __enter__(self) -> NotChecked:
        return self

    def __exit__(self, *_exc: object) -> None:
        return None

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        pytest.skip(f"not measured under --gilcheck-disable (asked for .{attribute})")
