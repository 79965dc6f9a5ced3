"""Errors of the command line: two lines, with the nearest word that there is."""

import importlib

import pytest

from pytest_gilcheck.__main__ import main
from pytest_gilcheck.commands.parser import VERBS, refuse_unknown_verb
from pytest_gilcheck.evidence import UsageError, own_version


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--expct", "held", "1"], "did you mean --expect? try `gilcheck --help`"),
        (["show", "--frmat", "table", "r.json"], "did you mean --format? try `gilcheck show --help`"),
        (["show"], "required: report"),
        ([], "required: statement"),
        (["shw", "r.json"], "unknown verb 'shw': did you mean show?"),
        (["shw", "r.json"], "did you mean show?"),
        (["frobnicate"], "or a statement in quotes"),
        (["1 +"], "the statement does not compile"),
        (["-s", "d =", "1"], "the setup does not compile"),
        (["--threads", "0", "1"], "expected a whole number"),
    ],
)
def test_command_when_misused_then_at_most_five_lines_say_how(arguments, says, capsys):
    """No usage of ten lines before the one that matters."""
    assert main(arguments) == 2

    message = capsys.readouterr().err
    assert says in message
    assert message.count("\n") <= 5
    assert "Traceback" not in message


@pytest.mark.parametrize("first", ["pass", "exit", "x + 1", "f()", "--json", "-"])
def test_verb_when_a_first_argument_may_be_a_statement_then_it_is_none(first):
    """Keywords, built-in names, anything that is more than a name, and options."""
    refuse_unknown_verb([first])


def test_verb_when_a_setup_follows_then_a_name_is_a_statement():
    """The setup may make it."""
    refuse_unknown_verb(["x", "-s", "x = 1"])
    refuse_unknown_verb(["x", "--setup=x = 1"])
    with pytest.raises(UsageError):
        refuse_unknown_verb(["x"])


@pytest.mark.parametrize("verb", [[], *([verb] for verb in VERBS)])
def test_help_when_asked_for_then_every_verb_has_it_and_the_first_names_all(verb, capsys):
    """As does the version."""
    for option, status in (("--help", 0), ("--version", 0)):
        with pytest.raises(SystemExit) as stopped:
            main([*verb, option])
        assert stopped.value.code == status
        printed = capsys.readouterr().out
        if option == "--version":
            assert printed.startswith(f"gilcheck {own_version()} (")
        elif not verb:
            assert all(name in printed for name in VERBS)


def test_verbs_are_the_modules_that_have_a_main():
    """Each is imported when it is asked for."""
    for verb in VERBS:
        assert callable(importlib.import_module(f"pytest_gilcheck.commands.{verb}").main)
