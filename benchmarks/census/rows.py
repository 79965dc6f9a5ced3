"""The rows of the census, as `functions.toml` has them."""

from __future__ import annotations

import importlib.metadata
import platform
import shlex
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tomllib

FUNCTIONS = Path(__file__).with_name("functions.toml")
STANDARD_LIBRARY = "standard library"


@dataclass(frozen=True)
class Row:
    """One function with its inputs: `setup` and `statement` may use `n`, which is each of `sizes` in turn."""

    package: str
    statement: str
    setup: str
    sizes: tuple[int, ...]

    @property
    def key(self) -> tuple[str, str]:
        """What names the row, in every run."""
        return (self.package, self.statement)

    def to_json(self) -> dict[str, Any]:
        """Return the row as a worker reads it."""
        return asdict(self)

    def command(self, size: int) -> str:
        """Return the shell command that repeats the row with one size, in one line."""
        setups = [f"n = {size}", *self.setup.splitlines()]
        words = ["gilcheck", "--no-overlap", *(word for setup in setups for word in ("-s", setup)), self.statement]
        return " ".join(map(shlex.quote, words))


def read_rows(path: Path = FUNCTIONS) -> list[Row]:
    """Return all rows.

    Raises:
        ValueError: Two rows have the same package and statement.
    """
    rows = []
    for package, table in tomllib.loads(path.read_text(encoding="utf-8")).items():
        for statement, setup, size in table["calls"]:
            both = "\n".join(part for part in (table["setup"], setup) if part)
            rows.append(Row(package, statement, both, _sizes(size)))
    if len({row.key for row in rows}) < len(rows):
        twice = sorted({row.key for row in rows if [other.key for other in rows].count(row.key) > 1})
        message = f"{path.name}: twice: {twice}; a comment in the statement tells two rows apart"
        raise ValueError(message)
    return rows


def _sizes(size: int | list[int]) -> tuple[int, ...]:
    if isinstance(size, list):
        return tuple(size)
    return tuple(sorted({max(1, size // 1000), max(1, size // 30), size}))


def select(rows: Iterable[Row], packages: Iterable[str]) -> list[Row]:
    """Return the rows of these packages, or all of them where none is named.

    Raises:
        ValueError: A package has no rows.
    """
    rows, packages = list(rows), list(packages)
    unknown = set(packages) - {row.package for row in rows}
    if unknown:
        message = f"no rows of {', '.join(sorted(unknown))} in {FUNCTIONS.name}: it has {sorted({row.package for row in rows})}"
        raise ValueError(message)
    return [row for row in rows if not packages or row.package in packages]


def version(package: str) -> str | None:
    """Return the version of an installed package, or None."""
    if package == STANDARD_LIBRARY:
        return platform.python_version()
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
