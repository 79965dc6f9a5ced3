"""The session's table in pytest's terminal summary."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence.figures import duration
from pytest_gilcheck.report.text import count_text, drawn, share_text, story

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from pytest_gilcheck.evidence import Observation, Verdict
    from pytest_gilcheck.report.session import Session

_COLOURS = {"released": "green", "held": "red", "partial": "yellow", "inconclusive": "magenta", "not_applicable": "cyan"}
_PICTURE_WIDTH = 16

_NARROWEST = 60
_GAP = 2
#: The column of names gets at least so much, and more only where names are longer.
_SHORTEST_NAME = 8
_LONGEST_NAME = 16


def summarize(reporter: pytest.TerminalReporter, session: Session, *, asked: bool, verbosity: int) -> None:
    """Writes the table, what was not run, and why the gate fails."""
    failure = session.failure(asked=asked)
    if asked and session.checks and verbosity >= -1:
        reporter.section("gilcheck")
        for line in table(session.checks, width=reporter._tw.fullwidth, colour=reporter._tw.hasmarkup):  # noqa: SLF001  (no public way to the width)
            reporter._tw.line(line)  # noqa: SLF001
        if verbosity > 0:
            for observation, verdict in session.checks:
                for line in story(observation, verdict, encoding=_encoding(reporter)):
                    reporter.write_line(line)
    if session.n_not_run:
        n = session.n_not_run
        reporter.write_line(f"gilcheck: {n} check{'s' if n > 1 else ''} not run (run them with --gilcheck)")
    for warning in session.warnings:
        reporter.write_line(f"gilcheck: {warning}", yellow=True)
    if failure is not None:
        reporter.write_line(f"gilcheck: {failure}", red=True)


def _encoding(reporter: pytest.TerminalReporter) -> str | None:
    return getattr(reporter._tw._file, "encoding", None)  # noqa: SLF001  (as above)


def table(checks: Sequence[tuple[Observation, Verdict]], *, width: int, colour: bool) -> list[str]:
    """One line a check, as wide as the terminal: where it is narrow, bounds are left out first, then columns from the
    right, so that names stay readable and no figure is cut."""
    from rich.console import Console  # noqa: PLC0415  (a run that shows no table does not pay for it)
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    width = max(_NARROWEST, width)
    verdicts = [verdict for _, verdict in checks]
    columns = _fitting(verdicts, width - max(_SHORTEST_NAME, min(_LONGEST_NAME, max(len(verdict.name) for verdict in verdicts))) - _GAP)
    made = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    made.add_column("check", overflow="fold", ratio=1)
    for heading, _ in columns:
        made.add_column(heading, no_wrap=True, justify="left")
    for index, verdict in enumerate(verdicts):
        word, *figures = (cells[index] for _, cells in columns)
        made.add_row(Text(verdict.name), Text(word, style=_COLOURS.get(verdict.gil, "")), *map(Text, figures))
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=colour, color_system="standard" if colour else None, highlight=False).print(made)
    return out.getvalue().rstrip("\n").split("\n")


def _fitting(verdicts: Sequence[Verdict], width: int) -> list[tuple[str, list[str]]]:
    """Headings and cells of the columns that fit into `width`; the word always does."""
    columns = [
        ("GIL", [verdict.gil for verdict in verdicts]),
        ("held", [share_text(verdict.held_share) for verdict in verdicts]),
        ("longest hold", [_duration(verdict.longest_hold_ns) for verdict in verdicts]),
        ("makes wait", [_duration(verdict.longest_wait_ns) for verdict in verdicts]),
        ("let go", [f"{count_text(verdict.handovers.n_voluntary)}x" for verdict in verdicts]),
        ("over time", [_narrow(verdict.picture) for verdict in verdicts]),
    ]
    if _width_of(columns) > width:
        columns[1] = ("held", [text.partition(" ")[0] for text in columns[1][1]])
    while len(columns) > 1 and _width_of(columns) > width:
        columns.pop()
    return columns


def _width_of(columns: Sequence[tuple[str, list[str]]]) -> int:
    return sum(_GAP + max(len(heading), *map(len, cells)) for heading, cells in columns)


def _duration(ns: int | None) -> str:
    return "-" if ns is None else duration(ns)


def _narrow(picture: str) -> str:
    """The picture, each sign standing for a few: the state that all of them share, or mixed."""
    step = max(1, len(picture) // _PICTURE_WIDTH)
    parts = [picture[at : at + step] for at in range(0, len(picture), step)]
    return drawn("".join(part[0] if len(set(part)) == 1 else "m" for part in parts))
