"""``gilcheck compare BEFORE AFTER``: names the checks that became worse."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_gilcheck.commands.parser import Parser
from pytest_gilcheck.commands.stderr import disturbs_stdout, progress_bar, read_through
from pytest_gilcheck.declare.values import tolerance
from pytest_gilcheck.gate.comparison import baseline_entries, compare, findings
from pytest_gilcheck.gate.exit_status import status_of_comparison
from pytest_gilcheck.report.comparison import comparison_lines, other_changes
from pytest_gilcheck.store.stream import Stream


def main(arguments: Sequence[str]) -> int:
    """Compare two JSON reports and return the exit status."""
    parser = Parser(
        prog="gilcheck compare",
        description="Compare two JSON reports. A change counts where the intervals of both say so.",
        epilog="exit status: 0 same or better, 1 worse, 2 wrong usage, 3 inconclusive",
    )
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument(
        "--fail",
        action="append",
        default=[],
        metavar="EXPR",
        help="worse is also this, besides the words on the GIL and on agreement: 'overlap', 'held_share:0.05', "
        "'speedup:10%%'; repeatable",
    )
    options = parser.parse_args(arguments)
    tolerances = [tolerance(text, "--fail") for text in options.fail]
    paths = options.before, options.after
    with progress_bar(quiet=disturbs_stdout(line_by_line=False)) as show:
        before = baseline_entries(read_through(Stream(paths[0]), show))
        after = baseline_entries(read_through(Stream(paths[1]), show), with_places=True)
    comparison = compare(before, after, (str(options.before), str(options.after)))
    found = findings(comparison, tolerances)
    for line in (*comparison_lines(comparison, found), *other_changes(comparison, found)):
        sys.stdout.write(f"{line}\n")
    return status_of_comparison(comparison, found)
