"""A process of its own for one check: a crash or a kept GIL ends it, and the suite goes on."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import CheckFailed, DeadlineExceeded

if TYPE_CHECKING:
    from collections.abc import Callable

#: How a child ends whose call kept the GIL past its deadline: told from a crash, and from an exit of the callee's.
STUCK_STATUS = 97

#: Starting an interpreter and importing the callee's modules, beyond the deadline of the calls themselves.
_START_SECONDS = 120.0
#: When it is called long.
_SOON_SECONDS = 0.5
#: A check runs calls in at most this many turns, each with its own deadline.
_N_TURNS = 8


#: The child runs the very package that its parent runs, wherever a package of the same name lies (a source tree in the
#: current folder, without its native module, came first with ``python -m``), and has the parent's path otherwise.
_BEGIN = (
    "import sys; sys.path[0] = sys.argv.pop(1); import pytest_gilcheck.__main__ as command; del sys.path[0]; "
    "sys.exit(command.main())"
)


def in_child(
    payload: bytes, *, deadline_seconds: float, what: str, meanwhile: Callable[[], object] | None = None
) -> bytes:
    """What did a child process make of `payload`? It runs `gilcheck --child IN OUT`. `meanwhile` is called once, if that
    takes longer than half a second.

    Raises `CheckFailed` where it crashed, `DeadlineExceeded` where a call in it never came back.
    """
    with tempfile.TemporaryDirectory(prefix="gilcheck-") as folder:
        given, made = Path(folder, "call"), Path(folder, "observation")
        given.write_bytes(payload)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)}
        child = subprocess.Popen(  # noqa: S603  (our own interpreter and module)
            [sys.executable, "-c", _BEGIN, str(Path(__file__).parents[2]), "--child", str(given), str(made)],
            env=environment,
            stdin=subprocess.DEVNULL,
        )
        try:
            if meanwhile is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(_SOON_SECONDS)
                meanwhile()
            status = child.wait(_START_SECONDS + _N_TURNS * deadline_seconds)
        except subprocess.TimeoutExpired:
            message = (
                f"{what} did not come back from its child process, which was killed (deadline {deadline_seconds:g} s)"
            )
            raise DeadlineExceeded(message) from None
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
        if status == 0 and made.exists():
            return made.read_bytes()
        if status == STUCK_STATUS:
            message = (
                f"{what} kept the GIL for longer than its deadline of {deadline_seconds:g} s; the child process that ran it was "
                "ended and its stacks were written to stderr. If it needs longer, raise the deadline."
            )
            raise DeadlineExceeded(message)
        raise CheckFailed(f"{what} ended its child process: {_how(status)}. Its stderr may say more.")


def _how(status: int) -> str:
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-status).name}"
    return f"exit status {status}"
