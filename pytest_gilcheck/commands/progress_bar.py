"""Shows what long work of the command is doing: one line on the terminal, removed when the result is printed."""

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
    """Show status events on stderr while the block runs.

    Args:
        quiet: Whether nothing is shown.

    Yields:
        StatusCallback | None: The callback that shows an event, or None where nothing is shown: under `quiet`, or if
            stderr is no terminal.
    """
    if quiet or is_dumb() or sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    # Imported now. Later the import would run beside timed calls.
    from rich.console import Console  # noqa: PLC0415  (only where somebody looks)
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415

    class CursorStays(Console):
        """A console that never hides the cursor: a call that holds the GIL past its deadline ends the process."""

        def show_cursor(self, show: bool = True) -> bool:  # noqa: ARG002, FBT001, FBT002  (rich's signature)
            """Leave the cursor as it is."""
            return False

    throttle = Throttle()
    progress = Progress(
        TextColumn("gilcheck: {task.description}", markup=False),
        BarColumn(),
        console=CursorStays(stderr=True),
        # rich's own thread would draw while calls are timed.
        auto_refresh=False,
        transient=True,
        # The statement's own output must cost what it costs elsewhere.
        redirect_stdout=False,
        redirect_stderr=False,
    )

    def show(event: StatusEvent) -> None:
        if throttle.is_due(event):
            for earlier in progress.task_ids:
                progress.remove_task(earlier)
            # An event without a known end gets an empty bar. rich's own sign for it moves, and looks full when it stands still.
            progress.add_task(event_text(event), total=100, completed=int(100 * (event.done_share or 0)))
            progress.start()
            progress.refresh()

    try:
        yield show
    finally:
        progress.stop()


def is_in_the_way(*, of_lines_as_they_come: bool) -> bool:
    """Return whether a line on stderr would mix with what the command prints.

    It would if stdout is the same terminal and lines are printed as they come. It may if stdout goes to another program,
    which is often a pager.

    Args:
        of_lines_as_they_come: Whether the command prints while it works.

    Returns:
        Whether the progress line should be left out.
    """
    if sys.stdout.isatty():
        return of_lines_as_they_come
    try:
        return not stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    except (OSError, ValueError):  # a replaced stdout without a descriptor
        return True


def read_through(stream: Stream, callback: StatusCallback | None) -> Iterator[Entry]:
    """Yield the entries of a JSON report, and send status events that say how much of it has been read."""
    for entry in stream:
        yield entry
        if callback is not None:
            callback(StatusEvent(f"{events.READING} {stream.path.name}", n_done=stream.n_read, n_all=stream.size))
