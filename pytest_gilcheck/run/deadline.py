"""A deadline for calls that may never return, with the GIL released or kept.

Where the call has released the GIL, the waiting thread dumps all stacks and goes on without the call's thread. Where the
call keeps the GIL, no Python code runs any more. Then a native thread has `faulthandler` dump all stacks, saves what was
measured so far, and ends the process. It uses a real-time signal, because pytest and others own `faulthandler`'s timer.
"""

from __future__ import annotations

import contextlib
import faulthandler
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_gilcheck import _native

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: How the process ends when a call keeps the GIL past its deadline: as a failed run does.
EXIT_STATUS = 1


def _free_signal() -> int:
    """Return a real-time signal that nobody handles, or 0 where there is none."""
    if not hasattr(signal, "SIGRTMAX"):
        return 0
    for number in range(signal.SIGRTMAX - 2, signal.SIGRTMIN + 2, -1):
        if number not in _dumping and signal.getsignal(number) is signal.SIG_DFL:
            return number
    return 0


@dataclass(frozen=True)
class Deadline:
    """When calls must have returned, and what is saved if they do not.

    `so_far` returns the JSON report of what was measured before, in pieces, and is called before each run; None: nothing
    is saved. A path among the pieces stands for what its file holds when the process ends, so that what grows with the
    session is not copied at each run. Stacks and last words are written to `stderr_fd`, a copy made before anybody
    captured the real one. `status` is the exit status of a process that the deadline ends.
    """

    seconds: float
    what: str = "the call"
    save_path: Path | None = None
    so_far: Callable[[], Sequence[bytes | Path]] | None = field(default=None, compare=False)
    status: int = EXIT_STATUS
    stderr_fd: int = 2

    def dump_stacks(self) -> None:
        """Write the stacks of all threads to `stderr_fd`."""
        faulthandler.dump_traceback(file=self.stderr_fd, all_threads=True)

    def last_words(self) -> str:
        """Return the message that is written when the process ends."""
        saved = f" What was measured before is in {self.save_path}." if self.save_path else ""
        return (
            f"\ngilcheck: {self.what} has kept the GIL for longer than its deadline of {self.seconds:g} s: no other thread can "
            f"run, so this process ends now (status {self.status}).{saved} Stacks of all threads follow. To let the "
            "run go on after such a call, measure it in a child process: isolate=True or --gilcheck-isolate.\n"
        )


#: Signal -> the descriptor to which it dumps, and how many checks use it now.
_dumping: dict[int, tuple[int, int]] = {}


@contextlib.contextmanager
def _stacks_on_signal(fd: int) -> Iterator[int]:
    """Give the number of a signal that dumps all stacks to `fd` while the block runs, or 0 where none is free.

    Each descriptor has one signal for as long as any check needs it: checks nest, and run in several threads, and
    `signal.getsignal` does not show the signals that `faulthandler` has taken.
    """
    number = next((known for known, (known_fd, _) in _dumping.items() if known_fd == fd), 0) or _free_signal()
    if not number:
        yield 0
        return
    _, n_users = _dumping.get(number, (fd, 0))
    if not n_users:
        faulthandler.register(number, file=fd, all_threads=True, chain=False)
    _dumping[number] = (fd, n_users + 1)
    try:
        yield number
    finally:
        _, n_users = _dumping.pop(number)
        if n_users > 1:
            _dumping[number] = (fd, n_users - 1)
        else:
            faulthandler.unregister(number)


@contextlib.contextmanager
def armed(deadline: Deadline, threads: tuple[int, ...]) -> Iterator[Callable[[], None]]:
    """Arm the native watchdog for calls in `threads` (idents); gives a function that puts the deadline off."""
    after_ns = int(deadline.seconds * 1e9)
    with _stacks_on_signal(deadline.stderr_fd) as number:
        watchdog = _native.Watchdog(
            after_ns,
            list(threads),
            signal=number,
            message_fd=deadline.stderr_fd,
            message=deadline.last_words(),
            save_path=deadline.save_path,
            save_pieces=deadline.so_far() if deadline.so_far and deadline.save_path else (),
            status=deadline.status,
        )
        try:
            yield lambda: watchdog.put_off(after_ns)
        finally:
            watchdog.disarm()


@dataclass(frozen=True)
class Rescue:
    """What happens if a call ends this process: what `Deadline` needs beside a time and a name.

    The JSON report of everything measured before, `so_far`, is saved to `path`.
    """

    path: Path | None = None
    so_far: Callable[[], Sequence[bytes | Path]] | None = None
    status: int = EXIT_STATUS
    stderr_fd: int = 2

    def deadline(self, seconds: float, name: str) -> Deadline:
        """Return the deadline of the calls of `name`."""
        return Deadline(
            seconds, name, save_path=self.path, so_far=self.so_far, status=self.status, stderr_fd=self.stderr_fd
        )
