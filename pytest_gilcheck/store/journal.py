"""The session that is going on, on disk: what is known so far is a document but for its end."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_gilcheck.store import json_report

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_gilcheck.store.json_report import Entry


class _Part:
    """The lines of one of a document's lists, in a file, which begins with what stands before them."""

    def __init__(self, before: str) -> None:
        self._before = before
        self._path: Path | None = None
        self.n = 0

    def append(self, line: str) -> None:
        if self._path is None:
            handle, name = tempfile.mkstemp(prefix="gilcheck-", suffix=".part")
            self._path = Path(name)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(self._before)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f",\n{line}" if self.n else line)
        self.n += 1

    def lines(self) -> Iterator[str]:
        if self._path is None:
            return
        n_before = self._before.count("\n")
        with self._path.open(encoding="utf-8") as file:
            for number, line in enumerate(file):
                if number >= n_before:
                    yield line.rstrip("\n").removesuffix(",")

    def pieces(self, more: Sequence[str]) -> Iterator[str | Path]:
        """The file, and these further lines."""
        yield self._before if self._path is None else self._path
        if more:
            yield (",\n" if self.n else "") + ",\n".join(more)

    def close(self) -> None:
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path = None


class Journal:
    """The checks and agreements of a session that is going on: on disk, a line each, so that ten thousand need no more
    memory than one."""

    def __init__(self) -> None:
        self._checks = _Part(json_report.head())
        self._agreements = _Part(f"\n{json_report.AGREEMENTS_FOLLOW}")

    def __len__(self) -> int:
        return self._checks.n + self._agreements.n

    def append(self, line: str) -> None:
        """Keeps the line of one check."""
        self._checks.append(line)

    def append_agreement(self, line: str) -> None:
        """Keeps the line of one agreement."""
        self._agreements.append(line)

    def keep(self, checks: Iterable[str], agreements: Iterable[str]) -> None:
        """Keeps the lines of several."""
        for line in checks:
            self.append(line)
        for line in agreements:
            self.append_agreement(line)

    def __iter__(self) -> Iterator[Entry]:
        for number, line in enumerate(self._checks.lines(), 1):
            yield json_report.check_entry_of(json.loads(line), f"check {number} of this session")
        for number, line in enumerate(self._agreements.lines(), 1):
            yield json_report.agreement_entry_of(json.loads(line), f"agreement {number} of this session")

    def pieces(
        self,
        checks: Sequence[str] = (),
        agreements: Sequence[str] = (),
        *,
        interrupted: str | None = None,
        warnings: Sequence[str] = (),
    ) -> Iterator[str | Path]:
        """What makes a document, with these further lines, one after another: texts, and files that are copied."""
        yield from self._checks.pieces(checks)
        yield from self._agreements.pieces(agreements)
        yield json_report.tail(interrupted=interrupted, warnings=warnings)

    def parts(self, *, interrupted: str | None = None, warnings: Sequence[str] = ()) -> Iterator[str]:
        """The whole document, piece by piece."""
        for piece in self.pieces(interrupted=interrupted, warnings=warnings):
            if isinstance(piece, Path):
                with piece.open(encoding="utf-8") as file:
                    yield from file
            else:
                yield piece

    def close(self) -> None:
        """Takes the files away."""
        self._checks.close()
        self._agreements.close()
