"""Entries of older JSON reports in today's form: versions 1 and 2 used other names for the same things."""

from __future__ import annotations

from typing import Any

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


def upgraded(entry: Any, version: int) -> Any:
    """Return the JSON of one entry, written by schema `version`, in the form of version 3."""
    return entry if version > 2 else _renamed(entry, "")  # noqa: PLR2004  (the last version with the old names)


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
