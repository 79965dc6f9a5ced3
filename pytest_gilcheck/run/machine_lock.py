"""A lock of the whole machine: ordinary tests share it, and rounds on the wall clock hold it exclusively.

Several processes (the workers of pytest-xdist) compete for the same cores. Wall time that is measured beside the tests of
other workers is not the call's own.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fasteners import InterProcessReaderWriterLock

#: Between two attempts to get a lock: short beside any round, long beside the attempt.
_PAUSE_SECONDS = 0.005

#: A test waits at most so long for a check of another process to end its rounds.
_ENTER_SECONDS = 60.0

#: A check waits at most so long for tests of other processes to end. Then it is measured beside them, and says so.
LONGEST_WAIT_SECONDS = 10.0

#: So long a check that waits keeps others out at a time. A test that lasts longer does not end for it, and others would do
#: nothing meanwhile.
_CLOSED_SECONDS = 1.0
#: So long it lets others in between.
_OPEN_SECONDS = 1.0

#: Set in the environment while a test holds the lock, for processes that it starts.
_INSIDE = "PYTEST_GILCHECK_INSIDE"


class MachineLock:
    """The lock of one user on this machine, as one process sees it.

    It consists of two file locks. Everybody who comes in holds the *turnstile* for a moment. Who wants to be exclusive
    holds it longer: later ones wait outside, so that many short tests cannot keep one check waiting for ever. While a
    long test keeps it waiting it releases the turnstile from time to time, so that nobody waits long for that test. The
    *main* lock is held shared or exclusively. Nobody waits for the turnstile while holding the main lock, so there is
    no deadlock. When a process dies, the system releases both.

    File locks belong to the process. Two of these objects in one process do not exclude each other, and one of them
    releases what the other one holds.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(tempfile.gettempdir()) / f"pytest-gilcheck-{_user()}"
        self._locks: tuple[InterProcessReaderWriterLock, InterProcessReaderWriterLock] | None = None
        self._begin_process()

    def _begin_process(self) -> None:
        """Start without any lock: a forked child holds none of its parent's."""
        for lock in self._locks or ():
            _close_file(lock)
        self._pid = os.getpid()
        self._is_shared = False
        self._exclusive_thread = threading.Lock()
        self._locks = None
        # The test that started this process holds the lock, and waits for it.
        self._is_child_of_test = _INSIDE in os.environ

    @contextlib.contextmanager
    def shared(self, wait_seconds: float = _ENTER_SECONDS) -> Iterator[bool]:
        """Hold the lock beside other shared holders; gives False if that failed within `wait_seconds`."""
        self._is_shared = self._enter(wait_seconds)
        if self._is_shared:
            os.environ[_INSIDE] = str(os.getpid())
        try:
            yield self._is_shared
        finally:
            if self._is_shared:
                os.environ.pop(_INSIDE, None)
                self._leave()

    @contextlib.contextmanager
    def exclusive(self, wait_seconds: float = LONGEST_WAIT_SECONDS) -> Iterator[bool]:
        """Hold the lock beside nobody; gives False if others still held it after `wait_seconds`.

        Within `shared` the shared lock is released first and taken again at the end: two processes that both want to be
        exclusive do not wait for each other. Threads of one process take turns.
        """
        deadline = time.monotonic() + wait_seconds
        locks = self._opened()
        if locks is None or not self._exclusive_thread.acquire(timeout=wait_seconds):
            yield False
            return
        turnstile, main = locks
        was_shared = self._is_shared
        try:
            if was_shared:
                _release(main)
            yield _acquire_both(turnstile, main, deadline)
        finally:
            _release(main)
            _release(turnstile)
            if was_shared:
                self._is_shared = self._enter(_ENTER_SECONDS)
            self._exclusive_thread.release()

    def _enter(self, wait_seconds: float) -> bool:
        locks = self._opened()
        if locks is None:
            return False
        turnstile, main = locks
        deadline = time.monotonic() + wait_seconds
        try:
            return _acquire(turnstile, exclusive=True, deadline=deadline) and _acquire(
                main, exclusive=False, deadline=deadline
            )
        finally:
            _release(turnstile)

    def _leave(self) -> None:
        self._is_shared = False
        if self._locks is not None and self._pid == os.getpid():
            _release(self._locks[1])

    def _opened(self) -> tuple[InterProcessReaderWriterLock, InterProcessReaderWriterLock] | None:
        """Return the turnstile and the main lock, or None where this process takes no part."""
        if self._pid != os.getpid():
            self._begin_process()
        if self._locks is None and not self._is_child_of_test:
            try:
                from fasteners import InterProcessReaderWriterLock  # noqa: PLC0415  (only where a lock is taken)

                self._folder.mkdir(mode=0o700, exist_ok=True)
            except (ImportError, OSError):  # no file locks on this platform, or no folder for them
                return None
            if self._folder.lstat().st_uid != _user():  # another user made it, and could put links there
                return None
            self._locks = (
                InterProcessReaderWriterLock(self._folder / "turnstile"),
                InterProcessReaderWriterLock(self._folder / "main"),
            )
        return self._locks

    def close(self) -> None:
        """Release whatever is held."""
        if self._locks is not None and self._pid == os.getpid():
            for lock in self._locks:
                _release(lock)
        self._locks, self._is_shared = None, False


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


def _acquire_both(turnstile: InterProcessReaderWriterLock, main: InterProcessReaderWriterLock, deadline: float) -> bool:
    """Acquire both locks exclusively; return False if others still hold the main one at the deadline."""
    while True:
        if _acquire(turnstile, exclusive=True, deadline=deadline) and _acquire(
            main, exclusive=True, deadline=min(deadline, time.monotonic() + _CLOSED_SECONDS)
        ):
            return True
        _release(turnstile)
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(left, _OPEN_SECONDS))


def _acquire(lock: InterProcessReaderWriterLock, *, exclusive: bool, deadline: float) -> bool:
    acquire = lock.acquire_write_lock if exclusive else lock.acquire_read_lock
    try:
        return bool(
            acquire(delay=_PAUSE_SECONDS, max_delay=_PAUSE_SECONDS, timeout=max(0.0, deadline - time.monotonic()))
        )
    except (OSError, threading.ThreadError):  # the file cannot be opened, or its file system has no locks
        _close_file(lock)
        return False


def _release(lock: InterProcessReaderWriterLock) -> None:
    """Release the lock, if it is held, and close its file, which an attempt without success leaves open too."""
    if lock.lockfile is not None:
        lock.release_write_lock()  # the same for a shared one


def _close_file(lock: InterProcessReaderWriterLock) -> None:
    """Close the file of a lock that is not held by this process."""
    if lock.lockfile is not None:
        lock.lockfile.close()
        lock.lockfile = None
