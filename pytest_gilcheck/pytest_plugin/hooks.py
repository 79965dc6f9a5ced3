"""The hooks that every run needs where the plugin is installed: options, marker, collection.

Such a run pays for this module whether or not it checks anything. All other hooks are in plugins that are registered
when they are needed: `session_hooks` where tests are run, `item_hooks` where a test can check something.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from pytest_gilcheck.declare.options import MARKER_LINE
from pytest_gilcheck.pytest_plugin import hookspecs, options

if TYPE_CHECKING:
    from pytest_gilcheck.declare.config import Config
    from pytest_gilcheck.declare.settings import Settings  # noqa: F401  (named in a text below)

#: The options that somebody gave, and their values.
_VALUES = pytest.StashKey[dict[str, Any]]()
#: How a marked test is checked.
SETTINGS = pytest.StashKey["Settings"]()
#: Whether a test that can check is left out by ``--gilcheck-only`` or ``--gilcheck-skip``. Other tests have none.
IS_LEFT_OUT = pytest.StashKey[bool]()
#: Why a marked test cannot be checked, in a worker of xdist.
MISUSE = pytest.StashKey[str]()

_FIXTURES = frozenset({"gilcheck", "gilcheck_session"})


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the hooks that users may implement."""
    pluginmanager.add_hookspecs(hookspecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options; in a free-threaded build, notice from now on which import switches the GIL on."""
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        from pytest_gilcheck.plan.gil_switch import watch_imports  # noqa: PLC0415  (where there is a GIL nobody pays for it)

        watch_imports()
    options.add_to(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and refuse options that are wrong or contradict each other."""
    config.addinivalue_line("markers", MARKER_LINE)
    try:
        values = config.stash[_VALUES] = options.values_of(config)
        if values:  # a contradiction is an error at once
            options.config_from(config, values)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None


def config_of(config: pytest.Config) -> Config:
    """Return the plugin's configuration in this run."""
    return options.config_from(config, config.stash[_VALUES])


@pytest.hookimpl(tryfirst=True)  # before xdist's, which starts the workers
def pytest_sessionstart(session: pytest.Session) -> None:
    """Register the hooks of a session that runs tests."""
    config = session.config
    if not config.option.collectonly:
        from pytest_gilcheck.pytest_plugin.session_hooks import SessionHooks  # noqa: PLC0415  (where tests are run)

        hooks = SessionHooks(config, config_of(config))
        config.pluginmanager.register(hooks, "gilcheck-session-hooks")
        hooks.begin()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Prepare the tests that are marked or use a fixture of ours."""
    checking = [item for item in items if _can_check(item)]
    if checking:
        from pytest_gilcheck.pytest_plugin.marker import prepare  # noqa: PLC0415  (where somebody checks)

        try:
            prepare(checking, config, config_of(config))
        except ValueError as error:
            raise pytest.UsageError(str(error)) from None


def _can_check(item: pytest.Item) -> bool:
    """Return whether the test is marked or uses one of the fixtures."""
    is_marked = item.get_closest_marker("gilcheck") is not None
    return is_marked or not _FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))
