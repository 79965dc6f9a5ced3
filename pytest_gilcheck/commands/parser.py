"""The parser of every verb, whose errors name the value and what was expected, and remedies that name flags."""

from __future__ import annotations

import argparse
import difflib
import platform
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from pytest_gilcheck.evidence import UsageError, own_version

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import Verdict

#: What each verb does, for the usage.
VERBS = {
    "measure": "measure a statement; the verb may be left out",
    "show": "show a JSON report",
    "compare": "compare two JSON reports",
    "merge": "make one JSON report of several",
    "doctor": "say what can be measured here",
}


class Parser(argparse.ArgumentParser):
    """A parser whose errors are `UsageError`, in place of the whole usage before one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        version = f"gilcheck {own_version()} ({platform.python_implementation()} {platform.python_version()})"
        self.add_argument("--version", action="version", version=version, help="show the version and exit")

    def add_verbosity(self) -> None:
        """Add the option of the verbs that report on checks."""
        text = "show every figure and reason; -vv: every frame of every stack"
        self.add_argument("-v", "--verbose", action="count", default=0, help=text)

    def error(self, message: str) -> NoReturn:
        """Raise the error.

        Args:
            message: What argparse says.

        Raises:
            UsageError: Always, with the nearest option and where to read on.
        """
        words, unknown = message.split(), "unrecognized arguments:"
        wrong = next((word for word in words if word.startswith("--")), "") if message.startswith(unknown) else ""
        near = difflib.get_close_matches(wrong.partition("=")[0], self._option_string_actions, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        text = f"{message}\n  {hint}try `{self.prog} --help`"
        raise UsageError(text)


def refuse_unknown_verb(arguments: list[str]) -> None:
    """Refuse a first argument that can only be a verb with a typo.

    A single name is no statement that does something, unless a keyword or a built-in name, or made by ``--setup``.

    Args:
        arguments: The arguments of the command.

    Raises:
        UsageError: The first argument is no verb, and nearly one, or followed by what only a verb takes.
    """
    import builtins  # noqa: PLC0415  (only where no verb is given)
    import keyword  # noqa: PLC0415  (as above)

    first = arguments[0] if arguments else ""
    if not first.isidentifier() or keyword.iskeyword(first) or hasattr(builtins, first):
        return
    if any(word == "-s" or word.startswith(("-s", "--setup")) for word in arguments[1:]):
        return
    near = difflib.get_close_matches(first, VERBS, n=1)
    hint = f"did you mean {near[0]}?" if near else "try `gilcheck --help`"
    message = f"unknown verb {first!r}: {hint}\n  expected one of {', '.join(VERBS)}, or a statement in quotes"
    raise UsageError(message)


#: An argument as a remedy names it: `budget="1s"`, `(threads=)`, `(time_limit= or --gilcheck-time-limit)`.
_ARGUMENT = re.compile(r'\b(budget|time_limit|threads)=(?:"([^"]*)")?(?: or --gilcheck-[a-z-]+)?')


def in_flags(text: str) -> str:
    """Return a remedy with the command's flags in place of arguments."""

    def flag(found: re.Match[str]) -> str:
        name, value = found.groups()
        return f"--{name.replace('_', '-')}" + (f" {value}" if value else "")

    return _ARGUMENT.sub(flag, text)


def with_flags(verdict: Verdict) -> Verdict:
    """Return a verdict whose reasons name the command's flags. Nothing else changes: a statement may have such arguments, too."""
    return replace(verdict, notes=tuple(replace(note, detail=in_flags(note.detail)) for note in verdict.notes))
