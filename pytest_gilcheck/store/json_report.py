"""The form of the JSON report: JSON Lines, one object a line.

The first line names the version and the tool. Then comes a line for each check and each agreement, in the order in which
their tests ended. The last line says how the run ended: a file without it is cut off.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from pytest_gilcheck.evidence import Agreement, Observation, UsageError, Verdict, own_version
from pytest_gilcheck.store.records import converter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

#: Version of the form. Raised with every change that a reader could stumble over, or must not pass over.
#: 1: the first one. 2: agreements, in a list of their own after the checks. 3: today's words, and JSON Lines. Versions 1
#: and 2 were single JSON objects; `store.migration` reads them.
SCHEMA_VERSION = 3

#: Number of events that a report keeps of a timeline. A drawing needs no more, and totals are exact without them.
MAX_SAVED_EVENTS = 2_000


@dataclass(frozen=True)
class CheckEntry:
    """One check of a report.

    Attributes:
        name: Name of the check.
        verdict: What the judge concluded.
        observation: What was measured.
        test: Id of the test that made the check.
        file: File of that test, relative to pytest's root.
        line: Line in which that test begins, from 1.
        failed: Whether that test failed.
        origin: Name of the report that the entry was merged from.
        ordinal: Number of the check among those of its name in its test, from 1: test, name and ordinal are the same in the
            next run. None: the test runs under ``@given``, with other examples in the next run.
        failure: Why that test failed, in one line; empty where it did not, or where that is not known.
    """

    name: str
    verdict: Verdict
    observation: Observation
    test: str | None = None
    file: str | None = None
    line: int | None = None
    failed: bool = False
    origin: str | None = None
    ordinal: int | None = 1
    failure: str = ""


@dataclass(frozen=True)
class AgreementEntry:
    """One agreement of a report: the outcome of comparing a function's results.

    The fields besides `agreement` are those of `CheckEntry`.
    """

    agreement: Agreement
    test: str | None = None
    file: str | None = None
    line: int | None = None
    failed: bool = False
    origin: str | None = None
    ordinal: int | None = 1
    failure: str = ""

    @property
    def name(self) -> str:
        """Name of the function whose results were compared."""
        return self.agreement.name


#: What a report has between its first and its last line.
Entry: TypeAlias = CheckEntry | AgreementEntry


@dataclass(frozen=True)
class End:
    """The last line of a report.

    Attributes:
        interrupted: Why the run ended early; None if it did not.
        warnings: What else the reader must know.
    """

    interrupted: str | None = None
    warnings: tuple[str, ...] = ()


def _saved(observation: Observation) -> dict[str, Any]:
    """Return the observation as JSON, its timelines cut to `MAX_SAVED_EVENTS`."""
    record: dict[str, Any] = converter().unstructure(observation)
    for call in record["calls"]:
        timeline = call["timeline"]
        if timeline and len(timeline["events"]) > MAX_SAVED_EVENTS:
            timeline["n_dropped"] += len(timeline["events"]) - MAX_SAVED_EVENTS
            timeline["events"] = timeline["events"][:MAX_SAVED_EVENTS]
    return record


def first_line() -> str:
    """Return the first line of a report."""
    return _line({"schema_version": SCHEMA_VERSION, "tool": f"pytest-gilcheck {own_version()}"})


def to_line(entry: Entry) -> str:
    """Return the line of one check or one agreement, with its line end."""
    place = {
        "test": entry.test,
        "file": entry.file,
        "line": entry.line,
        "failed": entry.failed,
        "origin": entry.origin,
        "ordinal": entry.ordinal,
        "failure": entry.failure,
    }
    if isinstance(entry, AgreementEntry):
        return _line({"agreement": {**place, "agreement": converter().unstructure(entry.agreement)}})
    verdict, observation = converter().unstructure(entry.verdict), _saved(entry.observation)
    return _line({"check": {"name": entry.name, **place, "verdict": verdict, "observation": observation}})


def end_line(*, interrupted: str | None = None, warnings: Sequence[str] = ()) -> str:
    """Return the last line of a report."""
    return _line({"end": asdict(End(interrupted, tuple(warnings)))})


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record, separators=(",", ":")) + "\n"


def lines(entries: Iterable[Entry], *, interrupted: str | None = None, warnings: Sequence[str] = ()) -> Iterator[str]:
    """Yield the lines of a report of these entries."""
    yield first_line()
    yield from map(to_line, entries)
    yield end_line(interrupted=interrupted, warnings=warnings)


def json_array(entries: Iterable[Entry]) -> Iterator[str]:
    """Yield the parts of one JSON array of these entries, for tools that read no JSON Lines."""
    separator = "[\n"
    for entry in entries:
        yield separator + to_line(entry).rstrip("\n")
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"


_T = TypeVar("_T")

_KINDS: dict[str, type[CheckEntry | AgreementEntry | End]] = {
    "check": CheckEntry,
    "agreement": AgreementEntry,
    "end": End,
}


def from_line(line: str, where: str) -> Entry | End:
    """Return the entry, or the end, in a line after the first one.

    Raises `UsageError`, with a message that begins with `where`, for any other line.
    """
    record = _parsed(line, where)
    kinds = [kind for kind in _KINDS if kind in record] if isinstance(record, dict) else []
    if len(kinds) != 1:
        message = f"{where} has none of these, or several: {', '.join(_KINDS)}"
        raise UsageError(message)
    return structured(record[kinds[0]], _KINDS[kinds[0]], where)


def structured(record: object, type_: type[_T], where: str) -> _T:
    """Return a parsed record of version 3 as a `type_`.

    Raises `UsageError`, with a message that begins with `where`, where it has another form.
    """
    try:
        return converter().structure(record, type_)
    except Exception as error:
        message = f"{where} has not the form of schema_version {SCHEMA_VERSION}: {_first_cause(error)}"
        raise UsageError(message) from error


def versioned(text: str, source: str) -> dict[str, Any]:
    """Return the JSON object in `text`: the first line of a report, or a whole report of an older version.

    Raises `UsageError`, with a message that begins with `source`, where it is no JSON object, or its version is not known.
    """
    record = _parsed(text, source)
    if not isinstance(record, dict) or "schema_version" not in record:
        message = f"{source} is JSON but no gilcheck report: it has no schema_version. Save one with --json PATH or --gilcheck-json=PATH."
        raise UsageError(message)
    version = record["schema_version"]
    if isinstance(version, bool) or not isinstance(version, int) or not 1 <= version <= SCHEMA_VERSION:
        message = f"{source} has schema_version {version!r}; this gilcheck reads 1 to {SCHEMA_VERSION}: update it"
        raise UsageError(message)
    return record


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        message = f"{where} is no JSON report, or is cut off (line {error.lineno}, column {error.colno}: {error.msg})"
        raise UsageError(message) from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; nested deeper than Python's stack
        message = f"{where} is no JSON report, or is cut off ({error})"
        raise UsageError(message) from None


def _first_cause(error: BaseException) -> str:
    while getattr(error, "exceptions", None):
        error = error.exceptions[0]  # type: ignore[attr-defined]  # an exception group, whichever library made it
    return f"{type(error).__name__}: {error}"


def write(path: Path, parts: Iterable[str]) -> None:
    """Write the parts of a text to a file, whole or not at all: no reader and no full disk ever sees half of it.

    Missing folders are made. A pipe or a device is written directly. Raises `OSError`; a file that was there before is then
    unchanged.
    """
    if path.exists() and not path.is_file():  # a pipe, /dev/stdout: nothing to rename over
        with path.open("w", encoding="utf-8") as file:
            file.writelines(parts)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    unfinished = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.writelines(parts)
        umask = os.umask(0)
        os.umask(umask)
        unfinished.chmod(0o666 & ~umask)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
