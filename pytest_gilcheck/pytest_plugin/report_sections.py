"""The stories of checks in the reports of tests, for as long as somebody may read them.

Knows pytest's reports and never imports pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

#: As pytest itself names the sections of a report, so that ``--show-capture`` treats them as others.
_HEADING = "Captured gilcheck call"


class ReportSections:
    """The stories in tests' reports: there for whoever makes, sends or writes a report, and gone with a test that passed.

    pytest keeps all reports until its end, and shows their sections then only where a test did not pass, or ``-rP`` asks
    for those that did: `are_shown`. Kept for nobody they were 5 kB a check. Others, as pytest-html, read a report
    while its test is logged, at the latest with its teardown.
    """

    def __init__(self, *, are_shown: bool) -> None:
        self._are_shown = are_shown
        self._logged: dict[tuple[object, str], list[pytest.TestReport]] = {}

    @staticmethod
    def add(report: pytest.TestReport, report_sections: Iterable[str]) -> None:
        """Puts them into a report that is being made."""
        report.sections += [(_HEADING, text) for text in report_sections]

    def logged(self, report: pytest.TestReport) -> None:
        """When everybody has been given this report, and perhaps kept it until the last one of its test."""
        if self._are_shown:
            return
        key = getattr(report, "node", None), report.nodeid  # one test may run in several workers
        if report.passed and not hasattr(report, "wasxfail") and any(name == _HEADING for name, _ in report.sections):
            self._logged.setdefault(key, []).append(report)
        if report.when == "teardown":
            for told in self._logged.pop(key, ()):
                told.sections = [section for section in told.sections if section[0] != _HEADING]
