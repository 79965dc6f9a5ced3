"""What a long check does, in pytest's terminal, behind what pytest has written in the present line.

It is shown as pytest shows its collecting: on a terminal only, not with ``-q``, and taken back when the check ends. It
is shown only where pytest shows progress of its own (``console_output_style``, capturing).
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Any

from pytest_gilcheck.status.display import Throttle, event_text, is_dumb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

    from pytest_gilcheck.status.callback import StatusCallback
    from pytest_gilcheck.status.events import StatusEvent

#: In less room than this nothing is written: the line would wrap and could not be taken back.
_NARROWEST = 12


@contextlib.contextmanager
def status_line(config: pytest.Config) -> Iterator[StatusCallback | None]:
    """Show status events in the terminal of this session while the block runs.

    Args:
        config: pytest's configuration.

    Yields:
        What takes the events, or None where the terminal shows no progress.
    """
    reporter = _reporter(config)
    if reporter is None:
        yield None
        return
    capture = config.pluginmanager.get_plugin("capturemanager")
    line = StatusLine(
        reporter._tw,  # noqa: SLF001  (no public way to its width and its file)
        contextlib.nullcontext if capture is None else capture.global_and_fixture_disabled,
        counted=config.getini("console_output_style") == "count",
    )
    try:
        yield line.show
    finally:
        line.clear()


def _reporter(config: pytest.Config) -> Any:
    """Return pytest's terminal reporter if it shows progress to a person, else None."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    # Reporters of other plugins draw lines of their own. Workers of xdist have none.
    if type(reporter).__module__ != "_pytest.terminal" or hasattr(config, "workerinput"):
        return None
    shows_none = (
        is_dumb()
        or config.get_verbosity() < 0
        or config.getini("console_output_style") == "classic"
        or config.getoption("capture", "no") == "no"  # what tests print would stand in the line
        or config.getoption("setupshow", default=False)
        or config.getoption("log_cli_level", None) is not None
        or (config.pluginmanager.hasplugin("logging") and config.getini("log_cli"))
        or any(os.environ.get(name) for name in ("CI", "BUILD_NUMBER"))  # as pytest knows a CI
    )
    # `isatty` was asked when the session began. Now the reporter's file leads into pytest's capture.
    return reporter if reporter.isatty and not shows_none else None


class StatusLine:
    """Writes behind what stands in the terminal's line, and takes it back.

    Args:
        writer: pytest's terminal writer. It learns nothing of what is written here: what it counts is what stays.
        uncaptured: Returns a context in which the writer's file leads to the terminal.
        counted: Whether pytest shows progress as counts instead of percentages.
        clock: Returns the time in nanoseconds.
    """

    def __init__(
        self,
        writer: Any,
        uncaptured: Callable[[], contextlib.AbstractContextManager[None]],
        *,
        counted: bool = False,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._writer = writer
        self._uncaptured = uncaptured
        self._counted = counted
        self._throttle = Throttle(clock)
        self._is_shown = False

    def show(self, event: StatusEvent) -> None:
        """Show the event, if it is time for one."""
        if not self._throttle.is_due(event):
            return
        text = f" gilcheck: {event_text(event, counted=self._counted)}"
        room = self._writer.fullwidth - 1 - self._column
        if room >= _NARROWEST:
            self._is_shown = True  # before it is: an interrupt may come in the middle
            self._write(text[:room])

    def clear(self) -> None:
        """Take back what is shown."""
        if self._is_shown:
            self._write("")
            self._is_shown = False

    @property
    def _column(self) -> int:
        """Return where the text that pytest has written ends. A long line goes on in the next row."""
        column: int = self._writer.width_of_current_line % self._writer.fullwidth
        return column

    def _write(self, text: str) -> None:
        # Move from the left margin, not back from the present place: a terminal itself writes ``^C`` behind the text.
        back = f"\r\x1b[{self._column}C" if self._column else "\r"
        # A terminal that has gone fails no test. pytest will say so itself.
        with contextlib.suppress(OSError), self._uncaptured():
            self._writer._file.write(f"{back}\x1b[K{self._writer.markup(text, light=True)}")  # noqa: SLF001  (as above)
            self._writer.flush()
