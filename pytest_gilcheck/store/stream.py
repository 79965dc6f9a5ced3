"""JSON reports read entry by entry, so that a large one takes no more memory than a small one."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import IO, TYPE_CHECKING

from pytest_gilcheck.evidence import UsageError
from pytest_gilcheck.store import json_report, migration
from pytest_gilcheck.store.json_report import SCHEMA_VERSION, End

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from pytest_gilcheck.store.json_report import Entry


class Stream:
    """The checks and agreements of a saved report, in the order of the file.

    Each iteration opens the file anew; a pipe can be read once. Reports of versions 1 and 2 are read as a whole. Iteration
    raises `UsageError` where the file cannot be read, is cut off, of a newer version, or no report.

    `n_read` of `size` characters have been read so far; `size` is None for a pipe and for older versions. `interrupted` says
    why the run ended early, and `warnings` what else there is to know, once all entries have been read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.n_read = 0
        self.size: int | None = None
        self.interrupted: str | None = None
        self.warnings: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Entry]:
        try:
            with self.path.open(encoding="utf-8") as file:
                yield from self._entries(file)
        except (OSError, UnicodeDecodeError) as error:
            message = f"{self.path} cannot be read: {error}"
            raise UsageError(message) from None

    def _entries(self, file: IO[str]) -> Iterator[Entry]:
        first = file.readline()
        is_one_line = _is_json(first)
        report = json_report.versioned(first if is_one_line else first + file.read(), str(self.path))
        if report["schema_version"] < SCHEMA_VERSION:
            yield from migration.entries(report, str(self.path))
            self._ended(migration.end(report, str(self.path)))
        elif is_one_line:
            self.size = os.fstat(file.fileno()).st_size or None  # in characters: what we write is ASCII
            self.n_read = len(first)
            yield from self._of_lines(file)
        else:
            message = f"{self.path} is not JSON Lines: its first object spans several lines (`jq -c` writes one a line)"
            raise UsageError(message)

    def _of_lines(self, file: IO[str]) -> Iterator[Entry]:
        end: End | None = None
        for number, line in enumerate(file, 2):
            self.n_read += len(line)
            if line.isspace():
                continue
            if end is not None:
                message = f"{self.path} goes on after its end, in line {number}. Combine reports with `gilcheck merge`."
                raise UsageError(message)
            entry = json_report.from_line(line, f"{self.path} line {number}")
            if isinstance(entry, End):
                end = entry
            else:
                yield entry
        if end is None:
            message = f"{self.path} is cut off: its end is missing."
            raise UsageError(message)
        self._ended(end)

    def _ended(self, end: End) -> None:
        self.interrupted, self.warnings = end.interrupted, end.warnings


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def merged(
    sources: Iterable[tuple[str, Path]], entries_of: Callable[[Stream], Iterable[Entry]] = iter
) -> Iterator[str]:
    """Yield the lines of one report that has the entries of several. Raises `UsageError` as `Stream` does.

    Args:
        sources: Label and file of each report. Each file is read once, because it may be a pipe. An entry whose `origin`
            is not set gets the label of its report.
        entries_of: Returns the entries of a stream, for callers that count them on the way.

    Yields:
        str: A line with its line end.
    """
    warnings: list[str] = []
    interrupted: list[str] = []
    yield json_report.first_line()
    for label, path in sources:
        stream = Stream(path)
        for entry in entries_of(stream):
            yield json_report.to_line(replace(entry, origin=entry.origin or label))
        warnings += [f"{label}: {warning}" for warning in stream.warnings]
        interrupted += [f"{label}: {stream.interrupted}"] if stream.interrupted else []
    yield json_report.end_line(interrupted="; ".join(interrupted) or None, warnings=warnings)
