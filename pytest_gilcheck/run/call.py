"""A function and its arguments, which may be made anew for each call or for each thread."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_gilcheck.evidence import UsageError
from pytest_gilcheck.evidence.errors import is_hidden
from pytest_gilcheck.evidence.shown import own_name, shortened, shown, shown_in_name

__tracebackhide__ = is_hidden

#: A thread keeps the arguments that were made for it under this name.
_ARGS = "arguments"

#: A longer name is cut in its middle: it would fill the line of a report alone.
LONGEST_NAME = 80

#: Modules whose name tells a reader nothing: the functions of a test file and of a script are at hand.
_LOCAL_MODULE = re.compile(r"(?:.*\.)?(?:builtins|__main__|__mp_main__|conftest|test_\w+|\w+_test)")


def name_of(function: object) -> str:
    """Return the name of a function in reports: short, and the same in every run.

    A function has its module's name before its own, without the private parts (``numpy.linalg._linalg`` is
    ``numpy.linalg``), and a function of a test file its own name alone. A partial shows its function and arguments, a callable
    object the name of its class. No name has a line number: a line that is added above a lambda would make another check of it,
    without a baseline.
    """
    if isinstance(function, functools.partial):
        parts = [name_of(function.func), *map(shown_in_name, function.args)]
        parts += [f"{key}={shown_in_name(value)}" for key, value in function.keywords.items()]
        return shortened(f"partial({', '.join(parts)})", LONGEST_NAME)
    own, home = own_name(function), function
    if own is None:
        home = type(function)
        own = home.__qualname__
    module = getattr(home, "__module__", None)
    if module is None:  # a method of a built-in class
        bound_to = getattr(home, "__self__", None)
        module = getattr(type(bound_to), "__module__", None) if bound_to is not None else None
    prefix = _public(module) if isinstance(module, str) and not _LOCAL_MODULE.fullmatch(module) else ""
    return shortened(f"{prefix}.{own}" if prefix else own, LONGEST_NAME)


def _public(module: str) -> str:
    """Return a module's name without its private parts; whole if it has no others.

    A module that is named as its package, in which maturin puts the native part of one, is not named twice.
    """
    parts = [part for part in module.split(".") if not part.startswith("_")]
    return ".".join(part for part, before in zip(parts, [None, *parts], strict=False) if part != before) or module


@dataclass(frozen=True)
class Call:
    """A function and its arguments.

    `setup` is called before each call, `args_for` once in each thread of a check, with the thread's index. Each returns a
    tuple of positional arguments that replaces `args`, or None to keep them. What `setup` returns replaces both.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    setup: Callable[[], tuple[Any, ...] | None] | None = None
    args_for: Callable[[int], tuple[Any, ...] | None] | None = None
    name: str | None = None

    @property
    def title(self) -> str:
        """The name of the call in reports."""
        return self.name or name_of(self.function)

    def args_in_thread(self, index: int, own: dict[str, Any]) -> tuple[Any, ...]:
        """Return the arguments of calls in thread `index`; to be called in that thread, which keeps them in `own`."""
        if self.args_for is None:
            return self.args
        if _ARGS not in own:
            try:
                own[_ARGS] = self._checked("args_for", self.args_for(index), self.args)
            except BaseException as error:
                with_note(error, f"in args_for({index}), which makes the arguments of thread {index}")
                raise
        args: tuple[Any, ...] = own[_ARGS]
        return args

    def args_of_next(self, thread_args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the arguments of the next call, in a thread whose own arguments are `thread_args`."""
        return self._checked("setup", self.setup(), thread_args) if self.setup else thread_args

    @staticmethod
    def _checked(option: str, args: object, otherwise: tuple[Any, ...]) -> tuple[Any, ...]:
        if args is None:
            return otherwise
        if not isinstance(args, tuple):
            message = (
                f"{option}= must return a tuple of positional arguments, or None to keep those given; "
                f"it returned {shown(args)}. For one argument write `(value,)`."
            )
            raise UsageError(message)
        return args

    def describe(self) -> str:
        """Return the call in one line."""
        return self.describe_with(self.args)

    def describe_with(self, args: tuple[Any, ...]) -> str:
        """Return a call with these positional arguments in one line."""
        parts = [shown(arg) for arg in args] + [f"{key}={shown(value)}" for key, value in self.kwargs.items()]
        return f"{self.title}({', '.join(parts)})"


def with_note(error: BaseException, note: str) -> BaseException:
    """Return the exception itself, with a note that pytest and the interpreter print below it: skips stay skips."""
    notes = [*getattr(error, "__notes__", ()), f"gilcheck: {note}"]
    error.__notes__ = notes  # type: ignore[attr-defined,unused-ignore]  # `add_note` came with 3.11
    return error


def refuse_what_returns_at_once(function: object) -> None:
    """Refuse a function whose calls cannot be measured.

    A coroutine or generator function only makes an object: it would look fast and innocent. Raises `UsageError`, which says
    what to do instead.
    """
    if not callable(function):
        message = (
            f"gilcheck measures calls, got {shown(function)} ({type(function).__name__}), which cannot be called. "
            "Pass the function and its arguments apart: gilcheck(fn, arg), not gilcheck(fn(arg))."
        )
        raise UsageError(message)
    inner: Any = function
    while isinstance(inner, functools.partial):
        inner = inner.func
    if not inspect.isroutine(inner) and not inspect.isclass(inner):
        inner = type(inner).__call__  # what a callable object runs; looked up on the type, as a call does
    for is_lazy, kind, remedy in (
        (
            inspect.iscoroutinefunction,
            "a coroutine function",
            "gilcheck(asyncio.run, fn(...)) with setup=, or wrap it: def call(): asyncio.run(fn())",
        ),
        (
            inspect.isasyncgenfunction,
            "an asynchronous generator function",
            "wrap it in a function that runs it to its end",
        ),
        (inspect.isgeneratorfunction, "a generator function", "consume it: gilcheck(lambda: list(fn(...)))"),
    ):
        if is_lazy(inner):
            message = f"{name_of(function)} is {kind}: calling it does no work yet, so there is nothing to measure. Instead: {remedy}."
            raise UsageError(message)
