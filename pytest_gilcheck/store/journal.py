"""The report of a session that is going on, on disk: a JSON report without its last line."""

from __future__ import annotations

import os
import tempfile
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_gilcheck.store import json_report
from pytest_gilcheck.store.json_report import End

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_gilcheck.store.json_report import Entry


class Journal:
    """The checks and agreements of a session, a line each in a temporary file: ten thousand need no more memory than one."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._n = 0

    def __len__(self) -> int:
        return self._n

    def extend(self, lines: Iterable[str]) -> None:
        """Add the lines of checks and agreements (see `json_report.to_line`)."""
        lines = [*lines]
        if not lines:
            return
        if self._path is None:
            handle, name = tempfile.mkstemp(prefix="gilcheck-", suffix=".jsonl")
            self._path = Path(name)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(json_report.first_line())
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(lines)
        self._n += len(lines)

    def __iter__(self) -> Iterator[Entry]:
        if self._path is None:
            return
        with self._path.open(encoding="utf-8") as file:
            for number, line in enumerate(islice(file, 1, None), 1):
                entry = json_report.from_line(line, f"entry {number} of this session")
                assert not isinstance(entry, End)  # noqa: S101  (narrowing: a journal has no last line)
                yield entry

    def pieces(
        self, more: Sequence[str] = (), *, interrupted: str | None = None, warnings: Sequence[str] = ()
    ) -> Iterator[str | Path]:
        """Yield the pieces of a whole report, for a writer that must not run Python.

        Args:
            more: Lines of further entries, which the journal does not have yet.
            interrupted: Why the run ended early.
            warnings: Warnings for the last line.

        Yields:
            str | Path: A text, or a file whose content stands in its place.
        """
        yield json_report.first_line() if self._path is None else self._path
        yield from more
        yield json_report.end_line(interrupted=interrupted, warnings=warnings)

    def report(self, *, interrupted: str | None = None, warnings: Sequence[str] = ()) -> Iterator[str]:
        """Yield the lines of the whole report."""
        for piece in self.pieces(interrupted=interrupted, warnings=warnings):
            if isinstance(piece, Path):
                with piece.open(encoding="utf-8") as file:
                    yield from file
            else:
                yield piece

    def close(self) -> None:
        """Delete the file."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path = None
