"""A terminal of our own: runs a program in one, and works out what a person would see."""

import contextlib
import os
import pty
import re
import signal
import subprocess

WIDTH = 100

_TOKEN = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|([\r\n\b])|([^\x1b\r\n\b]+)")

#: Every step is shown at once: what is tested is what is written, not when. Interrupts come through also where this suite
#: runs in a shell's background, which has its programs ignore them.
EAGER = """
import signal
import pytest_gilcheck.status.display as steps
steps.SHOWN_EVERY_NS = 0
signal.signal(signal.SIGINT, signal.default_int_handler)
"""


def in_terminal(command, cwd, *, interrupt_at=None, **environment):
    """Exit status and everything written, by a program whose three streams are a terminal; it is sent an interrupt once
    it has written `interrupt_at`."""
    ours, theirs = pty.openpty()
    known = {name: value for name, value in os.environ.items() if name not in ("CI", "BUILD_NUMBER", "NO_COLOR")}
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=cwd,
        env={**known, "TERM": "xterm", "COLUMNS": str(WIDTH), **environment},
    )
    os.close(theirs)
    written = b""
    with contextlib.suppress(OSError):  # the last one who had the terminal open has closed it
        while more := os.read(ours, 65536):
            written += more
            if interrupt_at is not None and interrupt_at.encode() in written:
                process.send_signal(signal.SIGINT)
                interrupt_at = None
    os.close(ours)
    return process.wait(60), written.decode()


def screen(written):
    """Return the lines on a terminal without a bottom after all of `written`, without trailing spaces."""
    lines, row, column = [""], 0, 0
    at = 0
    while at < len(written):
        token = _TOKEN.match(written, at)
        assert token, f"an escape sequence that this terminal does not know: {written[at : at + 20]!r}"
        at = token.end()
        number, letter, control, text = token.groups()
        if control == "\n":
            row += 1
        elif control == "\r":
            column = 0
        elif control == "\b":
            column -= 1
        elif text:
            lines[row] = lines[row][:column].ljust(column) + text + lines[row][column + len(text) :]
            column += len(text)
        elif letter == "K":
            lines[row] = "" if number == "2" else lines[row][:column]
        elif letter == "C":
            column += int(number)
        elif letter == "A":
            row -= int(number)
        else:
            assert letter in "mhl", token[0]  # colours, the cursor
        lines += [""] * (row + 1 - len(lines))
    return [line.rstrip() for line in lines]
