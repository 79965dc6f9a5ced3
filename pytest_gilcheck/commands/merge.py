"""``gilcheck merge REPORT...``: makes one JSON report of several, such as those of a CI matrix."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pytest_gilcheck.commands.parser import Parser
from pytest_gilcheck.commands.stderr import disturbs_stdout, progress_bar, read_through, say
from pytest_gilcheck.gate.exit_status import OK, USAGE
from pytest_gilcheck.store import json_report
from pytest_gilcheck.store.stream import merged


def main(arguments: Sequence[str]) -> int:
    """Merge JSON reports and return the exit status."""
    parser = Parser(
        prog="gilcheck merge",
        description="Make one JSON report of several. Each check keeps the name of the file that it came from, without its suffix.",
    )
    parser.add_argument("reports", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, metavar="PATH", help="where to write it (default: stdout)")
    options = parser.parse_args(arguments)
    is_shown = options.output is not None or not disturbs_stdout(line_by_line=True)
    try:
        with progress_bar(quiet=not is_shown) as show:
            sources = zip(labels(options.reports), options.reports, strict=True)
            parts = merged(sources, partial(read_through, show=show))
            if options.output is None:
                sys.stdout.writelines(parts)
            else:
                json_report.write(options.output, parts)
    except OSError as error:
        if options.output is None:
            raise
        say(f"--output {options.output}: {error}")
        return USAGE
    return OK


def labels(paths: Sequence[Path]) -> list[str]:
    """Return what each report is called: its stem, or its whole path where several have that stem."""
    n = Counter(path.stem for path in paths)
    return [path.stem if n[path.stem] == 1 else path.as_posix() for path in paths]
