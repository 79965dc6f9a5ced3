"""Functions of known GIL behaviour, for controls, tests, documentation and the self-check.

Their durations are *processor* time in nanoseconds: a specimen that was descheduled works on afterwards, as real code does,
and its share of the call stays exact on a loaded machine. Only `computes` does a fixed *amount* of work, so that it
shows what a processor gives. The functions that `controls` returns exist on every platform.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from pytest_gilcheck import _native

if TYPE_CHECKING:
    from collections.abc import Callable

computes = _native.specimens.computes
holds = _native.specimens.holds
releases = _native.specimens.releases
releases_then_holds = _native.specimens.releases_then_holds
chatters = _native.specimens.chatters
sleeps = _native.specimens.sleeps
spawns = _native.specimens.spawns
serialises = _native.specimens.serialises
memory_bound = _native.specimens.memory_bound
pools = _native.specimens.pools
never_returns = _native.specimens.never_returns
races = _native.specimens.races

__all__ = [
    "chatters",
    "computes",
    "controls",
    "holds",
    "memory_bound",
    "never_returns",
    "pools",
    "races",
    "releases",
    "releases_then_holds",
    "serialises",
    "sleeps",
    "spawns",
    "yields",
]


def yields(ns: int) -> None:
    """Run Python code, which holds the GIL and releases it only when the interpreter is asked to.

    Args:
        ns: the processor time, in nanoseconds.
    """
    cpu_ns = _native.thread_cpu_ns
    end = cpu_ns() + ns
    while cpu_ns() < end:
        pass


def controls() -> tuple[Callable[[int], object], Callable[[int], object]]:
    """Return two functions that hold and release the GIL on any platform.

    Both call the C library's sleep: the first through `ctypes.PyDLL`, which keeps the GIL, the second through `ctypes.CDLL`,
    which releases it. Their argument is the time in nanoseconds, at least 1000.

    Returns:
        The function that holds the GIL, and the one that releases it.

    Raises:
        OSError: the C library cannot be loaded.
        AttributeError: the C library has no such function.
    """
    import sys  # noqa: PLC0415  (the name would be public)

    if sys.platform == "win32":
        held, released = ctypes.PyDLL("kernel32").Sleep, ctypes.WinDLL("kernel32").Sleep
        return (lambda ns: held(max(1, ns // 1_000_000))), (lambda ns: released(max(1, ns // 1_000_000)))
    held, released = ctypes.PyDLL(None).usleep, ctypes.CDLL(None).usleep
    return (lambda ns: held(ns // 1000)), (lambda ns: released(ns // 1000))
