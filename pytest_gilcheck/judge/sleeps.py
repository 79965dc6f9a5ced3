"""The function in which threads sleep, from where they did when they were looked at."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Place, SleepSite
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.places import MACHINERY, PYTHON_FRAME, is_glue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_gilcheck.evidence import SleepPlace, Sleeps

#: System calls in which a thread waits until another one lets it go on. In any other it sleeps alone, too.
_WAITING_CALLS = frozenset({"futex", "flock", "fcntl"})

#: Libraries of the system and of compilers, whose functions wait on behalf of whoever calls them.
_RUN_TIME = re.compile(
    r"(^|/)(libc|libpthread|librt|libm|libstdc\+\+|libgcc_s|libc\+\+|libc\+\+abi|ld-linux[\w-]*|ld-musl[\w-]*|libc\.musl[\w-]*)(-[\w.]+)?\.so[^/]*$"
)

#: The C library's function that makes any system call: what calls it says what is waited for.
_ANY_SYSTEM_CALL = "syscall"

#: Functions of the interpreter that wait for a lock of whoever calls them.
_LOCK_FUNCTION = re.compile(
    r"^_?(PyThread_acquire_lock|PyMutex_Lock|PyRecursiveMutex_Lock|PySeqLock_|PyRWMutex_|PyCriticalSection|PyOnceFlag)"
)
#: Those that wait for the GIL, or to be attached.
_GIL_FUNCTION = re.compile(
    r"^(take_gil|drop_gil|_?PyEval_(RestoreThread|SaveThread|AcquireThread|AcquireLock|ReInit|StopTheWorld)|_?PyGILState_"
    r"|_?PyThreadState_|_?Py_HandlePending|tstate_wait_attach)"
)
#: What Python's own locks wait in.
_PYTHON_LOCK = re.compile(
    r"^(acquire_timed|_?thread_\w*lock\w*_acquire|rlock_acquire|lock_PyThread_|PyThread_acquire_lock_timed_with)"
)
_PYTHON_LOCK_NAME = "threading.Lock.acquire"


def wait_site(sleeps: Sleeps | None) -> SleepSite | None:
    """Return the function in which most of the waits of competing threads for each other were seen.

    Args:
        sleeps: What was seen of the competing threads. None: nobody looked.

    Returns:
        The line that was seen most often in this function; None where no function has most of the waits, or too few were
        seen.
    """
    return _site(sleeps, lambda sleep: sleep.system_call in _WAITING_CALLS)


def sleep_site(sleeps: Sleeps | None) -> SleepSite | None:
    """Return the function in which most of the sleeps of single calls were seen.

    Args:
        sleeps: What was seen of single calls. None: nobody looked.

    Returns:
        As `wait_site`.
    """
    return _site(sleeps, lambda _: True)


def _site(sleeps: Sleeps | None, counts_as: Callable[[SleepPlace], bool]) -> SleepSite | None:
    if sleeps is None:
        return None
    # Where a thread woke before its stack was copied, it may have slept anywhere.
    n_seen = sleeps.n_unread
    counts: dict[tuple[str | None, str | None], dict[tuple[Place, str], int]] = {}
    for sleep in sleeps.places:
        if not counts_as(sleep) or _waits_for_gil(sleep.native, sleeps):
            continue
        n_seen += sleep.n
        found = _sleeping_place(sleep, sleeps)
        if found is not None:
            lines = counts.setdefault((found[0].function, found[0].library), {})
            lines[found] = lines.get(found, 0) + sleep.n
    if not counts:
        return None
    lines = max(counts.values(), key=lambda lines: sum(lines.values()))
    n = sum(lines.values())
    if n < rules.FEWEST_SLEEPS or n <= rules.SAME_SLEEPS_SHARE * n_seen:
        return None
    place, through = max(lines, key=lines.__getitem__)
    texts = (line.text for line in sleeps.sources if (line.file, line.line) == (place.file, place.line))
    return SleepSite(place, through, n, n_seen, sleeps.root, next(texts, None))


def _waits_for_gil(native: Sequence[Place], sleeps: Sleeps) -> bool:
    """Return whether the interpreter's functions that were called last wait for the GIL, through the ledger's hooks or not."""
    for place in native:
        if place.library == sleeps.interpreter:
            if _LOCK_FUNCTION.match(place.function or ""):
                return False
            if _GIL_FUNCTION.match(place.function or ""):
                return True
        elif not _is_run_time(place) and (place.library != sleeps.own or place.library is None):
            return False
    return False


def _sleeping_place(sleep: SleepPlace, sleeps: Sleeps) -> tuple[Place, str] | None:
    """Return the innermost function that is neither the system's nor a binding's, and what it called there.

    None where it is not known. Of one without a name the library is.
    """
    through = sleep.system_call or ""
    for place in sleep.native:
        function = place.function or ""
        if _is_run_time(place) or is_glue(place):
            if function and function != _ANY_SYSTEM_CALL:
                # The C library knows its functions by a second name, which begins so.
                through = function.lstrip("_") if _is_run_time(place) else function
        elif place.library != sleeps.interpreter or place.library is None:
            is_ours = place.library == sleeps.own and "specimens" not in (place.file or function)
            return None if is_ours or place.library is None else (place, through)
        elif _PYTHON_LOCK.match(function):
            through = _PYTHON_LOCK_NAME
        elif _LOCK_FUNCTION.match(function):
            through = function
        elif PYTHON_FRAME in function or not MACHINERY.match(function):
            return _in_interpreter(place, through)
    return None


def _in_interpreter(place: Place, through: str) -> tuple[Place, str] | None:
    """Return the same for a function of the interpreter: one without a name may be one that takes the GIL."""
    if not place.function:
        return None
    if PYTHON_FRAME in place.function:
        # A native stack has no line of Python code.
        return (Place(function="Python code"), through) if through == _PYTHON_LOCK_NAME else None
    return place, through


def _is_run_time(place: Place) -> bool:
    return bool(_RUN_TIME.search(place.library or ""))
