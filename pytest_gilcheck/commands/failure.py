"""What a statement raised, as the user's own mistake: without the lines of this package."""

from __future__ import annotations

import importlib.util
import traceback
from pathlib import Path

from pytest_gilcheck.commands.statement import SETUP_FILE, STATEMENT_FILE
from pytest_gilcheck.evidence.shown import shortened

_PACKAGE = str(Path(__file__).parents[1])

#: A message is cut there: two lines of a terminal.
_LONGEST_MESSAGE = 160


def failure_lines(error: BaseException) -> list[str]:
    """Return what the statement or its setup raised.

    Where it raised in its own line, these are the error, the line and perhaps a remedy. Where it raised in what it called,
    these are the traceback from its own line on, and the error.
    """
    report = traceback.TracebackException.from_exception(error)
    raised_in = _without_our_frames(report)
    what = "setup" if raised_in == [SETUP_FILE] else "statement"
    name = type(error).__name__
    if len(report.stack) > 1 or report.__cause__ is not None or _is_group(error):
        text = "".join(report.format()).rstrip("\n")
        return [*text.splitlines(), f"gilcheck: the {what} raised {name}; there is nothing to judge"]
    message = shortened(str(error), _LONGEST_MESSAGE)
    lines = [f"gilcheck: the {what} raised {name}{': ' if message else ''}{message}"]
    lines += [f"  {shortened(frame.line, _LONGEST_MESSAGE)}" for frame in report.stack if frame.line]
    remedy = _remedy(error)
    return [*lines, f"  {remedy}"] if remedy else lines


def _without_our_frames(report: traceback.TracebackException) -> list[str]:
    """Take the frames of this package out of a report and of all that it stands on; return where the rest begins."""
    for other in (report.__cause__, report.__context__, *(getattr(report, "exceptions", None) or ())):
        if other is not None:
            _without_our_frames(other)
    report.stack[:] = [frame for frame in report.stack if not frame.filename.startswith(_PACKAGE)]
    if (notes := getattr(report, "__notes__", None)) is not None:
        report.__notes__ = [note for note in notes if not note.startswith("gilcheck: in args_for")]  # type: ignore[attr-defined,unused-ignore]  # 3.11
    return [frame.filename for frame in report.stack if frame.filename in (SETUP_FILE, STATEMENT_FILE)][:1]


def _is_group(error: BaseException) -> bool:
    return hasattr(error, "exceptions")


def _remedy(error: BaseException) -> str:
    """Return how to define the name that is missing, or an empty text."""
    name = getattr(error, "name", None) if isinstance(error, NameError) else None
    if not name:
        return ""
    try:
        is_module = importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        is_module = False
    return f"import it first: -s 'import {name}'" if is_module else f"define it first: -s '{name} = ...'"
