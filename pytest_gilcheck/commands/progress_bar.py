"""What long work of the command is doing: one line on the terminal, gone when the result is printed."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from typing import TYPE_CHECKING

from pytest_gilcheck.status import events
from pytest_gilcheck.status.display import Throttle, event_text, is_dumb
from pytest_gilcheck.status.events import StatusEvent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_gilcheck.status.callback import StatusCallback
    from pytest_gilcheck.store.json_report import Entry
    from pytest_gilcheck.store.stream import Stream


@contextlib.contextmanager
def bar(*, quiet: bool = False) -> Iterator[StatusCallback | None]:
    """Shows steps on stderr while the block runs; None where `quiet` was asked for or stderr is no terminal."""
    if quiet or is_dumb() or sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    # Loaded now: later it would be loaded beside calls.
    from rich.console import Console  # noqa: PLC0415  (only where somebody looks)
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415

    class CursorStays(Console):
        """A call that keeps the GIL past its deadline ends the process: a hidden cursor would stay hidden."""

        def show_cursor(self, show: bool = True) -> bool:  # noqa: ARG002, FBT001, FBT002  (rich's signature)
            return False

    patience = Throttle()
    shown = Progress(
        TextColumn("gilcheck: {task.description}", markup=False),
        BarColumn(),
        console=CursorStays(stderr=True),
        # Its own thread would draw while calls are timed.
        auto_refresh=False,
        transient=True,
        # What the statement prints is its own affair, and must cost what it costs elsewhere.
        redirect_stdout=False,
        redirect_stderr=False,
    )

    def tell(reached: StatusEvent) -> None:
        if patience.is_due(reached):
            for past in shown.task_ids:
                shown.remove_task(past)
            # An empty bar where nothing bounds the step: rich's own sign for that moves, and looks full when it stands still.
            shown.add_task(event_text(reached), total=100, completed=int(100 * (reached.done_share or 0)))
            shown.start()
            shown.refresh()

    try:
        yield tell
    finally:
        shown.stop()


def is_in_the_way(*, of_lines_as_they_come: bool) -> bool:
    """Would a line on stderr stand among what is printed? Where that goes to the same terminal line by line, or to a
    program, which is a pager as like as not."""
    if sys.stdout.isatty():
        return of_lines_as_they_come
    try:
        return not stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    except (OSError, ValueError):  # no stream of the system's
        return True


def read_through(stream: Stream, tell: StatusCallback | None) -> Iterator[Entry]:
    """The checks of a document, telling how much of it is read."""
    for check in stream:
        yield check
        if tell is not None:
            tell(StatusEvent(f"{events.READING} {stream.path.name}", n_done=stream.n_read, n_all=stream.size))
