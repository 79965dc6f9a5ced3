"""Writes docs/reference/schema.json: the JSON Schema of one line of a JSON report, made from the records themselves.

Run ``python docs/_ext/document_schema.py`` after a record has changed. A test compares the file with `text`.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from pathlib import Path
from typing import Any

from pytest_gilcheck.evidence import Estimate, Reading, Reason, Stamp, Verdict
from pytest_gilcheck.store.json_report import SCHEMA_VERSION, AgreementEntry, CheckEntry, End

HOME = Path(__file__).parents[1] / "reference" / "schema.json"
PLAIN = {int: "integer", float: "number", str: "string", bool: "boolean", type(None): "null"}
WORDS = {
    ("Verdict", "gil"): ["released", "held", "partial", "not_applicable", "inconclusive"],
    ("Verdict", "overlap"): ["overlaps", "serialised", "inconclusive", "not_measured"],
    ("Verdict", "agreement"): ["agree", "differ", "not_checked"],
    ("Observation", "agreement"): ["agree", "differ", "not_checked"],
    ("Instrument", "grade"): ["exact", "bounded", "none"],
    ("Agreement", "word"): ["agree", "differ"],
    ("Difference", "kind"): ["alone", "shared", "distinct", "mutates"],
}


class _Schema:
    def __init__(self) -> None:
        self.defs: dict[str, Any] = {}

    def of(self, type_: Any) -> dict[str, Any]:
        """Return the schema of a value of this type."""
        if type_ in PLAIN:
            return {"type": PLAIN[type_]}
        if type_ is Stamp:
            return {"type": "array", "items": {"type": ["integer", "null"]}}
        if type_ is Reading:
            return {"type": "array", "items": {"type": "integer"}}
        if dataclasses.is_dataclass(type_):
            self._define(type_)
            return {"$ref": f"#/$defs/{type_.__name__}"}
        arguments = typing.get_args(type_)
        if typing.get_origin(type_) in (typing.Union, types.UnionType):
            return _either([self.of(argument) for argument in arguments])
        if typing.get_origin(type_) is tuple:
            return {"type": "array", "items": self.of(arguments[0])}
        message = f"no schema is known for {type_!r}: add it here"
        raise TypeError(message)

    def _define(self, record: type) -> None:
        if record.__name__ in self.defs:
            return
        definition: dict[str, Any] = {"type": "object", "properties": {}, "required": []}
        self.defs[record.__name__] = definition
        hints = typing.get_type_hints(record)
        for field in dataclasses.fields(record):
            if record is Verdict and field.name == "result":
                continue  # a report does not have what a call returned
            if hints[field.name] is Estimate and record is Verdict:
                for suffix in ("", "_low", "_high"):
                    self._add(definition, field.name + suffix, {"type": ["number", "null"]})
                self._add(definition, f"{field.name}_why_not", {"type": "string"})
                continue
            if record is Reason and field.name == "values":
                self._add(
                    definition, "values", {"type": "object", "additionalProperties": {"type": ["number", "string"]}}
                )
                continue
            words = WORDS.get((record.__name__, field.name))
            self._add(
                definition,
                field.name,
                {"enum": words} if words else self._bounded(field.name, self.of(hints[field.name])),
            )

    @staticmethod
    def _add(definition: dict[str, Any], name: str, schema: dict[str, Any]) -> None:
        definition["properties"][name] = schema
        definition["required"].append(name)

    @staticmethod
    def _bounded(name: str, schema: dict[str, Any]) -> dict[str, Any]:
        return (
            {**schema, "minimum": 0}
            if name.startswith("n_") and schema.get("type") in ("integer", "number")
            else schema
        )


def _either(choices: list[dict[str, Any]]) -> dict[str, Any]:
    if all(set(choice) == {"type"} for choice in choices):
        return {"type": [choice["type"] for choice in choices]}
    return {"anyOf": choices}


def schema() -> dict[str, Any]:
    """Return the schema of the object in one line."""
    records = _Schema()
    first = {"schema_version": {"const": SCHEMA_VERSION}, "tool": {"type": "string"}}
    lines = {"check": records.of(CheckEntry), "agreement": records.of(AgreementEntry), "end": records.of(End)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "One line of a gilcheck report",
        "oneOf": [_object(first), *(_object({name: content}) for name, content in lines.items())],
        "$defs": records.defs,
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties]}


def text() -> str:
    """Return the schema as it stands in the file."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    HOME.write_text(text(), encoding="utf-8")
