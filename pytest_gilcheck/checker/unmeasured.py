"""Replaces the checker where nothing is measured: each function is called once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from pytest_gilcheck.declare.settings import Settings
from pytest_gilcheck.evidence import NotApplicable
from pytest_gilcheck.evidence.errors import is_hidden
from pytest_gilcheck.run import Call, refuse_what_returns_at_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

__tracebackhide__ = is_hidden


class UnmeasuredChecker:
    """A checker that calls once and measures nothing; `why` says in its messages why not."""

    def __init__(self, settings: Settings | None = None, why: str = "under --gilcheck-disable") -> None:
        self._settings = settings or Settings()
        self._why = why

    def options(self, **changes: Any) -> UnmeasuredChecker:
        """Return a checker with these settings; `UsageError` is raised as by `Checker.options`."""
        return UnmeasuredChecker(self._settings.changed(changes), self._why)

    def __call__(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Unmeasured:
        """Call once. Anything but the `result` of what is returned raises `NotApplicable`."""
        refuse_what_returns_at_once(function)
        call = Call(function, args, kwargs, self._settings.setup, self._settings.args_for)
        return Unmeasured(function(*call.args_of_next(call.args_in_thread(0, {})), **kwargs), self._why)

    def span(self, name: str) -> Unmeasured:  # noqa: ARG002  (the real one's signature)
        """Return a context manager for a block that is not measured."""
        return Unmeasured(None, self._why)

    def agrees(self, *_args: Any, **_options: Any) -> None:
        """Raise `NotApplicable`, which skips the test: nothing is compared."""
        message = f"not compared {self._why}"
        raise NotApplicable(message)


class Unmeasured:
    """Stands for a verdict; its attributes except `result` raise `NotApplicable`, which skips the test."""

    def __init__(self, result: Any, why: str) -> None:
        self.result = result
        self._why = why

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        return None

    def __bool__(self) -> NoReturn:
        __tracebackhide__ = True
        message = "a verdict is no yes or no: ask for .released (or .held, .overlaps)"
        raise TypeError(message)

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        message = f"not measured {self._why} (asked for .{attribute})"
        raise NotApplicable(message)
