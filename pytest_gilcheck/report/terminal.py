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
    """One line a check, as wide as the terminal."""
    from rich.console import Console  # noqa: PLC0415  (a run that shows no table does not pay for it)
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    made.add_column("check", overflow="fold", ratio=1)
    for heading in ("GIL", "held", "longest hold", "makes wait", "let go", "over time"):
        made.add_column(heading, no_wrap=True, justify="left")
    for _, verdict in checks:
        made.add_row(
            Text(verdict.name),
            Text(verdict.gil, style=_COLOURS.get(verdict.gil, "")),
            share_text(verdict.held_share),
            _duration(verdict.longest_hold_ns),
            _duration(verdict.longest_wait_ns),
            f"{count_text(verdict.handovers.n_voluntary)}x",
            Text(_narrow(verdict.picture)),
        )
    out = io.StringIO()
    Console(file=out, width=max(60, width), force_terminal=colour, color_system="standard" if colour else None, highlight=False).print(made)
    return out.getvalue().rstrip("\n").split("\n")


def _duration(ns: int | None) -> str:
    return "-" if ns is None else duration(ns)


def _narrow(picture: str) -> str:
    """The picture, each sign standing for a few: the state that all of them share, or mixed."""
    step = max(1, len(picture) // _PICTURE_WIDTH)
    parts = [picture[at : at + step] for at in range(0, len(picture), step)]
    return drawn("".join(part[0] if len(set(part)) == 1 else "m" for part in parts))
