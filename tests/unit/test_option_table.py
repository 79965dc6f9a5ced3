"""The documentation's table of options says what the records say."""

from __future__ import annotations

import option_table

from pytest_gilcheck.declare.options import OPTIONS, Option


def test_rows_give_every_option_in_its_order_under_both_names() -> None:
    names = [row[0].split("\n") for row in option_table.rows(OPTIONS)]

    assert names == [[option.flag, option.key] for option in OPTIONS]
    assert names[0] == ["--gilcheck", "gilcheck"]


def test_rows_give_every_help_and_no_empty_one() -> None:
    told = [row[3] for row in option_table.rows(OPTIONS)]

    assert told == [option.help for option in OPTIONS]
    assert all(told)


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
