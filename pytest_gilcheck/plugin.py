"""pytest's hooks, and nothing else: what they decide is decided in the stages.

Imported by every pytest run where the plugin is installed, so that anything heavier than the option table is
imported where a check is made.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_gilcheck.declare import options
from pytest_gilcheck.declare.fixtures import MAKER, gilcheck, gilcheck_session

if TYPE_CHECKING:
    from pytest_gilcheck.check import Checker
    from pytest_gilcheck.declare.settings import Settings
    from pytest_gilcheck.evidence import Observation, Verdict
    from pytest_gilcheck.report.session import Session
    from pytest_gilcheck.unmeasured import UnmeasuredChecker

__all__ = ["gilcheck", "gilcheck_session"]

_GIVEN = pytest.StashKey[dict[str, Any]]()
_SESSION = pytest.StashKey["Session"]()
_SETTINGS = pytest.StashKey["Settings"]()
_STDERR = pytest.StashKey[int]()


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    from pytest_gilcheck import hookspecs  # noqa: PLC0415  (as everything below: only when asked for)

    pluginmanager.add_hookspecs(hookspecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add_to(parser)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", options.MARKER_LINE)
    try:
        given = config.stash[_GIVEN] = options.read_all(config)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[MAKER] = partial(_checker, config)
    # Capture is suspended now and never again: what is said when a call keeps the GIL for ever must reach people.
    with contextlib.suppress(OSError):  # a process without stderr
        config.stash[_STDERR] = os.dup(2)
    if given[""] and given["disable"]:
        raise pytest.UsageError("--gilcheck and --gilcheck-disable contradict each other: give one of them")


def pytest_unconfigure(config: pytest.Config) -> None:
    if _STDERR in config.stash:
        os.close(config.stash[_STDERR])
        del config.stash[_STDERR]


def _session(config: pytest.Config) -> Session:
    if _SESSION not in config.stash:
        from pytest_gilcheck.report.session import Session  # noqa: PLC0415

        config.stash[_SESSION] = Session()
    return config.stash[_SESSION]


def _base(config: pytest.Config) -> Settings:
    if _SETTINGS not in config.stash:
        from pytest_gilcheck.declare.settings import Settings  # noqa: PLC0415

        given = config.stash[_GIVEN]
        changes = {option.setting: given[option.name] for option in options.OPTIONS if option.setting}
        config.stash[_SETTINGS] = Settings().with_read({name: value for name, value in changes.items() if value is not None})
    return config.stash[_SETTINGS]


def _checker(config: pytest.Config, item: pytest.Item | None) -> Checker | UnmeasuredChecker:
    if config.stash[_GIVEN]["disable"]:
        from pytest_gilcheck.unmeasured import UnmeasuredChecker  # noqa: PLC0415

        return UnmeasuredChecker()
    return _real_checker(config, item, _base(config))


def _real_checker(config: pytest.Config, item: pytest.Item | None, settings: Settings) -> Checker:
    from pytest_gilcheck.agree.checker import FixtureChecker  # noqa: PLC0415
    from pytest_gilcheck.check import Rescue  # noqa: PLC0415

    session = _session(config)
    rescue = Rescue(
        _rescue_path(config),
        lambda: _document(session, interrupted="deadline").encode(),
        stderr_fd=config.stash.get(_STDERR, 2),
    )
    return FixtureChecker(settings, on_check=partial(_noted, config, item), rescue=rescue)


def _noted(config: pytest.Config, item: pytest.Item | None, observation: Observation, verdict: Verdict) -> None:
    from pytest_gilcheck.report.text import story  # noqa: PLC0415

    _session(config).checks.append((observation, verdict))
    if item is not None:
        item.add_report_section("call", "gilcheck", "\n".join(story(observation, verdict)))
    config.hook.pytest_gilcheck_verdict(item=item, observation=observation, verdict=verdict)


def _document(session: Session, *, interrupted: str | None = None) -> str:
    from pytest_gilcheck.report import document  # noqa: PLC0415

    return document.to_json(session.checks, interrupted=interrupted)


def _rescue_path(config: pytest.Config) -> Path:
    given = config.stash[_GIVEN]["json"]
    return Path(given) if given else config.rootpath / ".gilcheck" / "interrupted.json"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("gilcheck") is None:
            continue
        from pytest_gilcheck.declare.marker import settings_of  # noqa: PLC0415

        try:
            settings = settings_of(item, _base(config))
        except ValueError as error:
            raise pytest.UsageError(str(error)) from None
        assert settings is not None  # noqa: S101  (narrowing: the item is marked)
        item.stash[_SETTINGS] = settings
        # pytest-run-parallel would run the body in threads of its own, under a tiny switch interval.
        if config.pluginmanager.hasplugin("run-parallel"):
            item.add_marker(pytest.mark.thread_unsafe(reason="measured by gilcheck"))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object | None:
    settings = pyfuncitem.stash.get(_SETTINGS, None)
    if settings is None:
        return None
    config = pyfuncitem.config
    if not config.stash[_GIVEN][""]:
        _session(config).n_not_run += 1
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}  # noqa: SLF001  (as pytest's own hook does)
    from pytest_gilcheck.report.claims import require  # noqa: PLC0415

    require(_real_checker(config, pyfuncitem, settings)(pyfuncitem.obj, **arguments), settings.claim)
    return True


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    # Here and not around the call: fixtures ask for verdicts too, and unittest keeps its exceptions until now.
    if call.excinfo is None or not isinstance(call.excinfo.value, AssertionError):
        return
    from pytest_gilcheck.evidence import Inconclusive, NotApplicable  # noqa: PLC0415  (a test has failed: no hurry)

    error = call.excinfo.value
    if not isinstance(error, Inconclusive):
        return
    policy = item.config.stash[_GIVEN]["inconclusive"]
    if policy == "warn":
        try:
            warnings.warn(pytest.PytestWarning(f"gilcheck: {item.nodeid}: {error}"), stacklevel=1)
        except pytest.PytestWarning:  # the user's filters make an error of it: then it is one, of this test
            call.excinfo = pytest.ExceptionInfo.from_current()
            return
    if policy == "skip" or isinstance(error, NotApplicable) or (policy == "warn" and call.when == "setup"):
        call.excinfo = pytest.CallInfo.from_call(lambda: pytest.skip(f"gilcheck: {error}"), call.when).excinfo
    elif policy == "warn":
        call.excinfo = None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    asked = config.stash[_GIVEN][""]
    if not asked and _SESSION not in config.stash:
        return
    from pytest_gilcheck.report.terminal import summarize  # noqa: PLC0415

    summarize(terminalreporter, _session(config), asked=asked, verbosity=config.get_verbosity())


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    given = config.stash.get(_GIVEN, None)
    if given is None or config.option.collectonly:
        return
    if given["json"] and (given[""] or _SESSION in config.stash):
        from pytest_gilcheck.report import document  # noqa: PLC0415

        try:
            interrupted = "interrupted" if session.exitstatus == pytest.ExitCode.INTERRUPTED else None
            document.write(Path(given["json"]), _document(_session(config), interrupted=interrupted))
        except OSError as error:
            _session(config).warnings.append(f"--gilcheck-json={given['json']} was not written: {error}")
            if session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
    passed = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    if given[""] and passed and _session(config).failure(asked=True) is not None:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
