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
from types import BuiltinMethodType, MethodType
from typing import TYPE_CHECKING, Any, ClassVar

from pytest_gilcheck.declare import options

if TYPE_CHECKING:
    import pytest

    from pytest_gilcheck.checker.checker import Checker
    from pytest_gilcheck.checker.unmeasured import UnmeasuredChecker
    from pytest_gilcheck.declare.settings import Settings
    from pytest_gilcheck.evidence import Agreement, BaselineEntry, Observation, Verdict
    from pytest_gilcheck.gate.session import Session
    from pytest_gilcheck.pytest_plugin.xdist import Workers
    from pytest_gilcheck.run.machine_lock import MachineLock
    from pytest_gilcheck.status.callback import StatusCallback
    from pytest_gilcheck.store.json_report import AgreementEntry, CheckEntry


@dataclass
class TestState:
    """The test that runs now: checks and agreements that its next report takes along, and all checks for its outcome.

    `compared` has each function whose answers were compared, and what came of it; `report_sections` what each report of the test
    tells at length. `is_left_out`: by ``--gilcheck-only`` or ``--gilcheck-skip``.
    """

    __test__: ClassVar[bool] = False  # pytest takes a class of this name for a test wherever a test module imports it

    item: pytest.Item | None = None
    is_left_out: bool = False
    unreported: list[CheckEntry] = field(default_factory=list)
    agreements: list[AgreementEntry] = field(default_factory=list)
    checks: list[tuple[Verdict, Settings]] = field(default_factory=list)
    compared: dict[object, tuple[object, str]] = field(default_factory=dict)
    report_sections: list[str] = field(default_factory=list)
    n_not_run: int = 0

    def begin(self, item: pytest.Item, *, is_left_out: bool) -> None:
        """A test begins: what an earlier one has not reported yet stays."""
        self.item, self.is_left_out = item, is_left_out
        self.begin_attempt()

    def begin_attempt(self) -> None:
        """It begins, perhaps once more: what a failed attempt has found counts for nothing in the next one."""
        self.checks, self.compared, self.report_sections = [], {}, []

    def end(self) -> None:
        """No test runs."""
        self.item, self.is_left_out = None, False
        self.begin_attempt()

    def agreement_of(self, function: object) -> str:
        """What came of comparing this function's answers in this test? One difference outweighs all agreement."""
        return self.compared.get(_identity(function), (None, "not_checked"))[1]

    def note_agreement(self, function: object, made: AgreementEntry, *, adds_up: bool) -> None:
        """Keeps an agreement. `adds_up`: one example of several, which a test under a ``@given`` of its own compares one by
        one: they become one entry."""
        if self.agreement_of(function) != "differ":
            self.compared[_identity(function)] = function, made.agreement.word
        last = self.agreements[-1] if self.agreements else None
        if adds_up and last is not None and (last.test, last.name) == (made.test, made.name):
            self.agreements[-1] = replace(last, agreement=_sum(last.agreement, made.agreement))
        else:
            self.agreements.append(made)

    def tell(self, *, verbosity: int) -> None:
        """Adds what no report has taken yet to the test's stories, and agreements to its properties: before its report is
        made. What was found outside of this test stays out of its story."""
        if self.item is None or not (self.unreported or self.agreements):
            return
        from pytest_gilcheck.report import agreement as agreement_text  # noqa: PLC0415  (only where something was checked or compared)
        from pytest_gilcheck.report.text import ALL_FRAMES, report_lines  # noqa: PLC0415  (as above)

        test = self.item.nodeid
        told = [
            report_lines(made.observation, made.verdict, all_frames=verbosity >= ALL_FRAMES)
            for made in self.unreported
            if made.test == test
        ]
        for made in self.agreements:
            if made.test == test:
                told.append(agreement_text.report_lines(made.agreement))
                self.item.user_properties += agreement_text.junit_properties(made.agreement)
        self.report_sections += map("\n".join, told)

    def lines(self, *, failed: bool = False) -> list[str]:
        """Checks and agreements that no report has taken yet, as lines of the JSON report: text, so that xdist can send it."""
        if not self.unreported and not self.agreements:
            return []
        from pytest_gilcheck.store.json_report import to_line  # noqa: PLC0415  (only where something was checked)

        entries: list[CheckEntry | AgreementEntry] = [*self.unreported, *self.agreements]
        return [to_line(replace(entry, failed=failed)) for entry in entries]

    def take_lines(self, *, failed: bool) -> list[str]:
        """The same, and they are taken."""
        taken = self.lines(failed=failed)
        self.unreported, self.agreements = [], []
        return taken


def _identity(function: object) -> object:
    """What two names of the same function share? A bound method is made anew each time it is asked for; objects that are
    called may have an ``==`` that means something else. Valid while the function lives."""
    if isinstance(function, MethodType):
        return id(function.__self__), id(function.__func__)
    if isinstance(function, BuiltinMethodType):
        return id(function.__self__), function.__name__
    return id(function)


def _sum(one: Agreement, other: Agreement) -> Agreement:
    """Both together; of two differences the later one, which hypothesis has made smaller."""
    return replace(
        other if other.difference is not None else one,
        n_examples=one.n_examples + other.n_examples,
        n_calls=one.n_calls + other.n_calls,
    )


class SessionState:
    """What is kept from pytest's configuration to its end, made when first asked for. `given`: the options as read."""

    def __init__(self, config: pytest.Config, given: dict[str, Any]) -> None:
        self.config = config
        self.given = given
        self.test_state = TestState()
        self.baseline: tuple[str, dict[str, BaselineEntry]] | None = None
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
        from pytest_gilcheck.gate.session import Session  # noqa: PLC0415  (as everything below: only when asked for)

        return Session()

    @cached_property
    def settings(self) -> Settings:
        """How is measured where nothing nearer says it? As the command line and the ini file say."""
        from pytest_gilcheck.declare.settings import Settings  # noqa: PLC0415

        changes = {option.setting: self.given[option.name] for option in options.OPTIONS if option.setting}
        return Settings().with_read({name: value for name, value in changes.items() if value is not None})

    @cached_property
    def quiet(self) -> MachineLock:
        """The lock between those who measure wall time and all others of this machine."""
        from pytest_gilcheck.run.machine_lock import MachineLock  # noqa: PLC0415

        return MachineLock()

    def checker(self) -> Checker | UnmeasuredChecker:
        """The checker of the test that runs now."""
        why = None
        if self.given["disable"]:
            why = "under --gilcheck-disable"
        elif self.test_state.is_left_out:
            why = "in a test that --gilcheck-only or --gilcheck-skip leaves out"
            self.test_state.n_not_run = 1
        if why is not None:
            from pytest_gilcheck.checker.unmeasured import UnmeasuredChecker  # noqa: PLC0415

            return UnmeasuredChecker(why=why)
        return self.measuring_checker(self.settings)

    def measuring_checker(self, settings: Settings) -> Checker:
        """A checker whose checks are noted here."""
        from pytest_gilcheck.checker.checker import Checker  # noqa: PLC0415
        from pytest_gilcheck.run import Rescue  # noqa: PLC0415  (as the one above: only where something is checked)

        journal, test_state = self.session.journal, self.test_state

        def so_far() -> list[bytes | Path]:
            pieces = journal.pieces(test_state.lines(), interrupted="deadline")
            return [piece if isinstance(piece, Path) else piece.encode() for piece in pieces]

        stderr_fd = 2 if self._stderr is None else self._stderr
        rescue = Rescue(self._rescue_path(), so_far, stderr_fd=stderr_fd)
        return Checker(
            settings,
            on_check=self._note,
            on_agreement=self._note_agreement,
            earlier_agreement=test_state.agreement_of,
            rescue=rescue,
            exclusive=self.quiet.exclusive,
        )

    def status_callback(self) -> contextlib.AbstractContextManager[StatusCallback | None]:
        """Opens a line of pytest's terminal for what a long check does; see `declare.status_callback`."""
        from pytest_gilcheck.pytest_plugin.status_line import status_line  # noqa: PLC0415

        return status_line(self.config)

    def _note(self, observation: Observation, verdict: Verdict, settings: Settings) -> None:
        from pytest_gilcheck.report.findings import junit_properties  # noqa: PLC0415
        from pytest_gilcheck.store.json_report import CheckEntry  # noqa: PLC0415

        item = self.test_state.item
        self.test_state.checks.append((verdict, settings))
        test, file, line = _place(item)
        self.test_state.unreported.append(
            CheckEntry(verdict.name, replace(verdict, result=None), observation, test, file, line)
        )
        if item is not None:
            item.user_properties += junit_properties(verdict)
        self.config.hook.pytest_gilcheck_verdict(item=item, observation=observation, verdict=verdict)

    def _note_agreement(self, function: object, agreement: Agreement, adds_up: bool) -> None:  # noqa: FBT001  (a callback)
        from pytest_gilcheck.store.json_report import AgreementEntry  # noqa: PLC0415

        item = self.test_state.item
        self.test_state.note_agreement(function, AgreementEntry(agreement, *_place(item)), adds_up=adds_up)
        self.config.hook.pytest_gilcheck_agreement(item=item, agreement=agreement)

    def _rescue_path(self) -> Path:
        if self.is_worker:
            from pytest_gilcheck.pytest_plugin.xdist import RESCUE_KEY  # noqa: PLC0415

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
