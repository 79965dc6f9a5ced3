"""What pytest's terminal summary shows of a session."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pytest_gilcheck.report.comparison import comparison_lines
from pytest_gilcheck.report.tables import counts, lines_of_entry, tables
from pytest_gilcheck.report.text import ALL_FRAMES

if TYPE_CHECKING:
    import pytest

    from pytest_gilcheck.gate.session import Session


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
        for line in comparison_lines(session.comparison):
            reporter.write_line(line if line.startswith(" ") else f"gilcheck: {line}", bold=line.startswith("ANOTHER"))
    if session.n_not_run:
        n = session.n_not_run
        why = "left out by --gilcheck-only or --gilcheck-skip" if asked else "run them with --gilcheck"
        reporter.write_line(f"gilcheck: {n} check{'s' if n > 1 else ''} not run ({why})")
    for notice in session.notices:
        reporter.write_line(f"gilcheck: {notice}")
    for warning in session.warnings:
        reporter.write_line(f"gilcheck: {warning}", yellow=True)
    for failure in session.gate_failures(checking=asked):
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
            for line in lines_of_entry(entry, encoding=_encoding(reporter), all_frames=verbosity >= ALL_FRAMES):
                reporter.write_line(line)


def _encoding(reporter: pytest.TerminalReporter) -> str | None:
    return getattr(reporter._tw._file, "encoding", None)  # noqa: SLF001  (as above)
