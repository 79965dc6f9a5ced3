"""Documents read entry by entry, so that a large one takes no more memory than a small one."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

from pytest_gilcheck.evidence import UsageError
from pytest_gilcheck.store import json_report
from pytest_gilcheck.store.json_report import AgreementEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from pytest_gilcheck.store.json_report import Entry


class Stream:
    """A document's checks, then its agreements, one after another. `interrupted` and `warnings` are known once all have
    been read; `n_read` of its `size` characters have been read so far (None: it is no file, or one of another tool).

    Everything raises `UsageError` where the document cannot be read, is cut off, of a newer version, or none at all.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.n_read = 0
        self.size: int | None = None
        self.interrupted: str | None = None
        self.warnings: tuple[str, ...] = ()
        self._version = json_report.SCHEMA_VERSION

    def __iter__(self) -> Iterator[Entry]:
        try:
            with self.path.open(encoding="utf-8") as file:
                yield from self._read(file)
        except (OSError, UnicodeDecodeError) as error:
            message = f"{self.path} cannot be read: {error}"
            raise UsageError(message) from None

    def _read(self, file: IO[str]) -> Iterator[Entry]:
        first = file.readline()
        if not first.endswith(json_report.CHECKS_FOLLOW):  # written by another tool: whole, then
            made = json_report.from_json(first + file.read(), str(self.path))
            self.interrupted, self.warnings = made.interrupted, made.warnings
            yield from made.checks
            yield from made.agreements
            return
        self._version = json_report.parsed(f"{first}]}}", str(self.path))["schema_version"]
        self.size = os.fstat(file.fileno()).st_size or None  # what we write is ASCII
        what, number = "check", 0
        for line in file:
            if line == json_report.AGREEMENTS_FOLLOW:
                what, number = "agreement", 0
            elif line.startswith("]"):
                self._ended(json_report.parsed(f"{first}{line}", str(self.path)))
                return
            elif line.strip():
                number += 1
                self.n_read += len(line)
                yield self._entry(line, what, number)
        message = f"{self.path} is cut off: its end is missing."
        raise UsageError(message)

    def _entry(self, line: str, what: str, number: int) -> Entry:
        try:
            made = json.loads(line.rstrip().removesuffix(","))
        except json.JSONDecodeError as error:
            message = f"{self.path} is no gilcheck document, or is cut off ({what} {number}, column {error.colno}: {error.msg})"
            raise UsageError(message) from None
        read = json_report.check_entry_of if what == "check" else json_report.agreement_entry_of
        return read(made, f"{self.path} {what} {number}", self._version)

    def _ended(self, made: dict[str, Any]) -> None:
        self.interrupted = made.get("interrupted")
        self.warnings = tuple(made.get("warnings", ()))


def merged(sources: Iterable[tuple[str, Path]], through: Callable[[Stream], Iterable[Entry]] = iter) -> Iterator[str]:
    """One document of several, piece by piece; each entry keeps where it came from. They are read `through` a function
    that gives a stream's entries, for whoever wants to count them.

    Each is read once, for it may be a pipe. Agreements come after all checks: they wait in a file.
    """
    separator = compared = ""
    warnings, interrupted = [], []
    yield json_report.head()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as waiting:
        for label, path in sources:
            stream = Stream(path)
            for entry in through(stream):
                line = json_report.line_of(replace(entry, origin=entry.origin or label))
                if isinstance(entry, AgreementEntry):
                    waiting.write(compared + line)
                    compared = ",\n"
                    continue
                yield separator + line
                separator = ",\n"
            warnings += [f"{label}: {warning}" for warning in stream.warnings]
            interrupted += [f"{label}: {stream.interrupted}"] if stream.interrupted else []
        yield f"\n{json_report.AGREEMENTS_FOLLOW}"
        waiting.seek(0)
        yield from waiting
    yield json_report.tail(interrupted="; ".join(interrupted) or None, warnings=warnings)


def keyed(entries: Iterable[Entry]) -> Iterator[tuple[str, Entry]]:
    """Each entry under a name that is the same in the next run: its origin, its test, its name, and which of several
    of that name it is."""
    seen: dict[str, int] = {}
    for entry in entries:
        # A marked test is called as itself.
        is_body = entry.test is not None and entry.name == entry.test.rpartition("/")[2]
        name = f"agreement of {entry.name}" if isinstance(entry, AgreementEntry) else ("" if is_body else entry.name)
        key = " ".join(filter(None, (f"[{entry.origin}]" if entry.origin else "", entry.test or "", name)))
        seen[key] = seen.get(key, 0) + 1
        yield (key if seen[key] == 1 else f"{key} #{seen[key]}"), entry
