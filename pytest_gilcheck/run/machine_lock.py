"""Keeps other workers still while wall time is measured: a lock of the whole machine that ordinary tests share.

Several processes (the workers of pytest-xdist) compete for the same cores. Their ordinary tests hold the lock together;
rounds on the wall clock hold it alone.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

try:
    import fcntl
except ImportError:  # no such lock on this platform: rounds are run unguarded, and say so
    fcntl = None  # type: ignore[assignment]

#: Between two attempts to get a lock: short beside any round, long beside the attempt.
_PAUSE_SECONDS = 0.005


#: Set in the environment while a test holds the lock, for processes that it starts.
_INSIDE = "PYTEST_GILCHECK_INSIDE"


class MachineLock:
    """The lock of this machine, as one process sees it. Not for several threads at a time.

    Two files. `door` is held alone, for a moment, by whoever comes in, and for as long as it takes by who wants to be
    alone: whoever comes later waits outside, so that the one is not kept waiting for ever by the many. `room` is held
    together by those inside, or alone. Nobody waits at the door with the room in hand, so there is no deadlock. A
    process that dies gives both back: the system does it.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(tempfile.gettempdir()) / f"pytest-gilcheck-{_user()}"
        self._files: tuple[int, int] | None = None
        self._is_inside = False
        self._pid = os.getpid()
        #: A process that a test started: that test holds the lock for it, and waits for it.
        self._is_guest = _INSIDE in os.environ

    @contextlib.contextmanager
    def together(self, wait_seconds: float = 60.0) -> Iterator[bool]:
        """Beside others of this kind, and beside nobody who measures. False: it could not be had in time; go on."""
        self._is_inside = self._enter(wait_seconds)
        if self._is_inside:
            os.environ[_INSIDE] = str(os.getpid())
        try:
            yield self._is_inside
        finally:
            if self._is_inside:
                os.environ.pop(_INSIDE, None)
                self._leave()

    @contextlib.contextmanager
    def alone(self, wait_seconds: float = 60.0) -> Iterator[bool]:
        """Beside nobody who takes part. False: others were still there after `wait_seconds`."""
        files = self._opened()
        if files is None:
            yield False
            return
        door, room = files
        deadline = time.monotonic() + wait_seconds
        was_inside = self._is_inside
        if was_inside:
            _release(room)
        has_door = has_room = False
        try:
            has_door = _take(door, alone=True, deadline=deadline)
            has_room = has_door and _take(room, alone=True, deadline=deadline)
            yield has_room
        finally:
            if has_room:
                _release(room)
            if has_door:
                _release(door)
            if was_inside:
                self._is_inside = self._enter(wait_seconds)

    def _enter(self, wait_seconds: float) -> bool:
        files = self._opened()
        if files is None:
            return False
        door, room = files
        deadline = time.monotonic() + wait_seconds
        if not _take(door, alone=True, deadline=deadline):
            return False
        try:
            return _take(room, alone=False, deadline=deadline)
        finally:
            _release(door)

    def _leave(self) -> None:
        self._is_inside = False
        if self._files is not None and self._pid == os.getpid():
            _release(self._files[1])

    def _opened(self) -> tuple[int, int] | None:
        if self._pid != os.getpid():  # forked: the parent's descriptors share the parent's locks
            self._files, self._is_inside, self._pid = None, False, os.getpid()
        if self._files is None and not self._is_guest and fcntl is not None:
            try:
                self._folder.mkdir(mode=0o700, exist_ok=True)
                flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
                door, room = (os.open(self._folder / name, flags, 0o600) for name in ("door", "room"))
            except OSError:  # somebody else has it
                return None
            self._files = door, room
        return self._files

    def close(self) -> None:
        """Gives back whatever is held."""
        if self._files is not None:
            for file in self._files:
                os.close(file)
        self._files, self._is_inside = None, False


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


def _take(file: int, *, alone: bool, deadline: float) -> bool:
    how = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
    while not _locked(file, how):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_PAUSE_SECONDS)
    return True


def _locked(file: int, how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except OSError:  # somebody else has it
        return False
    return True


def _release(file: int) -> None:
    fcntl.flock(file, fcntl.LOCK_UN)
