"""``gilcheck show DOCUMENT``: judges saved observations again and shows the verdicts."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pytest_gilcheck.commands.exit_status import NOT_AS_EXPECTED, OK, say, status_of
from pytest_gilcheck.commands.progress_bar import bar, is_in_the_way, read_through
from pytest_gilcheck.judge import judge
from pytest_gilcheck.report import findings, tables, text
from pytest_gilcheck.report.markdown import markdown
from pytest_gilcheck.report.sentences import with_text
from pytest_gilcheck.status.callback import StatusCallback
from pytest_gilcheck.store import json_report
from pytest_gilcheck.store.json_report import AgreementEntry, Entry
from pytest_gilcheck.store.stream import Stream

FORMATS = ("story", "table", "json", "markdown", "github", "gitlab")


class _Judged:
    """A document's checks with the verdicts of today's judge, and its agreements; `status` is that of those read so far."""

    def __init__(self, stream: Stream, tell: StatusCallback | None) -> None:
        self._stream = stream
        self._tell = tell
        self.status = OK

    def __iter__(self) -> Iterator[Entry]:
        for entry in read_through(self._stream, self._tell):
            if isinstance(entry, AgreementEntry):
                status = OK if entry.agreement.word == "agree" else NOT_AS_EXPECTED
            else:
                verdict = with_text(judge(entry.observation), entry.observation)
                status = status_of(entry.observation, verdict)
                entry = replace(entry, verdict=verdict)  # noqa: PLW2901  (the same check, judged anew)
            self.status = max(self.status, status)
            yield entry


def main(arguments: Sequence[str]) -> int:
    """The exit status: the worst of all checks and agreements."""
    parser = argparse.ArgumentParser(
        prog="gilcheck show", description="Judge a saved document again and show its verdicts."
    )
    parser.add_argument(
        "document", type=Path, help="a file written by --json, --gilcheck-json, --gilcheck-save or merge"
    )
    parser.add_argument(
        "-f",
        "--format",
        choices=FORMATS,
        default="story",
        help="story (default): each check at length; table: a line each; json: one array of all entries",
    )
    parser.add_argument(
        "-v", "--verbose", action="count", default=0, help="-vv: show every frame of every hand-over's stack"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="only how many of each word")
    options = parser.parse_args(arguments)
    stream = Stream(options.document)
    comes_at_once = options.quiet or options.format == "table"
    with bar(quiet=is_in_the_way(of_lines_as_they_come=not comes_at_once)) as tell:
        checks = _Judged(stream, tell)
        lines = _lines(checks, options.format, quiet=options.quiet, all_frames=options.verbose >= text.ALL_FRAMES)
        if comes_at_once:
            lines = iter(list(lines))
        else:
            sys.stdout.writelines(lines)
    sys.stdout.writelines(lines)
    if stream.interrupted:
        say(f"{options.document} is of a run that was interrupted ({stream.interrupted})")
    for warning in stream.warnings:
        say(warning)
    return checks.status


def _lines(checks: _Judged, form: str, *, quiet: bool, all_frames: bool) -> Iterator[str]:
    if quiet:
        yield f"{tables.counts(checks)}\n"
    elif form == "gitlab":
        yield from findings.gitlab(checks)
    elif form == "json":
        yield from json_report.json_array(checks)
    elif form == "story":
        for entry in checks:
            for line in tables.lines_of_entry(entry, encoding=sys.stdout.encoding, all_frames=all_frames):
                yield f"{line}\n"
    else:
        renderers: dict[str, Callable[[Iterable[Entry]], Iterator[str]]]
        renderers = {"markdown": markdown, "github": findings.github, "table": _table}
        yield from (f"{line}\n" for line in renderers[form](checks))


def _table(checks: Iterable[Entry]) -> Iterator[str]:
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    yield from tables.tables(checks, width=shutil.get_terminal_size().columns, colour=colour)
