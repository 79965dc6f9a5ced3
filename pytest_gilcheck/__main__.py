"""The command: ``gilcheck STATEMENT``, ``gilcheck show``, ``compare``, ``merge``, ``doctor``.

Each verb is imported when it is asked for, and everything within `main`: an interrupt while modules are loaded is no traceback.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    Args:
        arguments: The arguments behind the command's name. None: those of this process.

    Returns:
        The exit status.
    """
    try:
        return _main(list(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt:
        sys.stderr.write("gilcheck: interrupted before a verdict\n")
        return 130  # as shells have it


def _main(arguments: list[str]) -> int:
    import importlib  # noqa: PLC0415  (as the module says)
    import os  # noqa: PLC0415

    from pytest_gilcheck.commands.parser import VERBS, refuse_unknown_verb  # noqa: PLC0415
    from pytest_gilcheck.commands.stderr import say  # noqa: PLC0415
    from pytest_gilcheck.evidence import UsageError  # noqa: PLC0415
    from pytest_gilcheck.gate.exit_status import USAGE  # noqa: PLC0415

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
    except OSError as error:
        # What is left in the buffer cannot be written either. At exit the interpreter would try again and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # its reader has gone
            say(f"the report cannot be written: {error}; give --json a path with room for it")
        return USAGE
    return status


def _child(arguments: Sequence[str]) -> int:
    from pathlib import Path  # noqa: PLC0415  (only where it is asked for)

    from pytest_gilcheck.checker.isolated import serve_child  # noqa: PLC0415

    request, answer = arguments
    serve_child(Path(request), Path(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
