"""The background thread: a thread of plain Python that makes progress only while the call does not hold the GIL."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

from pytest_gilcheck import _native
from pytest_gilcheck.run.competing import CompetingThreads, unpatched

if TYPE_CHECKING:
    from collections.abc import Iterator

#: One run of the background thread: long against a hand-over of the GIL (microseconds), short against the calls that are
#: worth measuring in this way.
RUN_NS = 200_000

#: In seconds, and far above the calls that are measured beside the background thread: nobody asks it to drop the GIL.
SWITCH_INTERVAL = 10.0


_n_blocks = 0
_interval_before = 0.0


@contextlib.contextmanager
def _without_drop_requests() -> Iterator[None]:
    """Set the long switch interval while the block runs; the last of several blocks restores what the first one found.

    (When each block restored what it had found itself, two blocks that ended in another order left the process with the
    long interval.)
    """
    global _n_blocks, _interval_before  # noqa: PLW0603  (the interval is the interpreter's)
    if not _n_blocks:
        _interval_before = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_INTERVAL)
    _n_blocks += 1
    try:
        yield
    finally:
        _n_blocks -= 1
        if not _n_blocks:
            sys.setswitchinterval(_interval_before)


@contextlib.contextmanager
def background_thread(runs: list[tuple[int, int]], *, wait_seconds: float = 60.0) -> Iterator[None]:
    """Run a background Python thread beside the block, and add its runs to `runs`.

    A run is (start, end) in nanoseconds of `_native.clock_ns`. The thread holds the GIL during a whole run: the switch
    interval is so long that nobody asks it to drop the GIL. The interval is restored at the end, which waits up to
    `wait_seconds` for the thread to stop.
    """
    is_running = True
    clock_ns = _native.clock_ns
    give_way = unpatched(time, "sleep")  # gevent's runs its own loop instead, and keeps the GIL

    def run() -> None:
        while is_running:
            start = now = clock_ns()
            while now - start < RUN_NS:
                now = clock_ns()
            runs.append((start, now))
            give_way(0)

    with CompetingThreads(1) as competing, _without_drop_requests():
        worker = competing._workers[0]  # noqa: SLF001  (same folder; one thread that runs beside another one's calls)
        try:
            worker.begin(run)
            yield
        finally:
            is_running = False
            worker.wait(wait_seconds)
