"""The documentation's table of options says what the records say."""

from __future__ import annotations

from dataclasses import dataclass

import option_table
import pytest


@dataclass
class Row:
    name: str
    type: object
    default: object
    help: str


@pytest.mark.parametrize("name", ["budget", "--gilcheck-budget", "gilcheck-budget", "gilcheck_budget"])
def test_option_name_is_the_same_however_the_record_spells_it(name: str) -> None:
    assert option_table.option_name(name) == "--gilcheck-budget"
    assert option_table.ini_key(name) == "gilcheck_budget"


def test_option_name_of_the_switch_itself_is_bare() -> None:
    assert option_table.option_name("gilcheck") == "--gilcheck"
    assert option_table.ini_key("--gilcheck") == "gilcheck"


def test_rows_keep_order_and_say_type_default_and_help() -> None:
    options = (Row("inconclusive", ("fail", "skip"), "fail", "What then?"), Row("budget", float, None, "How long?"))

    assert option_table.rows(options) == [
        ("--gilcheck-inconclusive\ngilcheck_inconclusive", "fail | skip", "fail", "What then?"),
        ("--gilcheck-budget\ngilcheck_budget", "float", "", "How long?"),
    ]
