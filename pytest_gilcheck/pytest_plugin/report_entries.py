"""Checks and agreements travel with the reports of tests, because xdist sends these from a worker to its controller."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_gilcheck.evidence import CheckFailed
from pytest_gilcheck.pytest_plugin.report_sections import SectionKeeper

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_gilcheck.pytest_plugin.session_state import SessionState

_COLLECTOR = "gilcheck-entry-collector"


class EntrySender:
    """Gives each report the checks and agreements that were made since the last one."""

    def __init__(self, state: SessionState) -> None:
        self._state = state

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Add them, once all others have made up their minds about the test's outcome."""
        report = yield
        traceback = getattr(report.longrepr, "reprtraceback", None)
        if traceback is not None and call.excinfo is not None and isinstance(call.excinfo.value, CheckFailed):
            # It says how to see frames of ours, which explain nothing.
            traceback.extraline = None
        test = self._state.test
        if test.unreported or test.agreements or test.n_not_run or test.n_not_enforced:
            carried = {
                "entries": test.take_lines(failed=report.failed, failure=_failure(report)),
                "n_not_run": test.n_not_run,
                "n_not_enforced": test.n_not_enforced,
            }
            report.gilcheck = carried  # type: ignore[attr-defined]  # a plugin may add to a report
            test.n_not_run = test.n_not_enforced = 0
        return report


#: The reason why a test failed is cut to so many characters.
_LONGEST_FAILURE = 300


def _failure(report: pytest.TestReport) -> str:
    """Return why a test failed, in one line; empty where it did not."""
    if not report.failed:
        return ""
    crash = getattr(report.longrepr, "reprcrash", None)
    message = report.longreprtext if crash is None else crash.message
    return message.partition("\n")[0][:_LONGEST_FAILURE]


class EntryCollector:
    """Takes checks and agreements out of the reports, those of this process and those of workers."""

    def __init__(self, state: SessionState) -> None:
        self._state = state
        reporter = state.config.pluginmanager.getplugin("terminalreporter")
        self._sections = SectionKeeper(are_shown=reporter is not None and reporter.hasopt("P"))

    @classmethod
    def register(cls, state: SessionState) -> None:
        """Register the collector of this process, unless it is registered."""
        manager = state.config.pluginmanager
        if not manager.hasplugin(_COLLECTOR):
            manager.register(cls(state), _COLLECTOR)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None, None, None]:
        """Take the entries before others see the report, and drop its sections after them."""
        self._take(report)
        yield
        self._sections.logged(report)

    def _take(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._state.failed_tests.add(report.nodeid)
        carried = getattr(report, "gilcheck", None)
        if carried is None:
            return
        # pytest keeps every report to its end: with their text, 50 kB a check.
        del report.gilcheck
        session = self._state.session
        if str(report.outcome) == "rerun":  # pytest-rerunfailures' word
            n = len(carried["entries"])
            session.warnings.append(
                f"{report.nodeid} was run again: {n} checks of the failed attempt are not in this report"
            )
            return
        session.n_not_run += carried["n_not_run"]
        session.n_not_enforced += carried["n_not_enforced"]
        session.journal.extend(carried["entries"])
