"""Counts, beside calls, how many threads of this process are running or ready to run."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_gilcheck.run.competing import CompetingThreads, unpatched

if TYPE_CHECKING:
    from collections.abc import Iterator

#: One look reads a file for each thread, 5 to 10 µs each: 16 threads take a third of this.
_GAP_SECONDS = 500e-6

_TASKS = Path("/proc/self/task")


@contextlib.contextmanager
def counted_ready(counts: list[int], tasks: Path = _TASKS) -> Iterator[None]:
    """Count threads that run or are ready to while the block runs, about every half millisecond, and add each count to `counts`.

    A thread that somebody else's process keeps off the processor is ready. The thread that counts is a Python thread, and is
    not counted; while others hold the GIL it does not count. Nothing is added where the system does not show its threads.
    """
    nap = unpatched(time, "sleep")
    with CompetingThreads(1) as competing:
        worker = competing._workers[0]  # noqa: SLF001  (same folder; one thread that runs beside another one's calls)
        is_running = True

        def run() -> None:
            while is_running:
                count = n_ready(tasks, without=worker.native_id)
                if count is None:
                    return
                counts.append(count)
                nap(_GAP_SECONDS)

        try:
            worker.begin(run)
            yield
        finally:
            is_running = False
            # An interrupt may have come before the thread was given its work: it would never report the end of that.
            worker.end()
            worker.wait_until_gone(60.0)


def n_ready(tasks: Path = _TASKS, *, without: int = 0) -> int | None:
    """Return how many threads run or are ready to run, but for one of them; None where the system does not show them."""
    count = 0
    try:
        for task in tasks.iterdir():
            if task.name == str(without):
                continue
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
                # "number (name) state": the name may hold anything.
                count += (task / "stat").read_bytes().rpartition(b") ")[2][:1] == b"R"
    except OSError:
        return None
    return count
