"""``gilcheck compare BEFORE AFTER`` shows which checks became worse."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_gilcheck.commands.progress_bar import bar, is_in_the_way, read_through
from pytest_gilcheck.declare.values import tolerance
from pytest_gilcheck.gate.comparison import baseline_entries, compare, failures, status_of
from pytest_gilcheck.report.comparison import comparison_lines
from pytest_gilcheck.store.stream import Stream


def main(arguments: Sequence[str]) -> int:
    """Return the exit status: 0 same or better, 1 worse, 3 inconclusive."""
    parser = argparse.ArgumentParser(
        prog="gilcheck compare",
        description="Compare two JSON reports. A change counts only if the intervals of both runs are apart.",
        epilog="exit status: 0 same or better, 1 worse, 2 wrong usage, 3 inconclusive",
    )
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument(
        "--fail",
        action="append",
        default=[],
        metavar="EXPR",
        help="count only this as worse: 'gil', 'held_share:0.05', 'speedup:10%%'; repeatable",
    )
    options = parser.parse_args(arguments)
    tolerances = [tolerance(text, "--fail") for text in options.fail]
    with bar(quiet=is_in_the_way(of_lines_as_they_come=False)) as callback:
        before, after = (baseline_entries(read_through(Stream(path), callback)) for path in (options.before, options.after))
        comparison = compare(before, after, (str(options.before), str(options.after)))
    for line in comparison_lines(comparison):
        sys.stdout.write(f"{line}\n")
    for lines in failures(comparison, tolerances):
        sys.stdout.writelines(f"FAILS {line}\n" for line in lines)
    return status_of(comparison, tolerances)
