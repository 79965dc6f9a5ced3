"""What one witness said of one case, and the file in which it is kept."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

LEDGER, RATIO, COUNTER = "ledger", "ratio", "counter"
WITNESSES = (LEDGER, RATIO, COUNTER)


@dataclass(frozen=True)
class Measurement:
    """What did `witness` say of `case` beside `load` busy processes?

    `outcome` is ``ok``, ``absent`` (the package is not installed), ``raised``, ``timeout`` or ``crash``; only
    the first comes with a word in `gil`. `seconds` is the time from the end of the set-up to the verdict.
    `figure` is what a rival decides by (the ratio, the share of the brackets in which the counter moved).
    """

    python: str
    case: str
    digest: str
    witness: str
    load: int
    repeat: int
    outcome: str
    gil: str = ""
    seconds: float | None = None
    held_share: float | None = None
    held_share_low: float | None = None
    held_share_high: float | None = None
    n_calls: int | None = None
    span_ns: int | None = None
    cpu_ns: int | None = None
    longest_hold_ns: int | None = None
    instrument: str = ""
    figure: float | None = None
    reasons: tuple[tuple[str, str], ...] = ()
    detail: str = ""

    @property
    def key(self) -> tuple[str, str, str, str, int, int]:
        """Which question does it answer? An interrupted run asks only those that have no answer yet."""
        return (self.python, self.case, self.digest, self.witness, self.load, self.repeat)

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> Measurement:
        """Which measurement was written? Keys of a later version are ignored."""
        known = {f.name for f in fields(cls)}
        kept = {name: value for name, value in entry.items() if name in known}
        kept["reasons"] = tuple((str(slug), str(detail)) for slug, detail in kept.get("reasons", ()))
        return cls(**kept)


def read_measurements(paths: Iterable[Path]) -> list[Measurement]:
    """What was measured so far? A line that an interrupted run left unfinished at a file's end is skipped; any
    other broken line raises ``ValueError`` with its number. Of several answers to one question the last counts."""
    found: dict[tuple[str, str, str, str, int, int], Measurement] = {}
    for path in paths:
        if not path.exists():
            continue
        text = path.read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(keepends=True), start=1):
            if not line.endswith("\n"):
                break
            try:
                measurement = Measurement.from_json(json.loads(line))
            except (ValueError, TypeError) as error:
                message = f"{path}:{number}: not a measurement ({error}); mend or delete the line"
                raise ValueError(message) from error
            found[measurement.key] = measurement
    return list(found.values())


class MeasurementFile:
    """Where do measurements go, so that none is lost when the run is? One JSON line each, flushed at once."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            _cut_unfinished_line(path)
        self._file = path.open("a", encoding="utf-8")

    def append(self, measurement: Measurement) -> None:
        """Keep it."""
        self._file.write(json.dumps(asdict(measurement)) + "\n")
        self._file.flush()

    def close(self) -> None:
        """No more will come."""
        self._file.close()


def _cut_unfinished_line(path: Path) -> None:
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    if end != len(content):
        os.truncate(path, end)
