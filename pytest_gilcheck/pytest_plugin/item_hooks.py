"""Hooks around each test. They are registered where a test of the session can check something, and cost others nothing."""

from __future__ import annotations

import contextlib
import warnings
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import pytest

from pytest_gilcheck.evidence import Inconclusive, NotApplicable, UsageError
from pytest_gilcheck.pytest_plugin.hooks import IS_LEFT_OUT, MISUSE, SETTINGS
from pytest_gilcheck.pytest_plugin.report_entries import EntryCollector, EntrySender
from pytest_gilcheck.pytest_plugin.report_sections import SectionWriter

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from pytest_gilcheck.pytest_plugin.session_state import SessionState


def register(state: SessionState) -> None:
    """Register everything that a session needs in which a test can check something."""
    manager = state.config.pluginmanager
    manager.register(ItemHooks(state), "gilcheck-item-hooks")
    manager.register(SectionWriter(state), "gilcheck-section-writer")
    manager.register(EntrySender(state), "gilcheck-entry-sender")
    if not state.is_worker:
        EntryCollector.register(state)


class ItemHooks:
    """Runs marked tests as checks, enforces claims, and gives inconclusive tests their outcome."""

    def __init__(self, state: SessionState) -> None:
        self._state = state

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Keep the state of the test while it runs."""
        state = self._state
        state.test.begin(item, is_left_out=item.stash.get(IS_LEFT_OUT, False))
        try:
            # Ordinary tests of all workers run together, and never beside somebody's rounds on the wall clock.
            with state.machine_lock.shared() if state.is_worker else contextlib.nullcontext():
                return (yield)
        finally:
            state.test.end()

    @pytest.hookimpl(tryfirst=True)  # before fixtures, which may check, too
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Forget what an earlier attempt of the test has found, and refuse a test that cannot be checked."""
        self._state.test.begin_attempt()
        misuse = item.stash.get(MISUSE, None)
        if misuse is not None:
            pytest.fail(misuse, pytrace=False)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> object | None:
        """Run the body of a marked test as the call that is checked."""
        settings = pyfuncitem.stash.get(SETTINGS, None)
        if settings is None:
            return None
        state = self._state
        if not state.options.is_on or pyfuncitem.stash[IS_LEFT_OUT]:
            state.test.n_not_run = 1
            return None
        arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}  # noqa: SLF001  (as pytest's own hook does)
        # Its claim is enforced below, as that of every check.
        state.measuring_checker(settings)(pyfuncitem.obj, **arguments)
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None, object, object]:
        """Fail a test that a claim of one of its checks fails."""
        __tracebackhide__ = True
        state = self._state
        result = yield
        if state.options.is_on and state.test.checks:
            from pytest_gilcheck.gate.claims import require_all  # noqa: PLC0415

            require_all([(verdict, settings.claim) for verdict, settings in state.test.checks])
        else:
            state.test.n_not_enforced = sum(
                not verdict.claim_met and not settings.claim.is_empty for verdict, settings in state.test.checks
            )
        return result

    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """Turn an inconclusive verdict into the outcome that the run asks for.

        This happens here and not around the call: fixtures ask for verdicts, too, and unittest keeps its exceptions
        until now.
        """
        if call.excinfo is None:
            return
        _give_lines(call.excinfo)  # another plugin's timeout is raised by a signal, too
        line = _line_of_others(call.excinfo.value)
        if not isinstance(call.excinfo.value, Inconclusive):
            return
        error, checks = call.excinfo.value, self._state.test.checks
        # A test that makes several checks asserts each after it was made: the last one's word counts.
        policy = (checks[-1][1].inconclusive if checks else None) or self._state.options.inconclusive
        if policy == "warn":
            try:
                _warn_at(line, item, f"gilcheck: {item.nodeid}: {error}")
            except pytest.PytestWarning:  # the user's filters make it an error of this test
                call.excinfo = pytest.ExceptionInfo.from_current()
                return
        if policy == "skip" or isinstance(error, NotApplicable) or (policy == "warn" and call.when == "setup"):
            # A skip is reported where it was raised: that is to be the line that asked, and not one of ours. Where no line asked,
            # it is the test's, as of a skip by a marker, for which pytest has this argument.
            skipped = pytest.skip.Exception(f"gilcheck: {error}", _use_item_location=line is None)
            call.excinfo = pytest.ExceptionInfo.from_exception(skipped.with_traceback(error.__traceback__))
        elif policy == "warn":
            call.excinfo = None

    @pytest.hookimpl(tryfirst=True)  # before the terminal's, which reads the lines
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Let pytest report an interrupt wherever it has come."""
        _give_lines(excinfo)


def _give_lines(excinfo: pytest.ExceptionInfo[BaseException]) -> None:
    """Give each frame of a traceback that has no line the first line of its function.

    Some instructions have no line, such as the jump back at the end of a loop. What a signal handler raises may come there, and
    pytest computes with the number of the line: one of 200 interrupted runs ended in a `TypeError` of pytest's report.
    """
    error: BaseException | None = excinfo.value
    known: set[int] = set()
    while error is not None and id(error) not in known:
        known.add(id(error))
        entries = list(_entries(error.__traceback__))
        if not all(map(_has_line, entries)):
            error.__traceback__ = _with_lines(entries)
            excinfo.traceback = type(excinfo.traceback)(excinfo.value.__traceback__ or excinfo.tb)
        error = error.__cause__ or error.__context__


def _entries(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _has_line(entry: TracebackType) -> bool:
    return (entry.tb_lineno or 0) > 0  # without one it is None, and -1 on 3.10


def _with_lines(entries: Sequence[TracebackType]) -> TracebackType | None:
    """Return the traceback of these entries in which each has a line."""
    following = None
    for entry in reversed(entries):
        if _has_line(entry):
            entry.tb_next = following
            following = entry
        else:
            frame = entry.tb_frame
            following = TracebackType(following, frame, entry.tb_lasti, frame.f_code.co_firstlineno)
    return following


#: Where this package is.
_OWN_FOLDER = str(Path(__file__).parents[1])


def _line_of_others(error: BaseException) -> TracebackType | None:
    """Return the test's own line that an error is about, and cut what follows it off the traceback: our lines explain nothing.

    None where the error is another one, or a hook raised it after the test, as the one does that enforces claims.
    """
    if not isinstance(error, (UsageError, Inconclusive)):
        return None
    last_of_others, traceback = None, error.__traceback__
    while traceback is not None:
        if not traceback.tb_frame.f_code.co_filename.startswith(_OWN_FOLDER):
            last_of_others = traceback
        traceback = traceback.tb_next
    # A claim is enforced by a hook, below which no line is the test's.
    if last_of_others is None or last_of_others.tb_frame.f_globals.get("__name__", "").startswith("pluggy"):
        return None
    last_of_others.tb_next = None
    return last_of_others


def _warn_at(line: TracebackType | None, item: pytest.Item, message: str) -> None:
    """Issue pytest's warning at a line, or at the test where there is none."""
    if line is not None:
        path, number = line.tb_frame.f_code.co_filename, line.tb_lineno
    else:
        place, start, _ = item.reportinfo()
        path, number = str(place), (start or 0) + 1
    warnings.warn_explicit(pytest.PytestWarning(message), None, path, number)
