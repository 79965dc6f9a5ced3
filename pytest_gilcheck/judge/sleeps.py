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
    r"^_?Py(Thread_acquire_lock|Mutex_Lock|RecursiveMutex_Lock|SeqLock_|RWMutex_|CriticalSection|OnceFlag)"
)
#: What these, and waits to be attached, are made of.
_PARKING_FUNCTION = re.compile(r"^_?Py(Semaphore|ParkingLot|RawMutex|Event)_")
#: Those that wait for the GIL, or to be attached.
_GIL_FUNCTION = re.compile(
    r"^(take_gil|drop_gil|_?PyEval_(RestoreThread|SaveThread|AcquireThread|AcquireLock|ReInit|StopTheWorld)|_?PyGILState_"
    r"|_?PyThreadState_|_?Py_HandlePending|tstate_wait_attach)"
)
#: What Python's own locks wait in.
_PYTHON_LOCK = re.compile(r"^(acquire_timed|_?thread_\w*[lL]ock\w*_acquire|rlock_acquire|lock_PyThread_)")
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
    """Return the innermost function that is neither the system's, nor a binding's, nor one that passes on; and what it called.

    None where it is not known. Of one without a name the library is, but for the interpreter's: that may be one that takes the
    GIL, unless the thread is parked further in, and it may be the one that waits.
    """
    through = sleep.system_call or ""
    is_parked, is_lock, is_certain = False, False, True
    for place in sleep.native:
        kind = _kind(place, sleeps)
        if kind in ("lock", "passes on"):
            through = _name(place) or through
            is_lock = is_lock or kind == "lock"
            is_certain = is_certain or kind == "lock"
        elif kind == "parks":
            is_parked = True
        elif kind == "unnamed" and (is_lock or is_parked):
            is_certain = False
        elif kind == "Python":
            # A native stack has no line of Python code.
            return (Place(function="Python code"), through) if through == _PYTHON_LOCK_NAME else None
        elif kind != "machinery":
            is_found = (is_certain and kind == "interpreter") or ((is_certain or is_lock) and kind == "author")
            return (place, through) if is_found else None
    return None


def _kind(place: Place, sleeps: Sleeps) -> str:
    """Return whose function this is, as far as it matters for who waits."""
    function = place.function or ""
    if _LOCK_FUNCTION.match(function):  # also one of a header, within another library
        return "lock"
    if _is_run_time(place) or is_glue(place):
        return "passes on"
    if place.library is None or (place.library == sleeps.own and "specimens" not in (place.file or function)):
        return "ours"
    return "author" if place.library != sleeps.interpreter else _kind_in_interpreter(function)


def _kind_in_interpreter(function: str) -> str:
    if not function:
        return "unnamed"
    if _PYTHON_LOCK.match(function):
        return "lock"
    if PYTHON_FRAME in function:
        return "Python"
    if _PARKING_FUNCTION.match(function):
        return "parks"
    return "machinery" if MACHINERY.match(function) else "interpreter"


def _name(place: Place) -> str:
    """Return what a function that puts threads to sleep is called by those who call it."""
    function = place.function or ""
    if _PYTHON_LOCK.match(function):
        return _PYTHON_LOCK_NAME
    if not _is_run_time(place):
        return function
    # The C library knows its functions by a second name, which begins so.
    return "" if function == _ANY_SYSTEM_CALL else function.lstrip("_")


def _is_run_time(place: Place) -> bool:
    return bool(_RUN_TIME.search(place.library or ""))
