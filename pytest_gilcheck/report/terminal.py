"""The session's table in pytest's terminal summary."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence.figures import duration
from pytest_gilcheck.report import answers
from pytest_gilcheck.report.document import Answers
from pytest_gilcheck.report.text import ALL_FRAMES, count_text, drawn, margin_text, share_text, story

if TYPE_CHECKING:
    import pytest

    from pytest_gilcheck.evidence import Agreement, Verdict
    from pytest_gilcheck.report.document import Entry
    from pytest_gilcheck.report.session import Session

_COLOURS = {
    "released": "green",
    "held": "red",
    "partial": "yellow",
    "inconclusive": "magenta",
    "not_applicable": "cyan",
    "agree": "green",
    "DIFFER": "red",
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
    for line in tables(session.journal, width=tw.fullwidth, colour=tw.hasmarkup):
        tw.line(line)
    if verbosity > 0:
        for entry in session.journal:
            for line in story_of(entry, encoding=_encoding(reporter), all_frames=verbosity >= ALL_FRAMES):
                reporter.write_line(line)


def story_of(entry: Entry, *, encoding: str | None = "utf-8", all_frames: bool = False) -> Iterator[str]:
    """What was found out, line by line, of a check or an agreement."""
    if isinstance(entry, Answers):
        return answers.story(entry.agreement)
    return story(entry.observation, entry.verdict, encoding=encoding, all_frames=all_frames)


def counts(entries: Iterable[Entry]) -> str:
    """How many of each word, in one line?"""
    checks: Counter[str] = Counter()
    agreements: Counter[str] = Counter()
    for entry in entries:
        if isinstance(entry, Answers):
            agreements[answers.WORDS.get(entry.agreement.results, entry.agreement.results)] += 1
        else:
            checks[entry.verdict.gil] += 1
    told = [_counted(checks, "check")] if checks or not agreements else []
    told += [_counted(agreements, "agreement")] if agreements else []
    return f"gilcheck: {'; '.join(told)}"


def _counted(found: Counter[str], what: str) -> str:
    n = sum(found.values())
    words = ", ".join(f"{count} {word.replace('_', ' ')}" for word, count in found.most_common())
    return f"{n} {what}{'' if n == 1 else 's'}: {words}"


def _encoding(reporter: pytest.TerminalReporter) -> str | None:
    return getattr(reporter._tw._file, "encoding", None)  # noqa: SLF001  (as above)


def tables(entries: Iterable[Entry], *, width: int, colour: bool) -> Iterator[str]:
    """The checks, then the agreements, in a table each."""
    checks: list[tuple[str, Verdict]] = []
    agreements: list[tuple[str, Agreement]] = []
    for entry in entries:
        name = f"{entry.origin}: {entry.name}" if entry.origin else entry.name
        if isinstance(entry, Answers):
            agreements.append((name, entry.agreement))
        else:
            checks.append((name, entry.verdict))
    if checks or not agreements:
        yield from _of_checks(checks, width=max(_NARROWEST, width), colour=colour)
    if checks and agreements:
        yield ""
    if agreements:
        yield from _of_agreements(agreements, width=max(_NARROWEST, width), colour=colour)


def _of_checks(told: Sequence[tuple[str, Verdict]], *, width: int, colour: bool) -> Sequence[str]:
    """One line a check, as wide as the terminal: where it is narrow, bounds are left out first, then columns from the
    right, so that names stay readable and no figure is cut."""
    names, verdicts = [name for name, _ in told], [verdict for _, verdict in told]
    columns = _fitting(
        verdicts, width - max(_SHORTEST_NAME, min(_LONGEST_NAME, max(map(len, names), default=0))) - _GAP
    )
    rows = [(name, *(cells[index] for _, cells in columns)) for index, name in enumerate(names)]
    return _as_table(("check", *(heading for heading, _ in columns)), rows, width=width, colour=colour)


def _of_agreements(told: Sequence[tuple[str, Agreement]], *, width: int, colour: bool) -> Iterator[str]:
    """One line an agreement, and two more for each that differs: what is wrong, and where."""
    rows = [
        (
            name,
            answers.WORDS.get(agreement.results, agreement.results),
            *(f"{n:,}" for n in (agreement.n_examples, agreement.n_calls, agreement.n_threads)),
        )
        for name, agreement in told
    ]
    headings = ("agreement of", "answers", "examples", "calls", "threads")
    yield from _as_table(headings, rows, width=width, colour=colour)
    for _, agreement in told:
        if agreement.difference is not None:
            yield answers.headline(agreement)
            yield f"  {agreement.difference.brief()}"


def _as_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, width: int, colour: bool) -> Sequence[str]:
    """A table whose first column has the room that is left, and whose second one is a word with its colour."""
    from rich.console import Console  # noqa: PLC0415  (a run that shows no table does not pay for it)
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    made = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    made.add_column(headings[0], overflow="fold", ratio=1)
    for heading in headings[1:]:
        made.add_column(heading, no_wrap=True, justify="left")
    for name, word, *figures in rows:
        made.add_row(Text(name), Text(word, style=_COLOURS.get(word, "")), *map(Text, figures))
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
