"""The `option-table` directive: the table of options, from the same records that pytest's own `--help` shows.

Each build makes the table from `pytest_gilcheck.declare.options.OPTIONS`, so that it is never out of date.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any, ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

WIDTHS = (30, 15, 15, 40)


def value_name(option: Any) -> str:
    """Return the value column: a choice of words, nothing for a switch, else the placeholder that `--help` shows."""
    if option.choices:
        return " | ".join(option.choices)
    return "" if option.is_flag else option.metavar


def default_name(option: Any) -> str:
    """Return the default column. A switch is off. If the default depends on the check, the help text says so."""
    if option.is_flag:
        return "off"
    return "" if option.default is None else str(option.default)


def rows(options: Iterable[Any]) -> list[tuple[str, str, str, str]]:
    """Return the rows in the order of the records: name and ini key in one cell, value, default, help."""
    return [(f"{o.flag}\n{o.key}", value_name(o), default_name(o), o.help) for o in options]


def cell(text: str, *, literal: bool) -> nodes.entry:
    """Return one cell, with a paragraph for each line."""
    entry = nodes.entry()
    for line in filter(None, text.split("\n")):
        entry += nodes.paragraph("", "", nodes.literal(text=line) if literal else nodes.Text(line))
    return entry


class OptionTable(SphinxDirective):
    """The `option-table` directive. It takes no argument. An empty option table is an error, not an empty page."""

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
        head += nodes.row("", *(cell(title, literal=False) for title in ("option, ini key", "value", "default", "")))
        group += head
        table_body = nodes.tbody()
        for name, value, default, help_text in body:
            table_body += nodes.row(
                "",
                cell(name, literal=True),
                cell(value, literal=True),
                cell(default, literal=True),
                cell(help_text, literal=False),
            )
        group += table_body
        table = nodes.table(classes=["options"])
        table += group
        return [table]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive. The page is always read again, because its table comes from outside the sources."""
    app.add_directive("option-table", OptionTable)
    app.connect("env-before-read-docs", _always_read)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _always_read(_app: Sphinx, _env: object, names: list[str]) -> None:
    if "reference/options" not in names:
        names.append("reference/options")
