"""The `option-table` directive: the table of options, from the same records that pytest's own `--help` shows.

Made anew at each build from `pytest_gilcheck.declare.options.OPTIONS`, so it cannot grow stale.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any, ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

PREFIX = "gilcheck"
WIDTHS = (30, 15, 15, 40)


def option_name(name: str) -> str:
    """How is it written on the command line? ``budget`` and ``--gilcheck-budget`` both give the latter."""
    words = re.sub(rf"^{PREFIX}(-|$)", "", name.lstrip("-").replace("_", "-"))
    return f"--{PREFIX}-{words}" if words else f"--{PREFIX}"


def ini_key(name: str) -> str:
    """How is it written in an ini file or in pyproject.toml?"""
    return option_name(name).lstrip("-").replace("-", "_")


def type_name(kind: object) -> str:
    """How is its type called in the table? A tuple is a choice of words."""
    if isinstance(kind, type):
        return kind.__name__
    if isinstance(kind, Sequence) and not isinstance(kind, str):
        return " | ".join(str(choice) for choice in kind)
    return str(getattr(kind, "__name__", kind))


def rows(options: Iterable[Any]) -> list[tuple[str, str, str, str]]:
    """Which rows does the table have? Records have `name`, `type`, `default` and `help`; in their own order."""
    return [
        (
            f"{option_name(option.name)}\n{ini_key(option.name)}",
            type_name(option.type),
            "" if option.default is None else str(option.default),
            option.help,
        )
        for option in options
    ]


def cell(text: str, *, literal: bool) -> nodes.entry:
    """One cell, a paragraph for each line."""
    entry = nodes.entry()
    for line in filter(None, text.split("\n")):
        entry += nodes.paragraph("", "", nodes.literal(text=line) if literal else nodes.Text(line))
    return entry


class OptionTable(SphinxDirective):
    """Which options are there? Takes no argument; an empty option table is an error, not an empty page."""

    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        body = rows(import_module("pytest_gilcheck.declare.options").OPTIONS)
        if not body:
            raise self.error("pytest_gilcheck.declare.options.OPTIONS is empty: expected one record per option")
        group = nodes.tgroup(cols=len(WIDTHS))
        for width in WIDTHS:
            group += nodes.colspec(colwidth=width)
        head = nodes.thead()
        head += nodes.row("", *(cell(title, literal=False) for title in ("option, ini key", "type", "default", "")))
        group += head
        table_body = nodes.tbody()
        for name, kind, default, told in body:
            table_body += nodes.row(
                "",
                cell(name, literal=True),
                cell(kind, literal=True),
                cell(default, literal=True),
                cell(told, literal=False),
            )
        group += table_body
        table = nodes.table(classes=["options"])
        table += group
        return [table]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive. The table is read from outside the sources: never take it from the cache."""
    app.add_directive("option-table", OptionTable)
    app.connect("env-before-read-docs", _always_read)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _always_read(_app: Sphinx, _env: object, names: list[str]) -> None:
    if "reference/options" not in names:
        names.append("reference/options")
