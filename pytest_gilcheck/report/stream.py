"""Documents read check by check, so that a large one takes no more memory than a small one."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pytest_gilcheck.evidence import UsageError
from pytest_gilcheck.report import document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_gilcheck.report.document import Check


class Stream:
    """The checks of a document, one after another. `interrupted` and `warnings` are known once all have been read;
    `n_read` of its `size` characters have been read so far (None: it is no file, or one of another tool)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.n_read = 0
        self.size: int | None = None
        self.interrupted: str | None = None
        self.warnings: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Check]:
        """Raises `UsageError` where the document cannot be read, is cut off, of a newer version, or none at all."""
        try:
            with self.path.open(encoding="utf-8") as file:
                yield from self._checks(file)
        except (OSError, UnicodeDecodeError) as error:
            message = f"{self.path} cannot be read: {error}"
            raise UsageError(message) from None

    def _checks(self, file: IO[str]) -> Iterator[Check]:
        first = file.readline()
        if not first.endswith('"checks": [\n'):  # written by another tool: whole, then
            made = document.from_json(first + file.read(), str(self.path))
            self.interrupted, self.warnings = made.interrupted, made.warnings
            yield from made.checks
            return
        document.parsed(f"{first}]}}", str(self.path))
        self.size = os.fstat(file.fileno()).st_size or None  # what we write is ASCII
        for number, line in enumerate(file, 1):
            if line.startswith("]"):
                self._ended(document.parsed(f"{first}{line}", str(self.path)))
                return
            if line.strip():
                self.n_read += len(line)
                yield self._check(line, number)
        message = f"{self.path} is cut off: its end is missing."
        raise UsageError(message)

    def _check(self, line: str, number: int) -> Check:
        try:
            made = json.loads(line.rstrip().removesuffix(","))
        except json.JSONDecodeError as error:
            message = f"{self.path} is no gilcheck document, or is cut off (check {number}, column {error.colno}: {error.msg})"
            raise UsageError(message) from None
        return document.check_of(made, f"{self.path} check {number}")

    def _ended(self, made: dict[str, Any]) -> None:
        self.interrupted = made.get("interrupted")
        self.warnings = tuple(made.get("warnings", ()))


class Journal:
    """The checks of a session that is going on: on disk, a line each, so that ten thousand need no more memory than one."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._n = 0

    def __len__(self) -> int:
        return self._n

    @property
    def path(self) -> Path | None:
        """The file so far: a document without its end. None while it is empty."""
        return self._path

    def append(self, line: str) -> None:
        """Keeps the line of one check."""
        if self._path is None:
            handle, name = tempfile.mkstemp(prefix="gilcheck-", suffix=".part")
            self._path = Path(name)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(document.head())
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f",\n{line}" if self._n else line)
        self._n += 1

    def __iter__(self) -> Iterator[Check]:
        for number, line in enumerate(self.lines(), 1):
            yield document.check_of(json.loads(line), f"check {number} of this session")

    def lines(self) -> Iterator[str]:
        """The line of each check."""
        if self._path is None:
            return
        with self._path.open(encoding="utf-8") as file:
            file.readline()
            for line in file:
                yield line.rstrip("\n").removesuffix(",")

    def ending(
        self, lines: Iterable[str] = (), *, interrupted: str | None = None, warnings: tuple[str, ...] = ()
    ) -> str:
        """What makes the file so far, and these further lines, a document."""
        more = ",\n".join(lines)
        head = document.head() if self._path is None else (",\n" if more else "")
        return head + more + document.tail(interrupted=interrupted, warnings=warnings)

    def parts(self, *, interrupted: str | None = None, warnings: tuple[str, ...] = ()) -> Iterator[str]:
        """The whole document, piece by piece."""
        if self._path is not None:
            with self._path.open(encoding="utf-8") as file:
                yield from file
        yield self.ending(interrupted=interrupted, warnings=warnings)

    def close(self) -> None:
        """Takes the file away."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path = None


def merged(sources: Iterable[tuple[str, Path]], through: Callable[[Stream], Iterable[Check]] = iter) -> Iterator[str]:
    """One document of several, piece by piece; each check keeps where it came from. They are read `through` a function
    that gives a stream's checks, for whoever wants to count them."""
    yield document.head()
    separator, warnings, interrupted = "", [], []
    for label, path in sources:
        stream = Stream(path)
        for check in through(stream):
            yield separator + document.check_line(replace(check, origin=check.origin or label))
            separator = ",\n"
        warnings += [f"{label}: {warning}" for warning in stream.warnings]
        interrupted += [f"{label}: {stream.interrupted}"] if stream.interrupted else []
    yield document.tail(interrupted="; ".join(interrupted) or None, warnings=warnings)


def keyed(checks: Iterable[Check]) -> Iterator[tuple[str, Check]]:
    """Each check under a name that is the same in the next run: its origin, its test, its name, and which of several
    of that name it is."""
    seen: dict[str, int] = {}
    for check in checks:
        is_body = (
            check.test is not None and check.name == check.test.rpartition("/")[2]
        )  # a marked test, called as itself
        parts = (f"[{check.origin}]" if check.origin else "", check.test or "", "" if is_body else check.name)
        key = " ".join(filter(None, parts))
        seen[key] = seen.get(key, 0) + 1
        yield (key if seen[key] == 1 else f"{key} #{seen[key]}"), check
