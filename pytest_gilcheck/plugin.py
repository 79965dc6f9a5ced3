"""pytest's hooks, and nothing else: what they decide is decided in the stages.

Imported by every pytest run where the plugin is installed, so that anything heavier than the option table is
imported where a check is made.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_gilcheck.declare import options
from pytest_gilcheck.declare.ambient import AMBIENT
from pytest_gilcheck.declare.fixtures import MAKER, gilcheck, gilcheck_session

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_gilcheck.check import Checker
    from pytest_gilcheck.declare.settings import Settings
    from pytest_gilcheck.evidence import Observation, Standing, Verdict  # noqa: F401  (named in a text below)
    from pytest_gilcheck.report.document import Check
    from pytest_gilcheck.report.session import Session
    from pytest_gilcheck.run.quiet import Quiet
    from pytest_gilcheck.unmeasured import UnmeasuredChecker
    from pytest_gilcheck.xdist import Workers  # noqa: F401  (as above)

__all__ = ["gilcheck", "gilcheck_session"]


@dataclass
class Running:
    """The test that runs now: checks that its next report takes along, and all of them for its outcome."""

    item: pytest.Item | None = None
    unreported: list[Check] = field(default_factory=list)
    checks: list[tuple[Verdict, Settings]] = field(default_factory=list)
    n_not_run: int = 0


_GIVEN = pytest.StashKey[dict[str, Any]]()
_SESSION = pytest.StashKey["Session"]()
_SETTINGS = pytest.StashKey["Settings"]()
_STDERR = pytest.StashKey[int]()
_RUNNING = pytest.StashKey[Running]()
_LEFT_OUT = pytest.StashKey[bool]()
_BASELINE = pytest.StashKey["tuple[str, dict[str, Standing]]"]()
_QUIET = pytest.StashKey["Quiet"]()
_WORKERS = pytest.StashKey["Workers"]()


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    from pytest_gilcheck import hookspecs  # noqa: PLC0415  (as everything below: only when asked for)

    pluginmanager.add_hookspecs(hookspecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add_to(parser)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", options.MARKER_LINE)
    try:
        given = config.stash[_GIVEN] = options.read_all(config)
        options.refuse_contradictions(given)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[MAKER] = partial(_checker, config)
    config.stash[_RUNNING] = Running()
    config.pluginmanager.register(_Sender(), "gilcheck-sender")
    # Capture is suspended now and never again: what is said when a call keeps the GIL for ever must reach people.
    with contextlib.suppress(OSError):  # a process without stderr
        config.stash[_STDERR] = os.dup(2)


def pytest_unconfigure(config: pytest.Config) -> None:
    if _SESSION in config.stash:
        config.stash[_SESSION].close()
    if _WORKERS in config.stash:
        config.stash[_WORKERS].close()
    if _QUIET in config.stash:
        config.stash[_QUIET].close()
    if _STDERR in config.stash:
        os.close(config.stash[_STDERR])
        del config.stash[_STDERR]


@pytest.hookimpl(tryfirst=True)  # before xdist's, which starts the workers
def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    given = config.stash[_GIVEN]
    if not _is_worker(config):
        config.pluginmanager.register(_Collector(config), "gilcheck-collector")
    if config.pluginmanager.hasplugin("dsession"):
        from pytest_gilcheck.xdist import Workers  # noqa: PLC0415

        config.stash[_WORKERS] = Workers(partial(_session, config))
        config.pluginmanager.register(config.stash[_WORKERS], "gilcheck-workers")
    if _is_worker(config) or config.option.collectonly:
        return
    wanted = given["compare"] or ("last" if given["compare-fail"] else None)
    if wanted is None:
        return
    from pytest_gilcheck.gate.comparison import standings  # noqa: PLC0415
    from pytest_gilcheck.report import baseline  # noqa: PLC0415
    from pytest_gilcheck.report.stream import Stream  # noqa: PLC0415

    try:
        path = baseline.find(config.rootpath / given["storage"], wanted, config.invocation_params.dir)
        config.stash[_BASELINE] = path.name, standings(Stream(path))
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


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
        config.stash[_SETTINGS] = Settings().with_read(
            {name: value for name, value in changes.items() if value is not None}
        )
    return config.stash[_SETTINGS]


def _checker(config: pytest.Config, item: pytest.Item | None) -> Checker | UnmeasuredChecker:
    why = "under --gilcheck-disable" if config.stash[_GIVEN]["disable"] else None
    item = item or config.stash[_RUNNING].item
    if why is None and item is not None and item.stash.get(_LEFT_OUT, False):
        why = "in a test that --gilcheck-only or --gilcheck-skip leaves out"
        config.stash[_RUNNING].n_not_run = 1
    if why is not None:
        from pytest_gilcheck.unmeasured import UnmeasuredChecker  # noqa: PLC0415

        return UnmeasuredChecker(why=why)
    return _real_checker(config, _base(config))


def _real_checker(config: pytest.Config, settings: Settings) -> Checker:
    from pytest_gilcheck.agree.checker import FixtureChecker  # noqa: PLC0415
    from pytest_gilcheck.measure import Rescue  # noqa: PLC0415
    from pytest_gilcheck.report.document import check_line  # noqa: PLC0415

    journal, running = _session(config).journal, config.stash[_RUNNING]

    def so_far() -> bytes:
        return journal.ending(map(check_line, running.unreported), interrupted="deadline").encode()

    rescue = Rescue(_rescue_path(config), so_far, stderr_fd=config.stash.get(_STDERR, 2), head=lambda: journal.path)
    return FixtureChecker(settings, on_check=partial(_noted, config), rescue=rescue, alone=_quiet(config).alone)


def _noted(config: pytest.Config, observation: Observation, verdict: Verdict, settings: Settings) -> None:
    from dataclasses import replace  # noqa: PLC0415

    from pytest_gilcheck.report.document import Check  # noqa: PLC0415
    from pytest_gilcheck.report.findings import properties  # noqa: PLC0415
    from pytest_gilcheck.report.text import story  # noqa: PLC0415

    running = config.stash[_RUNNING]
    item = running.item
    running.checks.append((verdict, settings))
    test, file, line = (None, None, None) if item is None else (item.nodeid, *item.location[:2])
    made = Check(
        verdict.name, replace(verdict, result=None), observation, test, file, None if line is None else line + 1
    )
    running.unreported.append(made)
    if item is not None:
        item.add_report_section("call", "gilcheck", "\n".join(story(observation, verdict)))
        item.user_properties += properties(verdict)
    config.hook.pytest_gilcheck_verdict(item=item, observation=observation, verdict=verdict)


def _rescue_path(config: pytest.Config) -> Path:
    if _is_worker(config):
        from pytest_gilcheck.xdist import RESCUE_KEY  # noqa: PLC0415

        return Path(config.workerinput[RESCUE_KEY])  # type: ignore[attr-defined]  # set by xdist
    given = config.stash[_GIVEN]["json"]
    return Path(given) if given else config.rootpath / ".gilcheck" / "interrupted.json"


def _quiet(config: pytest.Config) -> Quiet:
    if _QUIET not in config.stash:
        from pytest_gilcheck.run.quiet import Quiet  # noqa: PLC0415

        config.stash[_QUIET] = Quiet()
    return config.stash[_QUIET]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    given = config.stash[_GIVEN]
    for item in items:
        is_marked = item.get_closest_marker("gilcheck") is not None
        uses_fixture = not {"gilcheck", "gilcheck_session"}.isdisjoint(getattr(item, "fixturenames", ()))
        if not is_marked and not uses_fixture:
            continue
        item.stash[_LEFT_OUT] = not options.is_selected(item.nodeid, given)
        # pytest-run-parallel would run the body in threads of its own, under a tiny switch interval.
        if config.pluginmanager.hasplugin("run-parallel"):
            item.add_marker(pytest.mark.thread_unsafe(reason="measured by gilcheck"))
        if is_marked:
            from pytest_gilcheck.declare.marker import settings_of  # noqa: PLC0415

            try:
                settings = settings_of(item, _base(config))
            except ValueError as error:
                raise pytest.UsageError(str(error)) from None
            assert settings is not None  # noqa: S101  (narrowing: the item is marked)
            item.stash[_SETTINGS] = settings


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    config = item.config
    running = config.stash[_RUNNING]
    running.item, running.checks = item, []
    token = AMBIENT.set(partial(_checker, config, item))
    try:
        # Ordinary tests of all workers go on together, and not beside anybody's rounds on the wall clock.
        with _quiet(config).together() if _is_worker(config) and _may_check(item) else contextlib.nullcontext():
            return (yield)
    finally:
        AMBIENT.reset(token)
        running.item = None


def _may_check(item: pytest.Item) -> bool:
    """Does anybody measure in this session?"""
    if item.config.stash[_GIVEN][""]:
        return True
    return any(_LEFT_OUT in other.stash for other in item.session.items)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object | None:
    settings = pyfuncitem.stash.get(_SETTINGS, None)
    if settings is None:
        return None
    config = pyfuncitem.config
    given = config.stash[_GIVEN]
    if not given[""] or pyfuncitem.stash[_LEFT_OUT]:
        config.stash[_RUNNING].n_not_run = 1
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}  # noqa: SLF001  (as pytest's own hook does)
    # Its claim is enforced below, as that of every check.
    _real_checker(config, settings)(pyfuncitem.obj, **arguments)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    running, given = item.config.stash[_RUNNING], item.config.stash[_GIVEN]
    result = yield
    if given[""] and running.checks:
        from pytest_gilcheck.report.claims import require_all  # noqa: PLC0415

        require_all([(verdict, settings.claim) for verdict, settings in running.checks])
    return result


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    # Here and not around the call: fixtures ask for verdicts too, and unittest keeps its exceptions until now.
    if call.excinfo is None or not isinstance(call.excinfo.value, AssertionError):
        return
    from pytest_gilcheck.evidence import Inconclusive, NotApplicable  # noqa: PLC0415  (a test has failed: no hurry)

    error = call.excinfo.value
    if not isinstance(error, Inconclusive):
        return
    # A test that makes several checks asserts each after it was made: the last one's word counts.
    checks = item.config.stash[_RUNNING].checks
    policy = (checks[-1][1].inconclusive if checks else None) or item.config.stash[_GIVEN]["inconclusive"]
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


class _Sender:
    """Gives each report the checks that were made since the last one: as text, so that xdist can send it."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        running = item.config.stash[_RUNNING]
        if running.unreported or running.n_not_run:
            sent = {"checks": _lines(running, failed=report.failed), "n_not_run": running.n_not_run}
            report.gilcheck = sent  # type: ignore[attr-defined]  # reports carry what plugins give them
            running.n_not_run = 0
        return report


def _lines(running: Running, *, failed: bool) -> list[str]:
    from dataclasses import replace  # noqa: PLC0415

    from pytest_gilcheck.report.document import check_line  # noqa: PLC0415

    checks, running.unreported = running.unreported, []
    return [check_line(replace(check, failed=failed)) for check in checks]


class _Collector:
    """Takes the checks out of the reports, its own process's and those of workers."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        sent = getattr(report, "gilcheck", None)
        if sent is None:
            return
        session = _session(self._config)
        if str(report.outcome) == "rerun":  # pytest-rerunfailures' word
            session.warnings.append(
                f"{report.nodeid} was run again: {len(sent['checks'])} checks of the failed attempt are not in this report"
            )
            return
        session.n_not_run += sent["n_not_run"]
        for line in sent["checks"]:
            session.journal.append(line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    asked = config.stash[_GIVEN][""]
    if config.option.collectonly or not (asked or _SESSION in config.stash):
        return
    from pytest_gilcheck.gate import delivery  # noqa: PLC0415
    from pytest_gilcheck.report.terminal import summarize  # noqa: PLC0415

    session, given = _session(config), config.stash[_GIVEN]
    told = delivery.github_lines(session, config.rootpath, asked=asked) if delivery.for_github(given) else ()
    summarize(terminalreporter, session, asked=asked, verbosity=config.get_verbosity(), annotations=told)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    given = config.stash.get(_GIVEN, None)
    if given is None or config.option.collectonly or _is_worker(config):
        return
    asked = given[""]
    if (
        not asked
        and not given["save"]
        and not given["autosave"]
        and _BASELINE not in config.stash
        and _SESSION not in config.stash
    ):
        return
    from pytest_gilcheck.gate import delivery  # noqa: PLC0415

    found = _session(config)
    for line in _lines(config.stash[_RUNNING], failed=False):  # of a test that was broken off
        found.journal.append(line)
    if _BASELINE in config.stash:
        delivery.compare_with(found, *config.stash[_BASELINE], given)
    interrupted = (
        "stopped" if session.exitstatus in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR) else None
    )
    delivery.deliver(found, given, config.rootpath, asked=asked, interrupted=interrupted)
    passed = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    if passed and found.gate(asked=asked):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
