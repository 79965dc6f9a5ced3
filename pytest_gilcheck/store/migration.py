"""Reads reports of versions 1 and 2: single JSON objects, with other names for the same things."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pytest_gilcheck.evidence import UsageError
from pytest_gilcheck.store.json_report import AgreementEntry, CheckEntry, End, structured

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_gilcheck.store.json_report import Entry

_T = TypeVar("_T")

#: Names of versions 1 and 2, wherever they stand, and those of version 3.
_RENAMED = {
    "able_ns": "both_not_waiting_ns",
    "bench": "machine",
    "crew": "competing",
    "knock_gap_ns": "waiter_gap_ns",
    "knocks": "gil_waits",
    "n_knock_calls": "n_waiter_calls",
    "n_knocks": "n_waits",
    "n_on_request": "n_releases_by_interpreter",
    "n_turns": "n_background_runs",
    "n_voluntary": "n_releases_by_function",
    "picture": "timeline",
    "results": "agreement",
    "rival_ns": "background_ns",
    "together_ns": "both_released_ns",
    "together_share": "both_released_share",
}

#: The same where the name means something else within one record, by the old name of that record.
_RENAMED_IN = {
    "agreement": {"results": "word"},
    "bench": {"machine": "architecture"},
    "handovers": {"n_voluntary": "by_function", "n_on_request": "by_interpreter"},
    "places": {"handovers": "events"},
    "verdict": {"handovers": "n_releases"},
}

_KINDS = {"drop": "release", "drop_on_request": "release_by_interpreter"}


def entries(report: dict[str, Any], source: str) -> Iterator[Entry]:
    """Yield the checks of a parsed report, then its agreements, which version 1 did not have.

    Raises `UsageError`, with a message that begins with `source`, where the report has another form.
    """
    for number, check in enumerate(_list_in(report, "checks", source), 1):
        yield _structured(check, CheckEntry, f"{source} check {number}")
    if report["schema_version"] > 1:
        for number, agreement in enumerate(_list_in(report, "agreements", source), 1):
            yield _structured(agreement, AgreementEntry, f"{source} agreement {number}")


def end(report: dict[str, Any], source: str) -> End:
    """Return how the run of a parsed report ended.

    Raises `UsageError`, with a message that begins with `source`, where the report has another form.
    """
    return structured(report, End, source)


def _list_in(report: dict[str, Any], name: str, source: str) -> list[Any]:
    value = report.get(name)
    if not isinstance(value, list):
        message = f"{source} has no list of {name}"
        raise UsageError(message)
    return value


def _structured(record: Any, type_: type[_T], where: str) -> _T:
    try:
        renamed = _renamed(record, "")
    except RecursionError:
        message = f"{where} is nested too deeply for a report"
        raise UsageError(message) from None
    return structured(renamed, type_, where)


def _renamed(value: Any, record: str) -> Any:
    if isinstance(value, list):
        return [_renamed(item, record) for item in value]
    if not isinstance(value, dict):
        return value
    here = _RENAMED_IN.get(record, {})
    renamed = {here.get(key) or _RENAMED.get(key, key): _renamed(item, key) for key, item in value.items()}
    if isinstance(renamed.get("kind"), str) and record in ("events", "handovers"):
        renamed["kind"] = _KINDS.get(renamed["kind"], renamed["kind"])
    return renamed
