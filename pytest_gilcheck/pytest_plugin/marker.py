"""``@pytest.mark.gilcheck(...)``: the test body itself is the call."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest

from pytest_gilcheck.declare.selection import is_selected
from pytest_gilcheck.declare.settings import settings_of_run
from pytest_gilcheck.evidence import UsageError
from pytest_gilcheck.evidence.requirement import CLAIMABLE
from pytest_gilcheck.pytest_plugin.hooks import IS_LEFT_OUT, MISUSE, SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_gilcheck.declare.config import Config
    from pytest_gilcheck.declare.settings import Settings

NAME = "gilcheck"

#: Fixtures of pytest that redirect something of the whole process, or belong to one thread.
_NOT_SHARED = frozenset(
    {"capfd", "capfdbinary", "caplog", "capsys", "capsysbinary", "monkeypatch", "pytester", "recwarn", "testdir"}
)


def prepare(items: Iterable[pytest.Item], config: pytest.Config, options: Config) -> None:
    """Note on each test that can check whether it is left out and, on a marked one, how it is checked.

    In a worker of xdist a test that cannot be checked fails when it is run: an error at collection would end the worker, and
    its controller would show nothing but an internal error of its own.

    Args:
        items: The tests that can check.
        config: pytest's configuration.
        options: The options of the run.

    Raises:
        UsageError: A marked test cannot be checked, or its marker is wrong.
    """
    of_run = settings_of_run(options)
    for item in items:
        item.stash[IS_LEFT_OUT] = not is_selected(item.nodeid, options.only, options.skip)
        # pytest-run-parallel would run the body in threads of its own, under a tiny switch interval.
        if config.pluginmanager.hasplugin("run-parallel"):
            item.add_marker(pytest.mark.thread_unsafe(reason="measured by gilcheck"))
        try:
            settings = settings_of(item, of_run)
        except UsageError as error:
            if not hasattr(config, "workerinput"):
                raise
            item.stash[MISUSE] = str(error)
            continue
        if settings is not None:
            item.stash[SETTINGS] = settings


def settings_of(item: pytest.Item, of_run: Settings) -> Settings | None:
    """Return how this test is checked, or None if it is not marked.

    Args:
        item: The test.
        of_run: The settings of the run, which the marker changes.

    Returns:
        The settings of the test's check, or None.

    Raises:
        UsageError: The test cannot be checked, or its marker is wrong.
    """
    keywords = _keywords(item)
    if keywords is None:
        return None
    settings = of_run.changed(
        {"name": item.nodeid.rpartition("/")[2], **keywords}, where=f"{item.nodeid}: @pytest.mark.gilcheck"
    )
    if all(keywords.get(claim) is None for claim in CLAIMABLE):
        settings = settings.changed({"expect": "released"})
    _refuse(item, settings)
    return settings


def _keywords(item: pytest.Item) -> dict[str, Any] | None:
    """Return the keywords of the nearest marker, completed by those farther out, or None if the test is not marked."""
    keywords: dict[str, Any] = {}
    marks = list(item.iter_markers(NAME))
    for mark in reversed(marks):
        if mark.args:
            message = (
                f"{item.nodeid}: @pytest.mark.gilcheck takes keywords only, got {', '.join(map(repr, mark.args))}. "
                "Write for example @pytest.mark.gilcheck(threads=4, releases=0.9)."
            )
            raise UsageError(message)
        keywords |= mark.kwargs
    return keywords if marks else None


def _refuse(item: pytest.Item, settings: Settings) -> None:
    """Raise `UsageError` where the test's body cannot be called several times, in threads."""
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
