"""``gilcheck show REPORT``: judges saved observations again and shows the verdicts."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pytest_gilcheck.commands.parser import Parser
from pytest_gilcheck.commands.stderr import disturbs_stdout, progress_bar, read_through, say
from pytest_gilcheck.evidence import UsageError
from pytest_gilcheck.gate.comparison import baseline_entries, compare
from pytest_gilcheck.gate.comparison import findings as findings_of
from pytest_gilcheck.gate.exit_status import OK, status_of_agreement, status_of_check
from pytest_gilcheck.judge import judge
from pytest_gilcheck.report import findings, tables
from pytest_gilcheck.report.markdown import markdown
from pytest_gilcheck.report.sentences import with_text
from pytest_gilcheck.report.trace import trace
from pytest_gilcheck.status.callback import StatusCallback
from pytest_gilcheck.store import json_report
from pytest_gilcheck.store.json_report import AgreementEntry, Entry
from pytest_gilcheck.store.stream import Stream

FORMATS = ("report", "table", "json", "markdown", "github", "gitlab")


class _Judged:
    """The entries of a JSON report, with each check judged again by this version.

    Args:
        stream: The JSON report.
        show: Receives status events, or None.

    Attributes:
        stream: The JSON report.
        status: The worst exit status of the entries that were read so far.
    """

    def __init__(self, stream: Stream, show: StatusCallback | None) -> None:
        self.stream = stream
        self._show = show
        self.status = OK

    def __iter__(self) -> Iterator[Entry]:
        for entry in read_through(self.stream, self._show):
            if isinstance(entry, AgreementEntry):
                status = status_of_agreement(entry.agreement)
            else:
                verdict = with_text(judge(entry.observation), entry.observation)
                status = status_of_check(entry.observation, verdict)
                entry = replace(entry, verdict=verdict)  # noqa: PLW2901  (the same check, judged again)
            self.status = max(self.status, status)
            yield entry


def main(arguments: Sequence[str]) -> int:
    """Show a JSON report and return the exit status, the worst of all its checks and agreements."""
    parser = Parser(prog="gilcheck show", description="Judge a JSON report again and show its verdicts.")
    parser.add_argument("report", type=Path, help="a file written by --json, --gilcheck-json, --gilcheck-save or merge")
    written = parser.add_mutually_exclusive_group()
    written.add_argument(
        "-f",
        "--format",
        type=_format,
        metavar="FORMAT",
        default="report",
        help="report (default): each check in full; table: a line each; json: one array of all entries; markdown; github: annotations; gitlab: code quality",
    )
    written.add_argument(
        "--html", metavar="PATH", help="write one HTML page there instead; - writes to standard output"
    )
    written.add_argument(
        "--trace",
        metavar="PATH",
        help="write the recorded calls there instead, as a trace for Perfetto and chrome://tracing; - as above",
    )
    parser.add_argument(
        "--compare", type=Path, metavar="BEFORE", help="show on the page of --html what changed since this JSON report"
    )
    parser.add_verbosity()
    parser.add_argument("-q", "--quiet", action="store_true", help="show only how many checks have each word")
    options = parser.parse_args(arguments)
    stream = Stream(options.report)
    if options.html is None and options.compare is not None:
        message = f"--compare {options.compare}: only a page has a comparison; write --html PATH too, or use `gilcheck compare`"
        raise UsageError(message)
    is_printed_at_once = options.quiet or options.format == "table"
    is_written = options.html is not None or options.trace is not None
    with progress_bar(quiet=disturbs_stdout(line_by_line=not (is_printed_at_once or is_written))) as show:
        checks = _Judged(stream, show)
        if options.html is not None:
            _write("--html", options.html, _page(checks, options.compare))
            lines: Iterator[str] = iter(())
        elif options.trace is not None:
            _write("--trace", options.trace, trace(checks))
            lines = iter(())
        else:
            lines = _lines(checks, options.format, quiet=options.quiet, verbosity=options.verbose)
        if is_printed_at_once:
            lines = iter(list(lines))
        else:
            sys.stdout.writelines(lines)
    sys.stdout.writelines(lines)
    if stream.interrupted:
        say(f"{options.report} comes from a run that was interrupted ({stream.interrupted})")
    for warning in stream.warnings:
        say(warning)
    return checks.status


def _write(option: str, path: str, parts: Iterable[str]) -> None:
    """Write a file, or to standard output where its name is ``-``."""
    if path == "-":
        sys.stdout.writelines(parts)
        return
    try:
        json_report.write(Path(path), parts)
    except OSError as error:
        message = f"{option} {path} was not written: {error}"
        raise UsageError(message) from None


def _page(checks: _Judged, before: Path | None) -> Iterator[str]:
    from pytest_gilcheck.report.html import html  # noqa: PLC0415  (only where a page is made)

    comparison = None
    if before is not None:
        baseline, now = baseline_entries(Stream(before)), baseline_entries(checks, with_places=True)
        comparison = compare(baseline, now, (str(before), str(checks.stream.path)))
    return html(
        checks,
        comparison=comparison,
        findings=() if comparison is None else findings_of(comparison, ()),
        notes=_ending(checks.stream),
    )


def _ending(stream: Stream) -> Iterator[str]:
    """Yield how the run ended, which is known once its entries have been read."""
    if stream.interrupted:
        yield f"the run was interrupted ({stream.interrupted}): what is shown was measured before"
    yield from stream.warnings


def _format(word: str) -> str:
    if word == "story":
        message = "'story' is called 'report' now"
        raise argparse.ArgumentTypeError(message)
    if word not in FORMATS:
        message = f"expected one of {', '.join(FORMATS)}, got {word!r}"
        raise argparse.ArgumentTypeError(message)
    return word


def _lines(checks: _Judged, form: str, *, quiet: bool, verbosity: int) -> Iterator[str]:
    if quiet:
        yield f"{tables.counts(checks)}\n"
    elif form == "gitlab":
        yield from findings.gitlab(checks)
    elif form == "json":
        yield from json_report.json_array(checks)
    elif form == "report":
        for entry in checks:
            for line in tables.lines_of_entry(entry, encoding=sys.stdout.encoding, verbosity=verbosity):
                yield f"{line}\n"
    else:
        renderers: dict[str, Callable[[Iterable[Entry]], Iterator[str]]]
        renderers = {"markdown": markdown, "github": findings.github, "table": _table}
        yield from (f"{line}\n" for line in renderers[form](checks))


def _table(checks: Iterable[Entry]) -> Iterator[str]:
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    yield from tables.tables(checks, width=shutil.get_terminal_size().columns, colour=colour)
