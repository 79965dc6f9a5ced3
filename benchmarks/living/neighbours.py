"""What lives in the process beside the check. Each is a context manager, and gone after its block."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator

from pytest_gilcheck import _native, check, specimens

US = 1_000
MS = 1_000_000
TICK_SECONDS = 0.001
N_SLEEPERS = 8

NOBODY = "nobody"
#: The callee's own: not beside the call, but below it.
OWN_POOL = "own pool"


@contextlib.contextmanager
def in_threads(targets: list[Callable[[threading.Event], object]]) -> Iterator[None]:
    """Run each target in a thread of its own, with the event that tells it to return at the end of the block."""
    stop = threading.Event()
    threads = [threading.Thread(target=target, args=(stop,), daemon=True) for target in targets]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _spins(stop: threading.Event) -> None:
    while not stop.is_set():
        sum(range(100))


def _sleeps(stop: threading.Event) -> None:
    while not stop.is_set():
        time.sleep(TICK_SECONDS)


def _loops(stop: threading.Event) -> None:
    async def ticks() -> None:
        while not stop.is_set():  # noqa: ASYNC110  (the timer is the point)
            await asyncio.sleep(TICK_SECONDS)

    asyncio.run(ticks())


def _spawns(stop: threading.Event) -> None:
    while not stop.is_set():
        thread = threading.Thread(target=sum, args=(range(100),))
        thread.start()
        thread.join()


def _checks(stop: threading.Event) -> None:
    for function in (specimens.holds, specimens.releases) * 1_000_000:
        if stop.is_set():
            return
        check.options(overlap=False, name="the other check")(function, 5 * MS)


@contextlib.contextmanager
def _timer() -> Iterator[None]:
    n_ticks = 0

    def tick(_number: int, _frame: object) -> None:
        nonlocal n_ticks
        n_ticks += 1

    before = signal.signal(signal.SIGALRM, tick)
    signal.setitimer(signal.ITIMER_REAL, TICK_SECONDS, TICK_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def _attaches(hold_ns: int, gap_ns: int) -> Iterator[None]:
    neighbour = _native.specimens.Neighbour(hold_ns, gap_ns)
    try:
        yield
    finally:
        neighbour.stop()


#: The name of each neighbour, and what makes it.
NEIGHBOURS: dict[str, Callable[[], contextlib.AbstractContextManager[None]]] = {
    NOBODY: contextlib.nullcontext,
    "spinning thread": lambda: in_threads([_spins]),
    "8 sleepers": lambda: in_threads([_sleeps] * N_SLEEPERS),
    "asyncio loop": lambda: in_threads([_loops]),
    "1 kHz timer": _timer,
    "native thread, duty 0.1": lambda: _attaches(200 * US, 1_800 * US),
    "native thread, duty 0.9": lambda: _attaches(1_800 * US, 200 * US),
    OWN_POOL: contextlib.nullcontext,
    "thread spawner": lambda: in_threads([_spawns]),
    "second check": lambda: in_threads([_checks]),
}
