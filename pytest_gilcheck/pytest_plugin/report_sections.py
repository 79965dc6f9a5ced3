"""What a test has found, as sections of its reports, for as long as somebody may read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_gilcheck.pytest_plugin.session_state import SessionState

#: As pytest itself names the sections of a report, so that ``--show-capture`` treats them as others.
_HEADING = "Captured gilcheck call"


class SectionWriter:
    """Gives each report of a test the sections of all that the test has found so far."""

    def __init__(self, state: SessionState) -> None:
        self._state = state

    @pytest.hookimpl(wrapper=True, trylast=True)  # within all others, which may read a report's sections
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Write what is new, and add all."""
        test = self._state.test
        test.write_sections(verbosity=item.config.get_verbosity())
        report = yield
        report.sections += [(_HEADING, text) for text in test.sections]
        return report


class SectionKeeper:
    """Drops our sections from the reports of a test that has passed, unless they are shown.

    pytest keeps all reports until its end. It shows their sections only where a test did not pass, or where ``-rP`` asks
    for those that did: `are_shown`. Sections that nobody reads were 5 kB a check. Other plugins, such as pytest-html,
    read a report while its test is logged, at the latest with its teardown.
    """

    def __init__(self, *, are_shown: bool) -> None:
        self._are_shown = are_shown
        self._logged: dict[tuple[object, str], list[pytest.TestReport]] = {}

    def logged(self, report: pytest.TestReport) -> None:
        """Note a report that everybody has read, and drop the sections of its test's reports after the last one."""
        if self._are_shown:
            return
        key = getattr(report, "node", None), report.nodeid  # one test may run in several workers
        if report.passed and not hasattr(report, "wasxfail") and any(name == _HEADING for name, _ in report.sections):
            self._logged.setdefault(key, []).append(report)
        if report.when == "teardown":
            for kept in self._logged.pop(key, ()):
                kept.sections = [section for section in kept.sections if section[0] != _HEADING]
