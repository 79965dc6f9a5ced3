"""The command: ``gilcheck STATEMENT``, ``gilcheck show``, ``compare``, ``merge``, ``doctor``. Each verb is imported when it is asked for."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_gilcheck.commands.parser import VERBS, refuse_unknown_verb
from pytest_gilcheck.commands.stderr import say
from pytest_gilcheck.evidence import UsageError
from pytest_gilcheck.gate.exit_status import INTERRUPTED, OK, USAGE

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    Args:
        arguments: The arguments behind the command's name. None: those of this process.

    Returns:
        The exit status.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    verb, rest = (arguments[0], arguments[1:]) if arguments and arguments[0] in VERBS else ("measure", arguments)
    try:
        if arguments[:1] == ["--child"]:
            return _child(arguments[1:])
        if rest is arguments:
            refuse_unknown_verb(arguments)
        module = importlib.import_module(f"pytest_gilcheck.commands.{verb}")
        status: int = module.main(rest)
        sys.stdout.flush()
    except UsageError as error:
        say(str(error))
        return USAGE
    except KeyboardInterrupt:
        say("interrupted before a verdict")
        return INTERRUPTED
    except OSError as error:
        # What is left in the buffer cannot be written either. At exit the interpreter would try again and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # its reader has gone
            say(f"the report cannot be written: {error}; give --json a path with room for it")
        return USAGE
    return status


def _child(arguments: Sequence[str]) -> int:
    from pytest_gilcheck.checker.isolated import serve_child  # noqa: PLC0415  (only where it is asked for)

    request, answer = arguments
    serve_child(Path(request), Path(answer))
    return OK


if __name__ == "__main__":
    sys.exit(main())
