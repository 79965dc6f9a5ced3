"""The documentation's table of options says what the records say."""

from __future__ import annotations

import html
import re
from pathlib import Path

import option_table
from sphinx.application import Sphinx

from pytest_gilcheck.declare.options import OPTIONS, Option


def test_rows_give_every_option_in_its_order_under_both_names() -> None:
    names = [row[0].split("\n") for row in option_table.rows(OPTIONS)]

    assert names == [[option.flag, option.key] for option in OPTIONS]
    assert names[0] == ["--gilcheck", "gilcheck"]


def test_rows_give_every_help_and_no_empty_one() -> None:
    cells = [row[3] for row in option_table.rows(OPTIONS)]

    assert cells == [option.help for option in OPTIONS]
    assert all(cells)


def test_rows_say_what_a_switch_a_choice_and_a_value_take() -> None:
    options = (
        Option("isolate", "In a child?", is_flag=True, default=False),
        Option("inconclusive", "What then?", default="fail", choices=("fail", "skip")),
        Option("budget", "How long?", metavar="TIME"),
    )

    assert option_table.rows(options) == [
        ("--gilcheck-isolate\ngilcheck_isolate", "", "off", "In a child?"),
        ("--gilcheck-inconclusive\ngilcheck_inconclusive", "fail | skip", "fail", "What then?"),
        ("--gilcheck-budget\ngilcheck_budget", "TIME", "", "How long?"),
    ]


def test_the_page_is_built_of_the_table_and_tells_every_option(tmp_path: Path) -> None:
    page = Path(option_table.__file__).parents[1] / "reference" / "options.md"
    assert "```{option-table}\n```" in page.read_text(encoding="utf-8")
    (tmp_path / "reference").mkdir()
    (tmp_path / "reference" / "options.rst").write_text("Options\n=======\n\n.. option-table::\n")
    settings = {"extensions": ["option_table"], "root_doc": "reference/options", "smartquotes": False}

    folders = (str(tmp_path / part) for part in ("out", "trees"))
    Sphinx(str(tmp_path), None, *folders, "html", settings, status=None).build()  # type: ignore[arg-type]
    built = (tmp_path / "out" / "reference" / "options.html").read_text(encoding="utf-8")
    cells = [
        " ".join(html.unescape(line).split()) for line in re.sub(r"<[^>]+>", "\n", built.replace("\n", " ")).split("\n")
    ]

    for option in OPTIONS:
        assert {option.flag, option.key, option.help} <= set(cells)
