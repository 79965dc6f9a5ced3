"""Remedies at the shell name flags, which a reader can type there."""

from pathlib import Path

import pytest

from pytest_gilcheck.commands.measure import _parser
from pytest_gilcheck.commands.parser import in_flags
from pytest_gilcheck.report import reasons


@pytest.mark.parametrize(
    ("remedy", "at_the_shell"),
    [
        ('free a core or pass budget="1s"', "free a core or pass --budget 1s"),
        ("give the check more calls (time_limit=)", "give the check more calls (--time-limit)"),
        ("allow more (time_limit= or --gilcheck-time-limit)", "allow more (--time-limit)"),
        ("ask for two or more (threads=)", "ask for two or more (--threads)"),
        ("held for 2 of 3 calls", "held for 2 of 3 calls"),
    ],
)
def test_remedy_when_it_names_an_argument_then_the_command_names_its_flag(remedy, at_the_shell):
    """An argument is of no use to who types a command."""
    assert in_flags(remedy) == at_the_shell


def test_flags_that_remedies_name_are_flags_of_the_command():
    """And no sentence of a reason keeps an argument."""
    text = in_flags(Path(reasons.__file__).read_text(encoding="utf-8"))
    flags = {word for action in _parser()._actions for word in action.option_strings}

    for name in ("--budget", "--time-limit", "--threads"):
        assert name in flags and name in text
    assert "time_limit=)" not in text and "budget=)" not in text
