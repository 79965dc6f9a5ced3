"""Functions whose dealings with the GIL are exact by construction: for controls, tests, documentation, self-check.

They work for so much *processor* time, so that one that is descheduled works on afterwards, as real code does, and
the share that it stands for stays exact on a loaded machine; but for `computes`, whose *amount* of work is fixed, so that it
shows what a processor gives. Those of `controls` exist on every platform.
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
    """Runs Python code for `ns` of processor time: held, and gives way on request, never of its own accord."""
    cpu_ns = _native.thread_cpu_ns
    end = cpu_ns() + ns
    while cpu_ns() < end:
        pass


def controls() -> tuple[Callable[[int], object], Callable[[int], object]]:
    """Which two functions hold and release the GIL on any platform? The C library's sleep, called through
    `ctypes.PyDLL` (GIL kept) and `ctypes.CDLL` (GIL released); the argument is in nanoseconds, at least 1000.

    Raises `OSError` or `AttributeError` where the C library has no such function.
    """
    import sys  # noqa: PLC0415  (the name would be public)

    if sys.platform == "win32":
        held, released = ctypes.PyDLL("kernel32").Sleep, ctypes.WinDLL("kernel32").Sleep
        return (lambda ns: held(max(1, ns // 1_000_000))), (lambda ns: released(max(1, ns // 1_000_000)))
    held, released = ctypes.PyDLL(None).usleep, ctypes.CDLL(None).usleep
    return (lambda ns: held(ns // 1000)), (lambda ns: released(ns // 1000))
