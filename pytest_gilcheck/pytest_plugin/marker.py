"""``@pytest.mark.gilcheck(...)``: the test body itself is the call."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest

from pytest_gilcheck.evidence import UsageError
from pytest_gilcheck.evidence.requirement import CLAIMABLE

if TYPE_CHECKING:
    from pytest_gilcheck.declare.settings import Settings

NAME = "gilcheck"

#: Fixtures of pytest that redirect something of the whole process, or belong to one thread.
_NOT_SHARED = frozenset(
    {"capfd", "capfdbinary", "caplog", "capsys", "capsysbinary", "monkeypatch", "pytester", "recwarn", "testdir"}
)


def marked(item: pytest.Item) -> dict[str, Any] | None:
    """What does the nearest marker say, those farther out filling in? None: the item is not marked.

    Raises `UsageError` for positional arguments.
    """
    said: dict[str, Any] = {}
    marks = list(item.iter_markers(NAME))
    for mark in reversed(marks):
        if mark.args:
            message = (
                f"{item.nodeid}: @pytest.mark.gilcheck takes keywords only, got {', '.join(map(repr, mark.args))}. "
                "Write for example @pytest.mark.gilcheck(threads=4, releases=0.9)."
            )
            raise UsageError(message)
        said |= mark.kwargs
    return said if marks else None


def settings_of(item: pytest.Item, base: Settings) -> Settings | None:
    """How is this item checked? None: it is not marked. Raises `UsageError` where it cannot be, or says something wrong."""
    said = marked(item)
    if said is None:
        return None
    settings = base.changed(
        {"name": item.nodeid.rpartition("/")[2], **said}, where=f"{item.nodeid}: @pytest.mark.gilcheck"
    )
    if not any(said.get(claim) is not None for claim in CLAIMABLE):
        settings = settings.changed({"expect": "released"})
    _refuse(item, settings)
    return settings


def _refuse(item: pytest.Item, settings: Settings) -> None:
    """Can the item's body be called several times, in threads?"""
    why = None
    if not isinstance(item, pytest.Function):
        why = f"is a {type(item).__name__}, not a test function"
    elif item.cls is not None and any(base.__module__.startswith("unittest") for base in item.cls.__mro__):
        why = "is a method of a unittest.TestCase; use `pytest_gilcheck.check(...)` inside of it instead"
    elif inspect.iscoroutinefunction(inspect.unwrap(item.obj)) or inspect.isasyncgenfunction(inspect.unwrap(item.obj)):
        why = "is asynchronous: its call only makes a coroutine; check what it calls with the `gilcheck` fixture"
    elif hasattr(item.obj, "hypothesis"):
        why = "is run by hypothesis; use the `gilcheck_session` fixture inside of it instead"
    elif settings.overlap:
        shared = sorted(_NOT_SHARED & set(item.fixturenames))
        if shared:
            why = f"uses {', '.join(shared)}, which competing threads must not share; drop it, or say overlap=False"
    if why is not None:
        message = f"{item.nodeid}: cannot be checked by @pytest.mark.gilcheck: it {why}"
        raise UsageError(message)
