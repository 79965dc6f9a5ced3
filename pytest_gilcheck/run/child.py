"""One check in a child process: a crash or a kept GIL ends that process, and the suite goes on."""

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
from pytest_gilcheck.evidence.errors import is_hidden

if TYPE_CHECKING:
    from collections.abc import Callable

__tracebackhide__ = is_hidden

#: The exit status of a child whose call kept the GIL past its deadline; differs from a crash and from an exit by the function.
STUCK_STATUS = 97

#: For starting an interpreter and importing the function's modules, beside the deadlines of the calls.
_START_SECONDS = 120.0
#: `meanwhile` is called for a check that runs for longer than this.
_SOON_SECONDS = 0.5
#: A check has at most this many stages that make calls, each with its own deadline.
_N_STAGES = 8


#: The child runs the same package as its parent, and otherwise has the parent's path. With ``python -m`` a package of the
#: same name in the current folder came first: a source tree without its native module.
_BEGIN = (
    "import sys; sys.path[0] = sys.argv.pop(1); import pytest_gilcheck.__main__ as command; del sys.path[0]; "
    "sys.exit(command.main())"
)


def in_child(
    payload: bytes, *, deadline_seconds: float, what: str, meanwhile: Callable[[], object] | None = None
) -> bytes:
    """Run ``gilcheck --child IN OUT`` in a child process with `payload` in IN, and return the bytes that it writes to OUT.

    `deadline_seconds` is the deadline of each stage of the check, and `what` its name in messages. `meanwhile` is called
    once, if the child has not ended after half a second. Raises `CheckFailed` where the child crashed or exited by
    itself, and `DeadlineExceeded` where a call in it did not return in time.
    """
    with tempfile.TemporaryDirectory(prefix="gilcheck-") as folder:
        call_file, observation_file = Path(folder, "call"), Path(folder, "observation")
        call_file.write_bytes(payload)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)}
        child = subprocess.Popen(  # noqa: S603  (our own interpreter and module)
            [
                sys.executable,
                "-c",
                _BEGIN,
                str(Path(__file__).parents[2]),
                "--child",
                str(call_file),
                str(observation_file),
            ],
            env=environment,
            stdin=subprocess.DEVNULL,
        )
        try:
            if meanwhile is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(_SOON_SECONDS)
                meanwhile()
            status = child.wait(_START_SECONDS + _N_STAGES * deadline_seconds)
        except subprocess.TimeoutExpired:
            message = (
                f"{what} did not come back from its child process, which was killed (deadline {deadline_seconds:g} s)"
            )
            raise DeadlineExceeded(message) from None
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
        if status == 0 and observation_file.exists():
            return observation_file.read_bytes()
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
