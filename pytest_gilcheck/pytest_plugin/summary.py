"""What pytest's terminal summary shows of a session, and why its gate fails."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from pytest_gilcheck.report.comparison import comparison_lines, other_changes
from pytest_gilcheck.report.tables import counts, lines_of_entry, tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from pytest_gilcheck.gate.session import Failure, Session


def summarize(reporter: pytest.TerminalReporter, session: Session, *, is_on: bool, verbosity: int) -> None:
    """Write the table, the comparison, and what was not checked or not enforced.

    ``-q`` leaves headings out, and ``-qq`` writes one line in place of the table. ``-v`` adds the report of each check
    with every figure, and ``-vv`` every frame of its stacks.
    """
    if is_on and len(session.journal):
        _checks(reporter, session, verbosity)
    if session.comparison is not None:
        lines = comparison_lines(session.comparison, session.findings, left_out=session.failed_findings)
        if verbosity > 0:
            lines = itertools.chain(lines, other_changes(session.comparison, session.findings))
        for line in lines:
            is_warning = line.startswith(("  ANOTHER", "  INCONCLUSIVE", "  GONE"))
            reporter.write_line(line if line.startswith(" ") else f"gilcheck: {line}", yellow=is_warning)
    if session.n_not_run:
        n = session.n_not_run
        why = "left out by --gilcheck-only or --gilcheck-skip" if is_on else "run them with --gilcheck"
        reporter.write_line(f"gilcheck: {n} check{'s' if n > 1 else ''} not run ({why})")
    if session.n_not_enforced:
        n = session.n_not_enforced
        text = f"{n} check{'s do' if n > 1 else ' does'} not keep the limits (enforce them with --gilcheck)"
        reporter.write_line(f"gilcheck: {text}", yellow=True)
    for notice in session.notices:
        reporter.write_line(f"gilcheck: {notice}")
    for warning in session.warnings:
        reporter.write_line(f"gilcheck: {warning}", yellow=True)


def write_failures(reporter: pytest.TerminalReporter, failures: Sequence[Failure]) -> None:
    """Write why the gate fails, and have pytest's last line count the reasons."""
    for failure in failures:
        reporter.write_line(f"gilcheck: {failure.message}", red=True)
        for detail in failure.details:
            reporter.write_line(detail)
    if failures:
        # A line of this name in pytest's counts. Without it a failed gate would end in a green "1 passed".
        reporter.stats[f"gate failure{'' if len(failures) == 1 else 's'}"] = [*failures]


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
