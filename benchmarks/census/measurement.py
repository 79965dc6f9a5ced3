"""What a run of the census found, one line a row, and how two runs differ."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

INCONCLUSIVE = "inconclusive"
FAILED = "failed"


@dataclass(frozen=True)
class Sized:
    """The verdict on one size; `outcome` is ``ok``, or why there is none."""

    size: int
    outcome: str
    gil: str = FAILED
    held_share: float | None = None
    span_ns: int = 0
    n_releases: float = 0
    where: str = ""
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """What was found of one row: a verdict for each size that was tried, from the smallest on."""

    package: str
    version: str
    statement: str
    sizes: tuple[Sized, ...] = field(default=())

    @property
    def key(self) -> tuple[str, str]:
        """The same as `Row.key`."""
        return (self.package, self.statement)

    @property
    def word(self) -> str:
        """The word at the largest size."""
        return self.sizes[-1].gil if self.sizes else FAILED

    @property
    def is_whole(self) -> bool:
        """Whether every size that was tried has a word."""
        return bool(self.sizes) and not self.n_open

    @property
    def n_open(self) -> int:
        """How many sizes that were tried have no word."""
        return sum(sized.gil in (FAILED, INCONCLUSIVE) for sized in self.sizes)

    @property
    def where(self) -> str:
        """The place of the largest size that has one."""
        return next((sized.where for sized in reversed(self.sizes) if sized.where), "")

    def to_line(self) -> str:
        """Return the row as a line of a results file."""
        return json.dumps(asdict(self))


def from_line(line: str) -> Found:
    """Return the row of a line."""
    entry: dict[str, Any] = json.loads(line)
    sizes = tuple(Sized(**{**sized, "reasons": tuple(sized.get("reasons", ()))}) for sized in entry.pop("sizes"))
    return Found(**entry, sizes=tuple(sorted(sizes, key=lambda sized: sized.size)))


def read(path: Path) -> dict[tuple[str, str], Found]:
    """Return what a results file holds, by key; the last line of a key counts. A missing file holds nothing."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {found.key: found for found in map(from_line, lines) if lines}


def write(path: Path, found: Iterable[Found]) -> None:
    """Write a results file anew."""
    path.write_text("".join(one.to_line() + "\n" for one in found), encoding="utf-8")


def knows_less(found: Found, before: Found | None) -> bool:
    """Return whether a row that was asked again has more sizes without a word than before: the machine was busier."""
    return before is not None and found.version == before.version and (not found.sizes or found.n_open > before.n_open)


@dataclass(frozen=True)
class Change:
    """A row at one size whose word differs between two runs."""

    before: Found
    after: Found
    size: int
    word_before: str
    word_after: str


def compared(before: Iterable[Found], after: Iterable[Found]) -> tuple[int, list[Change]]:
    """Return how many words two runs both have, and the changes.

    A word counts for each row and size; one that a run does not have, or left inconclusive, is not compared.
    """
    n_both, changes = 0, []
    for one, other in _pairs(before, after):
        words = {sized.size: sized.gil for sized in other.sizes}
        for sized in one.sizes:
            word = words.get(sized.size)
            if word is None or {INCONCLUSIVE, FAILED} & {word, sized.gil}:
                continue
            n_both += 1
            if word != sized.gil:
                changes.append(Change(one, other, sized.size, sized.gil, word))
    return n_both, changes


def _pairs(before: Iterable[Found], after: Iterable[Found]) -> Iterator[tuple[Found, Found]]:
    others = {found.key: found for found in after}
    for found in before:
        if found.key in others:
            yield found, others[found.key]
