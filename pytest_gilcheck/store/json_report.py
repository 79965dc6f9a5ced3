"""The JSON document: every check's observation and verdict, every agreement; readable by other tools and by `gilcheck show`."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from pytest_gilcheck.evidence import Agreement, Estimate, Observation, Reason, UsageError, Verdict, own_version
from pytest_gilcheck.store.migration import upgraded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cattrs import Converter

#: Version of the document's form. Raised with every change that a reader could stumble over, or must not pass over.
#: 1: the first one. 2: agreements, in a list of their own after the checks. 3: today's words (see `store.migration`).
SCHEMA_VERSION = 3

#: Events kept of the timeline that is saved; a picture needs no more, and totals are exact without it.
MAX_SAVED_EVENTS = 2_000


@dataclass(frozen=True)
class Check:
    """One check of a document: what was seen, and what was made of it. `test` is the test that made it, which begins in
    `line` (from 1) of `file` (relative to pytest's root) and has `failed` or not; `origin` is the document that it was
    merged from."""

    name: str
    verdict: Verdict
    observation: Observation
    test: str | None = None
    file: str | None = None
    line: int | None = None
    failed: bool = False
    origin: str | None = None


@dataclass(frozen=True)
class AgreementEntry:
    """One agreement of a document: what came of comparing a function's answers. The test and its place as in `Check`."""

    agreement: Agreement
    test: str | None = None
    file: str | None = None
    line: int | None = None
    failed: bool = False
    origin: str | None = None

    @property
    def name(self) -> str:
        """Which function's answers?"""
        return self.agreement.name


#: What a document holds.
Entry: TypeAlias = Check | AgreementEntry


@dataclass(frozen=True)
class JsonReport:
    """Everything that a run checked. `interrupted` says why it ended early, if it did; `warnings` what else to know."""

    checks: tuple[Check, ...] = ()
    agreements: tuple[AgreementEntry, ...] = ()
    tool: str = ""
    interrupted: str | None = None
    warnings: tuple[str, ...] = ()
    schema_version: int = field(default=SCHEMA_VERSION)


_ESTIMATES = tuple(f.name for f in fields(Verdict) if f.type in ("Estimate", Estimate))


@lru_cache(maxsize=1)
def _converter() -> Converter:
    import cattrs  # noqa: PLC0415  (a run that writes no document does not pay for it)
    from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override  # noqa: PLC0415

    converter = cattrs.Converter(forbid_extra_keys=False)
    # Before the functions for a verdict, which keep the hooks that they find.
    converter.register_unstructure_hook(Reason, _reason_out)
    converter.register_structure_hook(Reason, _reason_in)
    plain_out = make_dict_unstructure_fn(Verdict, converter, result=override(omit=True))
    plain_in = make_dict_structure_fn(Verdict, converter, result=override(omit=True))

    def verdict_out(verdict: Verdict) -> dict[str, Any]:
        made = plain_out(verdict)
        for name in _ESTIMATES:
            estimate = made.pop(name)
            # A figure stands under its own name, its bounds beside it: easy to pick with any JSON tool.
            made |= {
                name: estimate["value"],
                f"{name}_low": estimate["low"],
                f"{name}_high": estimate["high"],
                f"{name}_why_not": estimate["why_not"],
            }
        return made

    def verdict_in(made: dict[str, Any], _type: type) -> Verdict:
        made = dict(made)
        for name in _ESTIMATES:
            made[name] = {
                "value": made.get(name),
                "low": made.pop(f"{name}_low", None),
                "high": made.pop(f"{name}_high", None),
                "quantity": _QUANTITIES.get(name, name.replace("_", " ")),
                "why_not": made.pop(f"{name}_why_not", ""),
            }
        return plain_in(made, Verdict)

    # A limit and what was found are figures, or words.
    for type_ in (float | str, float | str | None):
        converter.register_structure_hook(type_, _as_it_is)
    converter.register_unstructure_hook(Verdict, verdict_out)
    converter.register_structure_hook(Verdict, verdict_in)
    return converter


def _reason_out(reason: Reason) -> dict[str, Any]:
    return {"slug": reason.slug, "values": dict(reason.values), "detail": reason.detail}


def _reason_in(entry: dict[str, Any], _type: type) -> Reason:
    # Versions 1 and 2 have the sentence alone.
    values = tuple((str(name), _figure_or_text(value)) for name, value in entry.get("values", {}).items())
    return Reason(str(entry["slug"]), values, str(entry.get("detail", "")))


def _figure_or_text(value: Any) -> float | str:
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        return value
    message = f"expected a number or a text, got {value!r}"
    raise TypeError(message)


def _as_it_is(value: Any, _type: object) -> float | str | None:
    return None if value is None else _figure_or_text(value)


_QUANTITIES = {"speedup": "speed-up"}


def _saved(observation: Observation) -> dict[str, Any]:
    made: dict[str, Any] = _converter().unstructure(observation)
    for call in made["calls"]:
        timeline = call["timeline"]
        if timeline and len(timeline["events"]) > MAX_SAVED_EVENTS:
            timeline["n_dropped"] += len(timeline["events"]) - MAX_SAVED_EVENTS
            timeline["events"] = timeline["events"][:MAX_SAVED_EVENTS]
    return made


def line_of(entry: Entry) -> str:
    """One check, or one agreement, as JSON in one line."""
    place = {
        "test": entry.test,
        "file": entry.file,
        "line": entry.line,
        "failed": entry.failed,
        "origin": entry.origin,
    }
    made: dict[str, Any]
    if isinstance(entry, AgreementEntry):
        made = {**place, "agreement": _converter().unstructure(entry.agreement)}
    else:
        verdict, observation = _converter().unstructure(entry.verdict), _saved(entry.observation)
        made = {"name": entry.name, **place, "verdict": verdict, "observation": observation}
    return json.dumps(made, separators=(",", ":"))


def check_entry_of(made: object, where: str, version: int = SCHEMA_VERSION) -> Check:
    """The check in a parsed line. Raises `UsageError`, naming `where`."""
    return _structured(upgraded(made, version), Check, where)


def agreement_entry_of(made: object, where: str, version: int = SCHEMA_VERSION) -> AgreementEntry:
    """The agreement in a parsed line. Raises `UsageError`, naming `where`."""
    return _structured(upgraded(made, version), AgreementEntry, where)


_T = TypeVar("_T")


def _structured(made: object, type_: type[_T], where: str) -> _T:
    try:
        return _converter().structure(made, type_)
    except Exception as error:
        message = f"{where} has not the form of schema_version {SCHEMA_VERSION}: {_first_cause(error)}"
        raise UsageError(message) from error


#: How the line ends after which checks follow, each on a line of its own, so that a document can be read piece by piece.
CHECKS_FOLLOW = '"checks": [\n'

#: The line after which agreements follow, in the same way.
AGREEMENTS_FOLLOW = '], "agreements": [\n'


def head() -> str:
    """What a document begins with; checks follow."""
    tool = f"pytest-gilcheck {own_version()}"
    return f'{{"schema_version": {SCHEMA_VERSION}, "tool": {json.dumps(tool)}, {CHECKS_FOLLOW}'


def tail(*, interrupted: str | None = None, warnings: Sequence[str] = ()) -> str:
    """What a document ends with."""
    rest = json.dumps({"interrupted": interrupted, "warnings": list(warnings)})
    return f"\n], {rest[1:]}\n"


def to_json(
    checks: Iterable[Check], agreements: Iterable[AgreementEntry] = (), *, interrupted: str | None = None
) -> str:
    """The document of these, as JSON text."""
    compared = ",\n".join(map(line_of, agreements))
    checked = ",\n".join(map(line_of, checks))
    return f"{head()}{checked}\n{AGREEMENTS_FOLLOW}{compared}{tail(interrupted=interrupted)}"


def from_json(text: str, source: str = "the document") -> JsonReport:
    """The document in `text`. Raises `UsageError`, naming `source`, where it is none, cut off, or of a newer version."""
    made = parsed(text, source)
    if made["schema_version"] == 1:
        made["agreements"] = []
    checks, agreements = _list_in(made, "checks", source), _list_in(made, "agreements", source)
    return JsonReport(
        checks=tuple(
            check_entry_of(check, f"{source} check {number}", made["schema_version"])
            for number, check in enumerate(checks, 1)
        ),
        agreements=tuple(
            agreement_entry_of(entry, f"{source} agreement {number}", made["schema_version"])
            for number, entry in enumerate(agreements, 1)
        ),
        tool=str(made.get("tool", "")),
        interrupted=made.get("interrupted"),
        warnings=tuple(made.get("warnings", ())),
        schema_version=made["schema_version"],
    )


def _list_in(made: dict[str, Any], name: str, source: str) -> list[Any]:
    found = made.get(name)
    if not isinstance(found, list):
        message = f"{source} has no list of {name}"
        raise UsageError(message)
    return found


def parsed(text: str, source: str) -> dict[str, Any]:
    """The JSON object in `text`, its version known to us. Raises `UsageError`, naming `source`."""
    try:
        made = json.loads(text)
    except json.JSONDecodeError as error:
        message = (
            f"{source} is no JSON document, or is cut off (line {error.lineno}, column {error.colno}: {error.msg})"
        )
        raise UsageError(message) from None
    if not isinstance(made, dict) or "schema_version" not in made:
        message = f"{source} is JSON but no gilcheck document: it has no schema_version. Save one with --json PATH or --gilcheck-json=PATH."
        raise UsageError(message)
    found = made["schema_version"]
    if isinstance(found, bool) or not isinstance(found, int) or not 1 <= found <= SCHEMA_VERSION:
        message = f"{source} has schema_version {found!r}; this gilcheck reads 1 to {SCHEMA_VERSION}: update it"
        raise UsageError(message)
    return made


def _first_cause(error: BaseException) -> str:
    while getattr(error, "exceptions", None):
        error = error.exceptions[0]  # type: ignore[attr-defined]  # an exception group, whichever library made it
    return f"{type(error).__name__}: {error}"


def read(path: Path) -> JsonReport:
    """The document saved at `path`. Raises `UsageError` where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path} cannot be read: {error}"
        raise UsageError(message) from None
    return from_json(text, str(path))


def write(path: Path, parts: str | Iterable[str]) -> None:
    """Saves a text, or its parts one after another, whole or not at all: a reader, or a full disk, never sees half of
    it. Raises `OSError`."""
    parts = (parts,) if isinstance(parts, str) else parts
    if path.exists() and not path.is_file():  # a pipe, /dev/stdout: nothing to rename over
        with path.open("w", encoding="utf-8") as file:
            file.writelines(parts)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    made = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.writelines(parts)
        umask = os.umask(0)
        os.umask(umask)
        made.chmod(0o666 & ~umask)
        made.replace(path)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
