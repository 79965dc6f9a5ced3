"""``gilcheck merge REPORT...`` writes one JSON report from several, such as those of a CI matrix."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pytest_gilcheck.commands.exit_status import OK, USAGE, say
from pytest_gilcheck.commands.progress_bar import bar, is_in_the_way, read_through
from pytest_gilcheck.store import json_report
from pytest_gilcheck.store.stream import merged


def main(arguments: Sequence[str]) -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(
        prog="gilcheck merge",
        description="Write one JSON report from several. Each check keeps the name of the file that it came from, without its suffix.",
    )
    parser.add_argument("reports", metavar="REPORT", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, metavar="PATH", help="where to write it (default: stdout)")
    options = parser.parse_args(arguments)
    is_shown = options.output is not None or not is_in_the_way(of_lines_as_they_come=True)
    try:
        with bar(quiet=not is_shown) as callback:
            sources = zip(labels(options.reports), options.reports, strict=True)
            parts = merged(sources, partial(read_through, callback=callback))
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
    """Return the label of each JSON report: its stem, or its whole path where several have the same stem."""
    n = Counter(path.stem for path in paths)
    return [path.stem if n[path.stem] == 1 else path.as_posix() for path in paths]
