"""The books of a pytest session: which test runs now, what it has found out, and what goes home with its report.

Knows pytest's objects and never imports pytest: the hooks hand over what is to be kept. Imported by every run where
the plugin is installed, so that anything heavier than the option table is imported where a check is made.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_gilcheck.declare import options

if TYPE_CHECKING:
    import pytest

    from pytest_gilcheck.check import Checker
    from pytest_gilcheck.declare.audience import Tell
    from pytest_gilcheck.declare.settings import Settings
    from pytest_gilcheck.evidence import Observation, Standing, Verdict
    from pytest_gilcheck.report.document import Check
    from pytest_gilcheck.report.session import Session
    from pytest_gilcheck.run.quiet import Quiet
    from pytest_gilcheck.unmeasured import UnmeasuredChecker
    from pytest_gilcheck.xdist import Workers


@dataclass
class Running:
    """The test that runs now: checks that its next report takes along, and all of them for its outcome. `is_left_out`:
    by ``--gilcheck-only`` or ``--gilcheck-skip``."""

    item: pytest.Item | None = None
    is_left_out: bool = False
    unreported: list[Check] = field(default_factory=list)
    checks: list[tuple[Verdict, Settings]] = field(default_factory=list)
    n_not_run: int = 0

    def begin(self, item: pytest.Item, *, is_left_out: bool) -> None:
        """A test begins: what an earlier one has not reported yet stays, its checks are over."""
        self.item, self.is_left_out, self.checks = item, is_left_out, []

    def end(self) -> None:
        """No test runs."""
        self.item, self.is_left_out = None, False

    def take_lines(self, *, failed: bool) -> list[str]:
        """What no report has taken yet, as lines of the document: text, so that xdist can send it."""
        if not self.unreported:
            return []
        from pytest_gilcheck.report.document import check_line  # noqa: PLC0415  (only where something was checked)

        checks, self.unreported = self.unreported, []
        return [check_line(replace(check, failed=failed)) for check in checks]


class Books:
    """What is kept from pytest's configuration to its end, made when first asked for. `given`: the options as read."""

    def __init__(self, config: pytest.Config, given: dict[str, Any]) -> None:
        self.config = config
        self.given = given
        self.running = Running()
        self.baseline: tuple[str, dict[str, Standing]] | None = None
        self.workers: Workers | None = None
        # Capture is suspended now and never again: what is said when a call keeps the GIL for ever must reach people.
        self._stderr: int | None = None
        with contextlib.suppress(OSError):  # a process without stderr
            self._stderr = os.dup(2)

    @property
    def is_worker(self) -> bool:
        """Is this a process that xdist started?"""
        return hasattr(self.config, "workerinput")

    @property
    def has_session(self) -> bool:
        """Has anything been checked, or said, yet?"""
        return "session" in vars(self)

    @cached_property
    def session(self) -> Session:
        """What this session has found out."""
        from pytest_gilcheck.report.session import Session  # noqa: PLC0415  (as everything below: only when asked for)

        return Session()

    @cached_property
    def settings(self) -> Settings:
        """How is measured where nothing nearer says it? As the command line and the ini file say."""
        from pytest_gilcheck.declare.settings import Settings  # noqa: PLC0415

        changes = {option.setting: self.given[option.name] for option in options.OPTIONS if option.setting}
        return Settings().with_read({name: value for name, value in changes.items() if value is not None})

    @cached_property
    def quiet(self) -> Quiet:
        """The lock between those who measure wall time and all others of this machine."""
        from pytest_gilcheck.run.quiet import Quiet  # noqa: PLC0415

        return Quiet()

    def checker(self) -> Checker | UnmeasuredChecker:
        """The checker of the test that runs now."""
        why = None
        if self.given["disable"]:
            why = "under --gilcheck-disable"
        elif self.running.is_left_out:
            why = "in a test that --gilcheck-only or --gilcheck-skip leaves out"
            self.running.n_not_run = 1
        if why is not None:
            from pytest_gilcheck.unmeasured import UnmeasuredChecker  # noqa: PLC0415

            return UnmeasuredChecker(why=why)
        return self.measuring_checker(self.settings)

    def measuring_checker(self, settings: Settings) -> Checker:
        """A checker whose checks are noted here."""
        from pytest_gilcheck.agree.checker import FixtureChecker  # noqa: PLC0415
        from pytest_gilcheck.measure import Rescue  # noqa: PLC0415
        from pytest_gilcheck.report.document import check_line  # noqa: PLC0415

        journal, running = self.session.journal, self.running

        def so_far() -> bytes:
            return journal.ending(map(check_line, running.unreported), interrupted="deadline").encode()

        stderr_fd = 2 if self._stderr is None else self._stderr
        rescue = Rescue(self._rescue_path(), so_far, stderr_fd=stderr_fd, head=lambda: journal.path)
        return FixtureChecker(settings, on_check=self._note, rescue=rescue, alone=self.quiet.alone)

    def audience(self) -> contextlib.AbstractContextManager[Tell | None]:
        """Opens a line of pytest's terminal for what a long check does; see `declare.audience`."""
        from pytest_gilcheck.report.status_line import status_line  # noqa: PLC0415

        return status_line(self.config)

    def _note(self, observation: Observation, verdict: Verdict, settings: Settings) -> None:
        from pytest_gilcheck.report.document import Check  # noqa: PLC0415
        from pytest_gilcheck.report.findings import properties  # noqa: PLC0415
        from pytest_gilcheck.report.text import ALL_FRAMES, story  # noqa: PLC0415

        item = self.running.item
        self.running.checks.append((verdict, settings))
        test, file, line = _place(item)
        self.running.unreported.append(
            Check(verdict.name, replace(verdict, result=None), observation, test, file, line)
        )
        if item is not None:
            told = story(observation, verdict, all_frames=self.config.get_verbosity() >= ALL_FRAMES)
            item.add_report_section("call", "gilcheck", "\n".join(told))
            item.user_properties += properties(verdict)
        self.config.hook.pytest_gilcheck_verdict(item=item, observation=observation, verdict=verdict)

    def _rescue_path(self) -> Path:
        if self.is_worker:
            from pytest_gilcheck.xdist import RESCUE_KEY  # noqa: PLC0415

            return Path(self.config.workerinput[RESCUE_KEY])  # type: ignore[attr-defined]  # set by xdist
        given = self.given["json"]
        return Path(given) if given else self.config.rootpath / ".gilcheck" / "interrupted.json"

    def close(self) -> None:
        """Takes every file away."""
        if self.has_session:
            self.session.close()
        if self.workers is not None:
            self.workers.close()
        if "quiet" in vars(self):
            self.quiet.close()
        if self._stderr is not None:
            os.close(self._stderr)
            self._stderr = None


def _place(item: pytest.Item | None) -> tuple[str | None, str | None, int | None]:
    """The test, its file, and the line that it begins in, from 1."""
    if item is None:
        return None, None, None
    file, line, _ = item.location
    return item.nodeid, file, None if line is None else line + 1
