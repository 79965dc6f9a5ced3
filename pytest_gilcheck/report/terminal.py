"""The session's table in pytest's terminal summary."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence.figures import duration
from pytest_gilcheck.report.text import ALL_FRAMES, count_text, drawn, margin_text, share_text, story

if TYPE_CHECKING:
    import pytest

    from pytest_gilcheck.evidence import Verdict
    from pytest_gilcheck.report.document import Check
    from pytest_gilcheck.report.session import Session

_COLOURS = {
    "released": "green",
    "held": "red",
    "partial": "yellow",
    "inconclusive": "magenta",
    "not_applicable": "cyan",
}
_PICTURE_WIDTH = 16

_NARROWEST = 60
_GAP = 2
#: The column of names gets at least so much, and more only where names are longer.
_SHORTEST_NAME = 8
_LONGEST_NAME = 24


def summarize(
    reporter: pytest.TerminalReporter, session: Session, *, asked: bool, verbosity: int, annotations: Iterable[str] = ()
) -> None:
    """Writes the table, the comparison, what was not run, and why the gate fails.

    ``-q`` leaves headings out, ``-qq`` puts one line in place of the table, ``-v`` adds each check's whole story, ``-vv`` every
    frame that was seen.
    """
    if asked and len(session.journal):
        _checks(reporter, session, verbosity)
    if session.comparison is not None:
        for line in session.comparison.lines():
            reporter.write_line(line if line.startswith(" ") else f"gilcheck: {line}", bold=line.startswith("ANOTHER"))
    if session.n_not_run:
        n = session.n_not_run
        why = "left out by --gilcheck-only or --gilcheck-skip" if asked else "run them with --gilcheck"
        reporter.write_line(f"gilcheck: {n} check{'s' if n > 1 else ''} not run ({why})")
    for notice in session.notices:
        reporter.write_line(f"gilcheck: {notice}")
    for warning in session.warnings:
        reporter.write_line(f"gilcheck: {warning}", yellow=True)
    for failure in session.gate(asked=asked):
        reporter.write_line(f"gilcheck: {failure}", red=True)
    for annotation in annotations:
        reporter.write_line(annotation)


def _checks(reporter: pytest.TerminalReporter, session: Session, verbosity: int) -> None:
    tw = reporter._tw  # noqa: SLF001  (no public way to width and encoding)
    if verbosity < -1:
        reporter.write_line(counts(session.journal))
        return
    if verbosity >= 0:
        reporter.section("gilcheck")
    for line in table(session.journal, width=tw.fullwidth, colour=tw.hasmarkup):
        tw.line(line)
    if verbosity > 0:
        for check in session.journal:
            told = story(
                check.observation, check.verdict, encoding=_encoding(reporter), all_frames=verbosity >= ALL_FRAMES
            )
            for line in told:
                reporter.write_line(line)


def counts(checks: Iterable[Check]) -> str:
    """How many of each word, in one line?"""
    found = Counter(check.verdict.gil for check in checks)
    n = sum(found.values())
    words = ", ".join(f"{count} {word.replace('_', ' ')}" for word, count in found.most_common())
    return f"gilcheck: {n} check{'' if n == 1 else 's'}: {words}"


def _encoding(reporter: pytest.TerminalReporter) -> str | None:
    return getattr(reporter._tw._file, "encoding", None)  # noqa: SLF001  (as above)


def table(checks: Iterable[Check], *, width: int, colour: bool) -> list[str]:
    """One line a check, as wide as the terminal: where it is narrow, bounds are left out first, then columns from the
    right, so that names stay readable and no figure is cut."""
    from rich.console import Console  # noqa: PLC0415  (a run that shows no table does not pay for it)
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    width = max(_NARROWEST, width)
    told = [(f"{check.origin}: {check.name}" if check.origin else check.name, check.verdict) for check in checks]
    names, verdicts = [name for name, _ in told], [verdict for _, verdict in told]
    columns = _fitting(
        verdicts, width - max(_SHORTEST_NAME, min(_LONGEST_NAME, max(map(len, names), default=0))) - _GAP
    )
    made = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    made.add_column("check", overflow="fold", ratio=1)
    for heading, _ in columns:
        made.add_column(heading, no_wrap=True, justify="left")
    for index, verdict in enumerate(verdicts):
        word, *figures = (cells[index] for _, cells in columns)
        made.add_row(Text(names[index]), Text(word, style=_COLOURS.get(verdict.gil, "")), *map(Text, figures))
    out = io.StringIO()
    Console(
        file=out, width=width, force_terminal=colour, color_system="standard" if colour else None, highlight=False
    ).print(made)
    return out.getvalue().rstrip("\n").split("\n")


def _fitting(verdicts: Sequence[Verdict], width: int) -> list[tuple[str, list[str]]]:
    """Headings and cells of the columns that fit into `width`; the word always does."""
    # Only where somebody set a limit.
    margins = (
        [("margin", [margin_text(verdict) for verdict in verdicts])]
        if any(verdict.limits for verdict in verdicts)
        else []
    )
    columns = [
        ("GIL", [verdict.gil for verdict in verdicts]),
        ("held", [share_text(verdict.held_share) for verdict in verdicts]),
        *margins,
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
