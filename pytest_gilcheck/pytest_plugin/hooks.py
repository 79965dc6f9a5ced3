"""pytest's hooks, and nothing else: what they decide is decided in the stages, what is kept between them in the books.

Imported by every pytest run where the plugin is installed, so that anything heavier than the option table is
imported where a check is made.
"""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING

import pytest

from pytest_gilcheck.checker.active import ACTIVE
from pytest_gilcheck.declare.options import MARKER_LINE, refuse_contradictions
from pytest_gilcheck.declare.selection import is_selected
from pytest_gilcheck.pytest_plugin import options
from pytest_gilcheck.pytest_plugin.fixtures import MAKER
from pytest_gilcheck.pytest_plugin.report_sections import ReportSections
from pytest_gilcheck.pytest_plugin.state import SessionState
from pytest_gilcheck.status.callback import STATUS_DISPLAY

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_gilcheck.declare.settings import Settings  # noqa: F401  (named in a text below)

_STATE = pytest.StashKey[SessionState]()
_SETTINGS = pytest.StashKey["Settings"]()
_LEFT_OUT = pytest.StashKey[bool]()


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    from pytest_gilcheck.pytest_plugin import hookspecs  # noqa: PLC0415  (as everything below: only when asked for)

    pluginmanager.add_hookspecs(hookspecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add_to(parser)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER_LINE)
    try:
        given = options.read_all(config)
        refuse_contradictions(given)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
    state = config.stash[_STATE] = SessionState(config, given)
    config.stash[MAKER] = state.checker
    config.pluginmanager.register(_Teller(), "gilcheck-teller")
    config.pluginmanager.register(_Sender(), "gilcheck-sender")


def pytest_unconfigure(config: pytest.Config) -> None:
    if _STATE in config.stash:
        config.stash[_STATE].close()


@pytest.hookimpl(tryfirst=True)  # before xdist's, which starts the workers
def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    state = config.stash[_STATE]
    given = state.given
    if not state.is_worker:
        reporter = config.pluginmanager.getplugin("terminalreporter")
        report_sections = ReportSections(are_shown=reporter is not None and reporter.hasopt("P"))
        config.pluginmanager.register(_Collector(state, report_sections), "gilcheck-collector")
    if config.pluginmanager.hasplugin("dsession"):
        from pytest_gilcheck.pytest_plugin.xdist import Workers  # noqa: PLC0415

        state.workers = Workers(lambda: state.session)
        config.pluginmanager.register(state.workers, "gilcheck-workers")
    if state.is_worker or config.option.collectonly:
        return
    wanted = given["compare"] or ("last" if given["compare-fail"] else None)
    if wanted is None:
        return
    from pytest_gilcheck.gate.comparison import baseline_entries  # noqa: PLC0415
    from pytest_gilcheck.store import baselines  # noqa: PLC0415
    from pytest_gilcheck.store.stream import Stream  # noqa: PLC0415

    try:
        path = baselines.find(config.rootpath / given["storage"], wanted, config.invocation_params.dir)
        state.baseline = path.name, baseline_entries(Stream(path))
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    state = config.stash[_STATE]
    for item in items:
        is_marked = item.get_closest_marker("gilcheck") is not None
        uses_fixture = not {"gilcheck", "gilcheck_session"}.isdisjoint(getattr(item, "fixturenames", ()))
        if not is_marked and not uses_fixture:
            continue
        item.stash[_LEFT_OUT] = not is_selected(item.nodeid, state.given)
        # pytest-run-parallel would run the body in threads of its own, under a tiny switch interval.
        if config.pluginmanager.hasplugin("run-parallel"):
            item.add_marker(pytest.mark.thread_unsafe(reason="measured by gilcheck"))
        if is_marked:
            from pytest_gilcheck.pytest_plugin.marker import settings_of  # noqa: PLC0415

            try:
                settings = settings_of(item, state.settings)
            except ValueError as error:
                raise pytest.UsageError(str(error)) from None
            assert settings is not None  # noqa: S101  (narrowing: the item is marked)
            item.stash[_SETTINGS] = settings


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    state = item.config.stash[_STATE]
    state.test_state.begin(item, is_left_out=item.stash.get(_LEFT_OUT, False))
    token, shown = ACTIVE.set(state.checker), STATUS_DISPLAY.set(state.status_callback)
    try:
        # Ordinary tests of all workers go on together, and not beside anybody's rounds on the wall clock.
        with state.quiet.shared() if state.is_worker and _may_check(item) else contextlib.nullcontext():
            return (yield)
    finally:
        STATUS_DISPLAY.reset(shown)
        ACTIVE.reset(token)
        state.test_state.end()


@pytest.hookimpl(tryfirst=True)  # before fixtures, which may check, too
def pytest_runtest_setup(item: pytest.Item) -> None:
    item.config.stash[_STATE].test_state.begin_attempt()


def _may_check(item: pytest.Item) -> bool:
    """Does anybody measure in this session?"""
    if item.config.stash[_STATE].given[""]:
        return True
    return any(_LEFT_OUT in other.stash for other in item.session.items)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object | None:
    settings = pyfuncitem.stash.get(_SETTINGS, None)
    if settings is None:
        return None
    state = pyfuncitem.config.stash[_STATE]
    if not state.given[""] or pyfuncitem.stash[_LEFT_OUT]:
        state.test_state.n_not_run = 1
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}  # noqa: SLF001  (as pytest's own hook does)
    # Its claim is enforced below, as that of every check.
    state.measuring_checker(settings)(pyfuncitem.obj, **arguments)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    __tracebackhide__ = True
    state = item.config.stash[_STATE]
    result = yield
    if state.given[""] and state.test_state.checks:
        from pytest_gilcheck.gate.claims import require_all  # noqa: PLC0415

        require_all([(verdict, settings.claim) for verdict, settings in state.test_state.checks])
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
    state = item.config.stash[_STATE]
    checks = state.test_state.checks
    policy = (checks[-1][1].inconclusive if checks else None) or state.given["inconclusive"]
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


class _Teller:
    """Gives each report the story of what its test has found out so far."""

    @pytest.hookimpl(wrapper=True, trylast=True)  # within all others, which may read a report's sections
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        test_state = item.config.stash[_STATE].test_state
        test_state.tell(verbosity=item.config.get_verbosity())
        report = yield
        ReportSections.add(report, test_state.report_sections)
        return report


class _Sender:
    """Gives each report the checks and agreements that were made since the last one."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        test_state = item.config.stash[_STATE].test_state
        report = yield
        if test_state.unreported or test_state.agreements or test_state.n_not_run:
            sent = {"entries": test_state.take_lines(failed=report.failed), "n_not_run": test_state.n_not_run}
            report.gilcheck = sent  # type: ignore[attr-defined]  # reports carry what plugins give them
            test_state.n_not_run = 0
        return report


class _Collector:
    """Takes checks and agreements out of the reports, its own process's and those of workers."""

    def __init__(self, state: SessionState, report_sections: ReportSections) -> None:
        self._state = state
        self._report_sections = report_sections

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None, None, None]:
        self._take(report)
        yield
        self._report_sections.logged(report)

    def _take(self, report: pytest.TestReport) -> None:
        sent = getattr(report, "gilcheck", None)
        if sent is None:
            return
        # pytest keeps every report to its end: with their text, 50 kB a check.
        del report.gilcheck
        session = self._state.session
        if str(report.outcome) == "rerun":  # pytest-rerunfailures' word
            n = len(sent["entries"])
            session.warnings.append(
                f"{report.nodeid} was run again: {n} checks of the failed attempt are not in this report"
            )
            return
        session.n_not_run += sent["n_not_run"]
        session.journal.extend(sent["entries"])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    state = config.stash[_STATE]
    asked = state.given[""]
    if config.option.collectonly or not (asked or state.has_session):
        return
    from pytest_gilcheck.pytest_plugin import delivery  # noqa: PLC0415
    from pytest_gilcheck.pytest_plugin.summary import summarize  # noqa: PLC0415

    session = state.session
    told = delivery.github_lines(session, config.rootpath, asked=asked) if delivery.for_github(state.given) else ()
    summarize(terminalreporter, session, asked=asked, verbosity=config.get_verbosity(), annotations=told)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    state = config.stash.get(_STATE, None)
    if state is None or config.option.collectonly or state.is_worker:
        return
    given, asked = state.given, state.given[""]
    if not (asked or given["save"] or given["autosave"] or state.baseline is not None or state.has_session):
        return
    from pytest_gilcheck.pytest_plugin import delivery  # noqa: PLC0415

    found = state.session
    found.journal.extend(state.test_state.take_lines(failed=False))  # of a test that was broken off
    if state.baseline is not None:
        fails_if_inconclusive = given["inconclusive"] == "fail"
        found.compare_with(*state.baseline, given["compare-fail"], fails_if_inconclusive=fails_if_inconclusive)
    interrupted = (
        "stopped" if session.exitstatus in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR) else None
    )
    delivery.deliver(found, given, config.rootpath, asked=asked, interrupted=interrupted)
    passed = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    if passed and found.gate_failures(checking=asked):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
