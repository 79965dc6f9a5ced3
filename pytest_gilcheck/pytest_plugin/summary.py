"""What pytest's terminal summary shows of a session."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pytest_gilcheck.report.comparison import comparison_lines
from pytest_gilcheck.report.tables import counts, lines_of_entry, tables

if TYPE_CHECKING:
    import pytest

    from pytest_gilcheck.gate.session import Session


def summarize(
    reporter: pytest.TerminalReporter, session: Session, *, is_on: bool, verbosity: int, annotations: Iterable[str] = ()
) -> None:
    """Write the table, the comparison, how many checks were not run, and why the gate fails.

    ``-q`` leaves headings out, and ``-qq`` writes one line in place of the table. ``-v`` adds the report of each check
    with every figure, and ``-vv`` every frame of its stacks.
    """
    if is_on and len(session.journal):
        _checks(reporter, session, verbosity)
    if session.comparison is not None:
        for line in comparison_lines(session.comparison):
            reporter.write_line(line if line.startswith(" ") else f"gilcheck: {line}", bold=line.startswith("ANOTHER"))
    if session.n_not_run:
        n = session.n_not_run
        why = "left out by --gilcheck-only or --gilcheck-skip" if is_on else "run them with --gilcheck"
        reporter.write_line(f"gilcheck: {n} check{'s' if n > 1 else ''} not run ({why})")
    for notice in session.notices:
        reporter.write_line(f"gilcheck: {notice}")
    for warning in session.warnings:
        reporter.write_line(f"gilcheck: {warning}", yellow=True)
    for failure in session.gate_failures(checking=is_on):
        reporter.write_line(f"gilcheck: {failure}", red=True)
    for annotation in annotations:
        reporter.write_line(annotation)


def _checks(reporter: pytest.TerminalReporter, session: Session, verbosity: int) -> None:
    writer = reporter._tw  # noqa: SLF001  (no public way to width and encoding)
    if verbosity < -1:
        reporter.write_line(counts(session.journal))
        return
    if verbosity >= 0:
        reporter.section("gilcheck")
    for line in tables(session.journal, width=writer.fullwidth, colour=writer.hasmarkup):
        writer.line(line)
    if verbosity > 0:
        encoding = getattr(writer._file, "encoding", None)  # noqa: SLF001  (as above)
        for entry in session.journal:
            for line in lines_of_entry(entry, encoding=encoding, verbosity=verbosity):
                reporter.write_line(line)
