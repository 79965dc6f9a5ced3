"""The answer of one witness to one case, and the file that keeps it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

LEDGER, PROGRESS, RATIO, COUNTER = "ledger", "progress", "ratio", "counter"
WITNESSES = (LEDGER, PROGRESS, RATIO, COUNTER)
#: Those that this library is told to ask. The others are tests that people write by hand.
OWN = (LEDGER, PROGRESS)


@dataclass(frozen=True)
class Measurement:
    """The answer of `witness` to `case` beside `load` busy processes.

    `outcome` is ``ok``, ``absent`` (the package is not installed), ``raised``, ``timeout`` or ``crash``; only
    the first comes with a word in `gil`. `seconds` is the time from the end of the set-up to the verdict.
    `figure` is what a test by hand decides by (the ratio, the share of the brackets in which the counter moved).
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
        """The question that it answers; an interrupted run later asks only those without an answer."""
        return (self.python, self.case, self.digest, self.witness, self.load, self.repeat)

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> Measurement:
        """Return the measurement of an entry; keys of a later version are ignored."""
        known = {f.name for f in fields(cls)}
        kept = {name: value for name, value in entry.items() if name in known}
        kept["reasons"] = tuple((str(slug), str(detail)) for slug, detail in kept.get("reasons", ()))
        return cls(**kept)


def read_measurements(paths: Iterable[Path]) -> list[Measurement]:
    """Return what was measured so far; of several answers to one question the last one counts.

    A line that an interrupted run left unfinished at the end of a file is skipped. Any other broken line raises
    ``ValueError`` with its number.
    """
    latest: dict[tuple[str, str, str, str, int, int], Measurement] = {}
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
            latest[measurement.key] = measurement
    return list(latest.values())


class MeasurementFile:
    """A file of measurements, one JSON line each, flushed at once: none is lost when the run is."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            _cut_unfinished_line(path)
        self._file = path.open("a", encoding="utf-8")

    def append(self, measurement: Measurement) -> None:
        """Write one measurement."""
        self._file.write(json.dumps(asdict(measurement)) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _cut_unfinished_line(path: Path) -> None:
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    if end != len(content):
        os.truncate(path, end)
