"""Records as JSON values and back: the form of each record in a report."""

from __future__ import annotations

from dataclasses import astuple, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_gilcheck.evidence import Estimate, Reading, Reason, Stamp, Verdict

if TYPE_CHECKING:
    from cattrs import Converter

_Integers = TypeVar("_Integers", Stamp, Reading)

_ESTIMATES = tuple(f.name for f in fields(Verdict) if f.type in ("Estimate", Estimate))

#: Quantities whose name is not that of their field.
_QUANTITIES = {"speedup": "speed-up", "together": "speed-up on free cores"}


@lru_cache(maxsize=1)
def converter() -> Converter:
    """Return what makes JSON values of records, and records of JSON values."""
    import cattrs  # noqa: PLC0415  (a run that writes no report does not pay for it)
    from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override  # noqa: PLC0415

    made = cattrs.Converter(forbid_extra_keys=False)
    # Before the functions for a verdict, which keep the hooks that they find.
    made.register_unstructure_hook(Reason, _reason_out)
    made.register_structure_hook(Reason, _reason_in)
    made.register_unstructure_hook(Stamp, lambda stamp: list(astuple(stamp)))
    made.register_structure_hook(Stamp, lambda figures, _: _integers_in(Stamp, figures))
    made.register_unstructure_hook(Reading, lambda reading: list(astuple(reading)))
    made.register_structure_hook(Reading, lambda figures, _: _integers_in(Reading, figures))
    plain_out = make_dict_unstructure_fn(Verdict, made, result=override(omit=True))
    plain_in = make_dict_structure_fn(Verdict, made, result=override(omit=True))

    def verdict_out(verdict: Verdict) -> dict[str, Any]:
        record = plain_out(verdict)
        for name in _ESTIMATES:
            estimate = record.pop(name)
            # A figure stands under its own name and its bounds beside it, so that any JSON tool can pick them.
            record |= {
                name: estimate["value"],
                f"{name}_low": estimate["low"],
                f"{name}_high": estimate["high"],
                f"{name}_why_not": estimate["why_not"],
            }
        return record

    def verdict_in(record: dict[str, Any], _type: type) -> Verdict:
        record = dict(record)
        for name in _ESTIMATES:
            record[name] = {
                "value": record.get(name),
                "low": record.pop(f"{name}_low", None),
                "high": record.pop(f"{name}_high", None),
                "quantity": _QUANTITIES.get(name, name.replace("_", " ")),
                "why_not": record.pop(f"{name}_why_not", ""),
            }
        return plain_in(record, Verdict)

    # The bound of a limit, and the value that was found, are figures or words.
    for type_ in (float | str, float | str | None):
        made.register_structure_hook(type_, _figure_or_word)
    made.register_unstructure_hook(Verdict, verdict_out)
    made.register_structure_hook(Verdict, verdict_in)
    return made


def _figure_or_word(value: Any, _type: object) -> float | str | None:
    if value is None or (isinstance(value, (int, float, str)) and not isinstance(value, bool)):
        return value
    message = f"expected a number or a text, got {value!r}"
    raise TypeError(message)


def _reason_out(reason: Reason) -> dict[str, Any]:
    return {"slug": reason.slug, "values": dict(reason.values), "detail": reason.detail}


def _reason_in(record: dict[str, Any], _type: type) -> Reason:
    # Versions 1 and 2 have the sentence alone.
    values = tuple((str(name), _value(value)) for name, value in record.get("values", {}).items())
    return Reason(str(record["slug"]), values, str(record.get("detail", "")))


def _integers_in(record: type[_Integers], figures: Any) -> _Integers:
    """Return a record that is written as a list of its integers; of those that may be unknown, null stands for one."""
    if not (isinstance(figures, list) and len(figures) == len(fields(record))) or not all(
        isinstance(figure, int) or (figure is None and "None" in str(field.type))
        for figure, field in zip(figures, fields(record), strict=True)
    ):
        message = f"expected {len(fields(record))} integers of a {record.__name__.lower()}, got {figures!r}"
        raise TypeError(message)
    return record(*figures)


def _value(value: Any) -> float | str:
    found = _figure_or_word(value, None)
    if found is None:
        message = "expected a number or a text, got null"
        raise TypeError(message)
    return found
