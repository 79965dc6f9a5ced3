"""The bars of the reference counter: ``python -m benchmarks.counter`` (with the gallery's `word_count` and `rg` installed).

The sides of each ratio run in turn, in one process and on the same text. The median of the ratios is shown with its
quartiles. A side that is not installed is left out, with a message. ``--json`` saves the rows, ``--saved`` prints saved
rows again, ``--tables`` and ``--plot`` write what the documentation shows.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.counter import cores, memory, report, rivals
from benchmarks.counter.rows import IDLE_CORES, Row
from benchmarks.counter.texts import texts, write_large

PARTS = ("par_lines", "ripgrep", "cores", "small", "threads", "memory")


def cpu() -> str:
    """Return the name of the processor."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return platform.processor() or "unknown processor"


def measured(parts: list[str], n_rounds: int, large_gib: float) -> list[Row]:
    """Return the rows of these parts."""
    subjects = texts()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder, name.replace(" ", "-")) for name in subjects}
        for name, text in subjects.items():
            paths[name].write_text(text)
        large = Path(folder, "large")
        ways = {
            "par_lines": lambda: rivals.against_par_lines(subjects, n_rounds),
            "ripgrep": lambda: rivals.against_ripgrep(paths, n_rounds),
            "cores": lambda: cores.against_one(subjects, n_rounds),
            "small": lambda: rivals.small_texts(n_rounds),
            "threads": lambda: cores.where_threads_pay(n_rounds),
            "memory": lambda: memory.above_the_text(large, write_large(large, int(large_gib * (1 << 30)))),
        }
        for part in parts:
            rows += ways[part]()
    return rows


def main() -> int:
    """Measure everything and print the tables; the exit status is 1 where a bar was missed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.counter", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15, help="rounds for each ratio (default 15)")
    parser.add_argument("--large-gib", type=float, default=4.0, help="size of the generated file (default 4)")
    parser.add_argument(
        "--patience", type=float, default=1.0, help="seconds to wait for idle cores before a round (default 1)"
    )
    parser.add_argument("--only", choices=PARTS, action="append", help="one part; may be repeated")
    parser.add_argument("--json", type=Path, help="where the rows are written too")
    parser.add_argument("--saved", type=Path, help="print the rows of such a file, and measure nothing")
    parser.add_argument("--tables", type=Path, help="where the tables are written too (Markdown)")
    parser.add_argument("--plot", type=Path, help="where the plot goes (SVG; needs pygal)")
    options = parser.parse_args()
    if options.saved:
        saved = json.loads(options.saved.read_text())
        machine, rows = saved["machine"], [Row(**row) for row in saved["rows"]]
    else:
        IDLE_CORES.patience_s = options.patience
        rows = measured(options.only or list(PARTS), options.rounds, options.large_gib)
        machine = {
            "cpu": cpu(),
            "n_cpus": os.cpu_count(),
            "python": platform.python_version(),
            "n_rounds": options.rounds,
            "n_disturbed": IDLE_CORES.n_disturbed,
            "n_rounds_all": IDLE_CORES.n_rounds,
        }
    text = report.report_lines(machine, rows)
    print(text)
    if options.tables:
        options.tables.write_text(text + "\n")
    if options.json:
        options.json.write_text(
            json.dumps({"machine": machine, "rows": [asdict(row) for row in rows]}, indent=1) + "\n"
        )
    if options.plot:
        report.plot(rows, options.plot)
    return int(any(row.met == "no" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
