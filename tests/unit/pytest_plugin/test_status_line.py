"""What is written behind pytest's own words, and taken back: on a terminal that is a text."""

import contextlib
import io

from _pytest._io import TerminalWriter
from hypothesis import given
from hypothesis import strategies as st
from terminal import screen

from pytest_gilcheck.pytest_plugin.status_line import StatusLine
from pytest_gilcheck.status.events import StatusEvent


def lined(written, width=80):
    """A status line behind `written`, shown at each step; the file that both write to."""
    file = io.StringIO()
    writer = TerminalWriter(file)
    writer.fullwidth = width
    writer.write(written)
    ticks = iter(range(0, 10**15, 10**9))
    return StatusLine(writer, contextlib.nullcontext, clock=lambda: next(ticks)), writer, file


def on_screen(file):
    return screen(file.getvalue().replace("\n", "\r\n"))  # as a terminal's line discipline has it


def test_a_step_stands_behind_the_tests_of_the_file():
    line, _, file = lined("test_a.py ..")

    line.show(StatusEvent("examples", 1, 2))

    assert on_screen(file) == ["test_a.py .. gilcheck: examples [ 50%]"]


@given(st.text("ab./: \n", max_size=100), st.lists(st.text("xyz ", max_size=40), max_size=5), st.integers(20, 90))
def test_when_it_is_cleared_there_is_what_pytest_wrote(written, doing, width):
    line, writer, file = lined(written, width)
    before = on_screen(io.StringIO(written))
    rows_below = (
        writer.width_of_current_line // width
    )  # a real terminal wraps a long line: then we begin in a later row

    for what in doing:
        line.show(StatusEvent(what))
    line.clear()

    if not rows_below:
        assert on_screen(file) == before
    assert writer.width_of_current_line == len(written.rpartition("\n")[2])


@given(st.text("ab", max_size=100), st.text("xyz", max_size=100), st.integers(20, 90))
def test_it_never_reaches_the_last_column(written, doing, width):
    line, _, file = lined(written, width)

    line.show(StatusEvent(doing))

    begun = len(written) % width
    shown = file.getvalue()[len(written) :].rpartition("\x1b[K")[2]
    assert begun + len(shown) < width or not shown


def test_nothing_is_written_where_nothing_was_shown():
    line, _, file = lined("test_a.py .")

    line.clear()

    assert file.getvalue() == "test_a.py ."


class Gone(io.StringIO):
    def flush(self):
        raise OSError(5, "Input/output error")


def test_a_terminal_that_has_gone_fails_no_test():
    line, writer, _ = lined("test_a.py .")
    writer._file = Gone()

    line.show(StatusEvent("examples"))
    line.clear()
