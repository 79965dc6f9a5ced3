"""What the command writes to stderr: messages and, while long work goes on, one line that is taken back."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_gilcheck.status.callback import StatusCallback
    from pytest_gilcheck.status.events import StatusEvent
    from pytest_gilcheck.store.json_report import Entry
    from pytest_gilcheck.store.stream import Stream


def say(text: str) -> None:
    """Write a message."""
    sys.stderr.write(f"gilcheck: {text}\n")


@contextlib.contextmanager
def progress_bar(*, quiet: bool = False) -> Iterator[StatusCallback | None]:
    """Show status events while the block runs.

    Args:
        quiet: Whether nothing is shown.

    Yields:
        What takes the events, or None where nothing is shown: where that was asked for, or where stderr is no terminal.
    """
    from pytest_gilcheck.status.display import Throttle, event_text, is_dumb  # noqa: PLC0415  (only for long work)

    if quiet or is_dumb() or sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    # Loaded now: later it would be loaded beside calls.
    from rich.console import Console  # noqa: PLC0415  (only where somebody looks)
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415  (as above)

    class CursorStays(Console):
        """A console that never hides the cursor.

        A call that keeps the GIL past its deadline ends the process, and a hidden cursor would stay hidden.
        """

        def show_cursor(self, show: bool = True) -> bool:  # noqa: ARG002, FBT001, FBT002  (rich's signature)
            return False

    throttle = Throttle()
    progress = Progress(
        TextColumn("gilcheck: {task.description}", markup=False),
        BarColumn(),
        console=CursorStays(stderr=True),
        # A thread of its own would draw while calls are timed.
        auto_refresh=False,
        transient=True,
        # What the statement prints must cost what it costs elsewhere.
        redirect_stdout=False,
        redirect_stderr=False,
    )

    def show(event: StatusEvent) -> None:
        if throttle.is_due(event):
            for task in progress.task_ids:
                progress.remove_task(task)
            # The bar stays empty where nothing bounds the stage. rich's own sign for that moves, and looks full when it
            # stands still.
            progress.add_task(event_text(event), total=100, completed=int(100 * (event.done_share or 0)))
            progress.start()
            progress.refresh()

    try:
        yield show
    finally:
        progress.stop()


def disturbs_stdout(*, line_by_line: bool) -> bool:
    """Return whether a line on stderr would stand among what is printed.

    It would where stdout goes to the same terminal line by line, or to a program, which is often a pager.
    """
    if sys.stdout.isatty():
        return line_by_line
    try:
        return not stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    except (OSError, ValueError):  # not a stream of the system
        return True


def read_through(stream: Stream, show: StatusCallback | None) -> Iterator[Entry]:
    """Yield the entries of a JSON report, and report how much of it is read."""
    from pytest_gilcheck.status import events  # noqa: PLC0415  (only for long work)

    for entry in stream:
        yield entry
        if show is not None:
            stage = f"{events.READING} {stream.path.name}"
            show(events.StatusEvent(stage, n_done=stream.n_read, n_all=stream.size))
