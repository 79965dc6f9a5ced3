"""What stands for the checker where nothing is to be measured: calls once, and knows nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_gilcheck.declare.settings import Settings
from pytest_gilcheck.evidence import NotApplicable
from pytest_gilcheck.run import Call, refuse_what_returns_at_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self


class UnmeasuredChecker:
    """The checker that measures nothing, because of `why`: refuses what the real one refuses, and calls once."""

    def __init__(self, settings: Settings | None = None, why: str = "under --gilcheck-disable") -> None:
        self._settings = settings or Settings()
        self._why = why

    def options(self, **changes: Any) -> UnmeasuredChecker:
        """How would it be measured? Raises `UsageError` as the real one."""
        return UnmeasuredChecker(self._settings.changed(changes), self._why)

    def __call__(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Unmeasured:
        """What did the call return? Asking the answer for anything but `result` raises `NotApplicable`."""
        refuse_what_returns_at_once(function)
        call = Call(function, args, kwargs, self._settings.setup, self._settings.args_for)
        return Unmeasured(function(*call.args_of_next(call.args_in_thread(0, {})), **kwargs), self._why)

    def span(self, name: str) -> Unmeasured:  # noqa: ARG002  (the real one's signature)
        """A block that is not measured."""
        return Unmeasured(None, self._why)

    def agrees(self, *_args: Any, **_options: Any) -> None:
        """Nothing is compared: raises `NotApplicable`, which skips the test."""
        message = f"not compared {self._why}"
        raise NotApplicable(message)


class Unmeasured:
    """No verdict: asking for one raises `NotApplicable`, which skips the test."""

    def __init__(self, result: Any, why: str) -> None:
        self.result = result
        self._why = why

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        return None

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        message = f"not measured {self._why} (asked for .{attribute})"
        raise NotApplicable(message)
