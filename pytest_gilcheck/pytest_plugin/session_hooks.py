"""Hooks of a session that runs tests: its baseline, the checker behind `pytest_gilcheck.check`, its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_gilcheck.checker.active import ACTIVE
from pytest_gilcheck.pytest_plugin.fixtures import CHECKER
from pytest_gilcheck.pytest_plugin.hooks import IS_LEFT_OUT
from pytest_gilcheck.pytest_plugin.session_state import DESELECTED_KEY, SessionState
from pytest_gilcheck.status.callback import STATUS_DISPLAY

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_gilcheck.declare.config import Config


class SessionHooks:
    """Keeps the state of a session from its start to its end.

    Around each test it only notes which test it is: what a checker needs is set once for the session.
    """

    def __init__(self, config: pytest.Config, options: Config) -> None:
        self._config = config
        self._options = options
        self._state = SessionState(config, options)
        self._compares = options.compare is not None or bool(options.compare_fail)

    def begin(self) -> None:
        """Prepare for the workers of xdist, and read the baseline.

        Raises:
            pytest.UsageError: There is no such baseline, or it cannot be read.
        """
        config, state = self._config, self._state
        config.stash[CHECKER] = state.checker
        config.pluginmanager.register(FailureWriter(state), "gilcheck-failure-writer")
        if config.pluginmanager.hasplugin("dsession"):
            from pytest_gilcheck.pytest_plugin.report_entries import EntryCollector  # noqa: PLC0415  (where there are workers)
            from pytest_gilcheck.pytest_plugin.xdist import Workers  # noqa: PLC0415  (as above)

            state.workers = Workers(lambda: state.session, state.deselected)
            config.pluginmanager.register(state.workers, "gilcheck-workers")
            EntryCollector.register(state)
        name = self._options.compare or ("last" if self._options.compare_fail else None)
        if name is not None and not state.is_worker:
            from pytest_gilcheck.gate.comparison import baseline_entries  # noqa: PLC0415  (where one is asked for)
            from pytest_gilcheck.store.baselines import find  # noqa: PLC0415  (as above)
            from pytest_gilcheck.store.stream import Stream  # noqa: PLC0415  (as above)

            try:
                path = find(config.rootpath / self._options.storage, name, config.invocation_params.dir)
                state.baseline = path.name, baseline_entries(Stream(path))
            except ValueError as error:
                raise pytest.UsageError(str(error)) from None

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Register the hooks around each test where one of the selected tests can check something."""
        if self._options.is_on or any(IS_LEFT_OUT in item.stash for item in session.items):
            self._state.add_item_hooks()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Stand behind `pytest_gilcheck.check` while tests run, so that its checks are reported, too."""
        checker, display = ACTIVE.set(self._state.checker), STATUS_DISPLAY.set(self._state.status_callback)
        try:
            return (yield)
        finally:
            STATUS_DISPLAY.reset(display)
            ACTIVE.reset(checker)
            self._state.end_tests()

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Note tests that this run leaves out, where a baseline has their checks."""
        if self._compares:
            self._state.deselected.update(item.nodeid for item in items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Note the test."""
        self._state.item = item

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write the plugin's part of the summary."""
        state, is_on = self._state, self._options.is_on
        if is_on or state.has_session:
            from pytest_gilcheck.pytest_plugin.summary import summarize  # noqa: PLC0415  (where somebody has checked)

            summarize(terminalreporter, state.session, is_on=is_on, verbosity=self._config.get_verbosity())

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Compare with the baseline, write what was asked for, and let the gate decide."""
        state, options = self._state, self._options
        if state.is_worker:
            if self._compares:  # the controller collects no tests
                self._config.workeroutput[DESELECTED_KEY] = sorted(state.deselected)  # type: ignore[attr-defined]  # xdist's
            return
        if not (options.is_on or options.save or options.autosave or state.baseline is not None or state.has_session):
            return
        from pytest_gilcheck.pytest_plugin.delivery import deliver  # noqa: PLC0415  (where somebody has checked)

        found = state.session
        found.journal.extend(state.test.take_lines(failed=False))  # of a test that was broken off
        is_interrupted = session.exitstatus in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR)
        if state.baseline is not None:
            from pytest_gilcheck.pytest_plugin.extent import Extent  # noqa: PLC0415  (where there is a baseline)

            extent = Extent(session, options, deselected=state.deselected, failed=state.failed_tests)
            found.compare_with(
                *state.baseline,
                options.compare_fail,
                fails_if_inconclusive=options.inconclusive == "fail",
                was_to_run=lambda test: extent.includes(test) and not is_interrupted,
            )
        config = self._config
        interrupted = "stopped" if is_interrupted else None
        deliver(found, options, config.rootpath, config.invocation_params.dir, interrupted=interrupted)
        passed = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        if passed and found.gate_failures(checking=options.is_on):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_unconfigure(self) -> None:
        """Give back everything that the session holds."""
        self._state.close()


class FailureWriter:
    """Writes why the gate fails, below everything else but pytest's last line."""

    def __init__(self, state: SessionState) -> None:
        self._state = state

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> Generator[None, object, object]:
        """Write the reasons once all others have written."""
        result = yield
        state = self._state
        if not (state.options.is_on or state.has_session):
            return result
        from pytest_gilcheck.pytest_plugin.delivery import github_lines, is_for_github  # noqa: PLC0415  (where somebody has checked)
        from pytest_gilcheck.pytest_plugin.summary import write_failures  # noqa: PLC0415  (as above)

        is_on = state.options.is_on
        if is_for_github(state.options):
            for annotation in github_lines(state.session, state.config.rootpath, is_on=is_on):
                terminalreporter.write_line(annotation)
        write_failures(terminalreporter, state.session.gate_failures(checking=is_on))
        return result
