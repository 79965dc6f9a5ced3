"""The census's command line: ``python -m benchmarks.census run``, ``again``, ``page``, ``command``."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.census import measurement
from benchmarks.census.driver import run
from benchmarks.census.measurement import FAILED, Found, compared
from benchmarks.census.rows import STANDARD_LIBRARY, Row, read_rows, select, version

HOME = Path(__file__).parent
RESULTS = HOME / "results.jsonl"
AGAIN = HOME / "again.jsonl"
OLDER = HOME / "older.jsonl"
FILES = {"run": RESULTS, "again": AGAIN, "older": OLDER}
SAME_AT_LEAST = 0.99


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.census", description=__doc__)
    commands = parser.add_subparsers(dest="verb", required=True)
    for verb, text in {
        "run": "measure the rows, and keep what is found; an interrupted run goes on where it ended",
        "again": "measure the rows once more, and compare with what was kept; exit status 1 below 99 in 100",
        "older": "measure the rows of the packages that are installed, and keep them as those of older releases",
    }.items():
        command = commands.add_parser(verb, help=text)
        command.add_argument("--package", nargs="*", default=[], help="only these packages (default: all)")
        command.add_argument(
            "--jobs", type=int, default=os.cpu_count() or 1, help="so many at once (default: the cores)"
        )
        command.add_argument("--fresh", action="store_true", help="forget what an earlier run of the same kind found")
        command.add_argument("--out", type=Path, default=FILES[verb], help="the results file")
    repeat = commands.add_parser("command", help="print the shell commands that repeat a row, one a size")
    repeat.add_argument("package")
    repeat.add_argument("statement", nargs="?", help="as the table has it, or the beginning of it")
    commands.add_parser("page", help="write what is kept into docs/gallery/census.md")
    compare = commands.add_parser("compare", help="compare two results files, such as those of two releases")
    compare.add_argument("before", type=Path)
    compare.add_argument("after", type=Path)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the verb, and return the exit status."""
    options = _parser().parse_args(arguments)
    rows = read_rows()
    if options.verb == "page":
        from benchmarks.census.page import write_page

        write_page(RESULTS, AGAIN, OLDER)
        return 0
    if options.verb == "compare":
        return _report(measurement.read(options.before), measurement.read(options.after))
    if options.verb == "command":
        for row in select(rows, [options.package]):
            if row.statement.startswith(options.statement or ""):
                for size in row.sizes:
                    sys.stdout.write(row.command(size) + "\n")
        return 0
    return _measure(rows, options)


def _measure(rows: Sequence[Row], options: argparse.Namespace) -> int:
    """Measure what the file does not have yet, and put it into the order of the table."""
    if options.fresh:
        options.out.unlink(missing_ok=True)
    chosen = select(rows, options.package)
    if options.verb == "older" and not options.package:
        chosen = [row for row in chosen if row.package != STANDARD_LIBRARY]
    absent = sorted({row.package for row in chosen if version(row.package) is None})
    if absent:
        sys.stderr.write(f"not installed, NOT RUN: {', '.join(absent)}\n")
    done = measurement.read(options.out)
    # What failed is tried again: the row was mended, or the machine was short of something.
    decided = {key for key, found in done.items() if found.is_whole}
    todo = [row for row in chosen if row.package not in absent and row.key not in decided]

    # Packages with few rows come first: a run that is interrupted has seen most packages.
    n_rows = Counter(row.package for row in rows)
    todo.sort(key=lambda row: n_rows[row.package])

    def keep(found: Found) -> None:
        if measurement.knows_less(found, done.get(found.key)):
            sys.stderr.write(f"{found.package}  {found.statement}  fewer words than before: not kept\n")
            return
        with options.out.open("a", encoding="utf-8") as file:
            file.write(found.to_line() + "\n")
        words = ", ".join(f"n={s.size}: {s.gil if s.gil != FAILED else s.outcome}" for s in found.sizes)
        sys.stderr.write(f"{found.package}  {found.statement}  {words}\n")

    run(todo, keep, n_jobs=options.jobs, places=options.verb == "run")
    # In the order of the table, so that two files can be compared line by line.
    kept = measurement.read(options.out)
    order = [row.key for row in rows if row.key in kept]
    measurement.write(options.out, (kept[key] for key in order))
    return _report(measurement.read(RESULTS), kept) if options.verb == "again" else 0


def _report(before: dict[tuple[str, str], Found], after: dict[tuple[str, str], Found]) -> int:
    n_both, changes = compared(before.values(), after.values())
    for change in changes:
        sys.stdout.write(
            f"{change.before.package} {change.before.version} -> {change.after.version}  {change.before.statement}  "
            f"n={change.size}: {change.word_before} -> {change.word_after}\n"
        )
    same = n_both - len(changes)
    sys.stdout.write(f"{same} of {n_both} words are the same ({same / max(1, n_both):.2%})\n")
    return 0 if n_both and same >= SAME_AT_LEAST * n_both else 1


if __name__ == "__main__":
    raise SystemExit(main())
