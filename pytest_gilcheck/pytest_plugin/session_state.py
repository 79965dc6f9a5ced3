"""What is kept from a pytest session's start to its end.

Knows pytest's objects and never imports pytest. Every run of tests imports this module, so each method imports what only
a check needs.
"""

from __future__ import annotations

import contextlib
import os
import threading
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from pytest_gilcheck.checker.checker import Checker
    from pytest_gilcheck.checker.unmeasured import UnmeasuredChecker
    from pytest_gilcheck.declare.config import Config
    from pytest_gilcheck.declare.settings import Settings
    from pytest_gilcheck.evidence import Agreement, BaselineEntry, Observation, Verdict
    from pytest_gilcheck.gate.session import Session
    from pytest_gilcheck.pytest_plugin.current_test import TestState
    from pytest_gilcheck.pytest_plugin.xdist import Workers
    from pytest_gilcheck.run.machine_lock import MachineLock
    from pytest_gilcheck.status.callback import StatusCallback

#: Key of a worker's output: the tests that the run leaves out.
DESELECTED_KEY = "gilcheck_deselected"


class SessionState:
    """The state of one pytest session in one process. Most of it is made when it is first asked for.

    Args:
        config: pytest's configuration.
        options: The options of the plugin.

    Attributes:
        item: The test that runs now or, between two tests, the last one.
        baseline: Name and entries of the baseline to compare with.
        deselected: Ids of the tests that this run leaves out, where there is a baseline.
        failed_tests: Ids of the tests that failed.
        workers: The hooks for xdist's workers, in their controller.
    """

    def __init__(self, config: pytest.Config, options: Config) -> None:
        self.config = config
        self.options = options
        self.item: pytest.Item | None = None
        self.baseline: tuple[str, dict[str, BaselineEntry]] | None = None
        self.deselected: set[str] = set()
        self.failed_tests: set[str] = set()
        self.workers: Workers | None = None
        self._has_item_hooks = False
        self._lock = threading.Lock()
        # pytest captures nothing at this moment, and everything while tests run. The message about a call that keeps
        # the GIL for ever must reach people.
        self._stderr: int | None = None
        with contextlib.suppress(OSError):  # a process without stderr
            self._stderr = os.dup(2)

    @property
    def is_worker(self) -> bool:
        """Return whether xdist started this process."""
        return hasattr(self.config, "workerinput")

    @property
    def has_session(self) -> bool:
        """Return whether anything was checked or reported yet."""
        return "session" in vars(self)

    @cached_property
    def session(self) -> Session:
        """Return what this session has found."""
        from pytest_gilcheck.gate.session import Session  # noqa: PLC0415  (only where somebody checks, as all below)

        return Session()

    @cached_property
    def test(self) -> TestState:
        """Return the state of the test that runs now."""
        from pytest_gilcheck.pytest_plugin.current_test import TestState  # noqa: PLC0415

        return TestState()

    @cached_property
    def settings(self) -> Settings:
        """Return the settings of a check about which nothing nearer than the run's options says anything."""
        from pytest_gilcheck.declare.settings import settings_of_run  # noqa: PLC0415

        return settings_of_run(self.options)

    @cached_property
    def machine_lock(self) -> MachineLock:
        """Return the lock that a measurement of wall time holds alone, and that ordinary tests share."""
        from pytest_gilcheck.run.machine_lock import MachineLock  # noqa: PLC0415

        return MachineLock()

    def add_item_hooks(self) -> None:
        """Register the hooks around each test, once, at the latest when a checker is first asked for.

        A plain test may call `pytest_gilcheck.check` at any time, also from a thread of its own: then the hooks take
        part from the present phase of the present test on.
        """
        with self._lock:
            if self._has_item_hooks:
                return
            self._has_item_hooks = True
            from pytest_gilcheck.pytest_plugin.item_hooks import register  # noqa: PLC0415

            if self.item is not None:
                self.test.begin(self.item, is_left_out=False)
            register(self)

    def end_tests(self) -> None:
        """End the last test."""
        self.item = None
        if self._has_item_hooks:
            self.test.end()

    def checker(self) -> Checker | UnmeasuredChecker:
        """Return the checker of the test that runs now."""
        self.add_item_hooks()
        why = None
        if self.options.disable:
            why = "under --gilcheck-disable"
        elif self.test.is_left_out:
            why = "in a test that --gilcheck-only or --gilcheck-skip leaves out"
            self.test.n_not_run = 1
        if why is not None:
            from pytest_gilcheck.checker.unmeasured import UnmeasuredChecker  # noqa: PLC0415

            return UnmeasuredChecker(why=why)
        return self.measuring_checker(self.settings)

    def measuring_checker(self, settings: Settings) -> Checker:
        """Return a checker that keeps its checks here."""
        from pytest_gilcheck.checker.checker import Checker  # noqa: PLC0415
        from pytest_gilcheck.run import Rescue  # noqa: PLC0415

        journal, test = self.session.journal, self.test

        def entries_so_far() -> list[bytes | Path]:
            pieces = journal.pieces(test.lines(), interrupted="deadline")
            return [piece if isinstance(piece, Path) else piece.encode() for piece in pieces]

        stderr_fd = 2 if self._stderr is None else self._stderr
        return Checker(
            settings,
            on_check=self._add_check,
            on_agreement=self._add_agreement,
            earlier_agreement=test.agreement_of,
            rescue=Rescue(self._rescue_path(), entries_so_far, stderr_fd=stderr_fd),
            exclusive=self.machine_lock.exclusive,
        )

    def status_callback(self) -> contextlib.AbstractContextManager[StatusCallback | None]:
        """Return a context in which pytest's terminal shows what a long check does. See `status.callback`."""
        from pytest_gilcheck.pytest_plugin.status_line import status_line  # noqa: PLC0415

        return status_line(self.config)

    def _add_check(self, observation: Observation, verdict: Verdict, settings: Settings) -> None:
        from dataclasses import replace  # noqa: PLC0415

        from pytest_gilcheck.report.findings import junit_properties  # noqa: PLC0415
        from pytest_gilcheck.store.json_report import CheckEntry  # noqa: PLC0415

        item = self.test.item
        self.test.checks.append((verdict, settings))
        ordinal = self.test.next_ordinal("check", verdict.name)
        without_result = replace(verdict, result=None)
        self.test.unreported.append(
            CheckEntry(verdict.name, without_result, observation, *_location(item), ordinal=ordinal)
        )
        if item is not None:
            item.user_properties += junit_properties(verdict, ordinal)
        self.config.hook.pytest_gilcheck_verdict(item=item, observation=observation, verdict=verdict)

    def _add_agreement(self, function: object, agreement: Agreement, adds_up: bool) -> None:  # noqa: FBT001  (a callback)
        from pytest_gilcheck.store.json_report import AgreementEntry  # noqa: PLC0415

        item = self.test.item
        # What adds up is one agreement, whatever the number of its examples.
        ordinal = 1 if adds_up else self.test.next_ordinal("agreement", agreement.name)
        entry = AgreementEntry(agreement, *_location(item), ordinal=ordinal)
        self.test.add_agreement(function, entry, adds_up=adds_up)
        self.config.hook.pytest_gilcheck_agreement(item=item, agreement=agreement)

    def _rescue_path(self) -> Path:
        if self.is_worker:
            from pytest_gilcheck.pytest_plugin.xdist import RESCUE_KEY  # noqa: PLC0415

            return Path(self.config.workerinput[RESCUE_KEY])  # type: ignore[attr-defined]  # set by xdist
        if self.options.json:  # relative to where pytest was started: the test may have changed the directory
            return self.config.invocation_params.dir / self.options.json
        return self.config.rootpath / ".gilcheck" / "interrupted.json"

    def close(self) -> None:
        """Delete the files of the session and close its descriptors."""
        if self.has_session:
            self.session.close()
        if self.workers is not None:
            self.workers.close()
        if "machine_lock" in vars(self):
            self.machine_lock.close()
        if self._stderr is not None:
            os.close(self._stderr)
            self._stderr = None


def _location(item: pytest.Item | None) -> tuple[str | None, str | None, int | None]:
    """Return the test's id, its file, and the line that it begins in, from 1."""
    if item is None:
        return None, None, None
    file, line, _ = item.location
    return item.nodeid, file, None if line is None else line + 1
