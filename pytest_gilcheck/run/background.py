"""The background thread: a thread of plain Python that makes progress only while the call does not hold the GIL."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from pytest_gilcheck import _native
from pytest_gilcheck.run.competing import CompetingThreads, unpatched
from pytest_gilcheck.run.switch_interval import switch_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: One run of the background thread: long against a hand-over of the GIL (microseconds), short against the calls that are
#: worth measuring in this way.
RUN_NS = 200_000

#: In seconds, and twice the longest call that is measured beside the background thread: nobody asks it, or the call, to drop
#: the GIL. (At 10 s a thread that once missed its turn on a busy machine stood still for 10 s, and so did Ctrl-C.)
SWITCH_INTERVAL = 0.5


#: The same where the background thread is the only witness: twenty times as long as the nap after it, with which it begins.
#: What it does not run for counts as held, and so a call that always releases shall leave it less than 5 %.
LONG_RUN_NS = 4_000_000
#: A nap that lets the call take the GIL: the kernel's timers make 0.06 ms of it.
NAP_NS = 1_000


@contextlib.contextmanager
def background_thread(
    runs: list[tuple[int, int]],
    *,
    budget_ns: int | None = None,
    wait_seconds: float = 60.0,
    is_only_witness: bool = False,
) -> Iterator[Callable[[], None]]:
    """Run a background Python thread beside the block, and add its runs to `runs`; gives what ends it before the block ends.

    A run is (start, end) in nanoseconds of `_native.clock_ns`. The thread holds the GIL during a whole run: the switch
    interval is so long that nobody asks it to drop the GIL. Between two runs it sleeps as long, or for a moment if it
    `is_only_witness`. After `budget_ns` it ends, so that it cannot keep the call waiting for ever. The interval is restored at
    the end, or as soon as what this gives is called; the end waits up to `wait_seconds` for the thread to stop.
    """
    run_ns = LONG_RUN_NS if is_only_witness else RUN_NS
    is_running = True
    clock_ns = _native.clock_ns
    nap = unpatched(time, "sleep")  # gevent's runs its own loop instead, and keeps the GIL

    def run() -> None:
        end_ns = None if budget_ns is None else clock_ns() + budget_ns
        while is_running and (end_ns is None or clock_ns() < end_ns):
            start = now = clock_ns()
            while now - start < run_ns:
                now = clock_ns()
            runs.append((start, now))
            # As long as the run: a thread that only gives way takes the GIL back at each release of the call. A call with
            # 3,500 releases then waited for a whole run at each of them, and most checks of it met their deadline. (As the
            # only witness it does that, until its budget is spent.)
            nap((NAP_NS if is_only_witness else now - start) / 1e9)

    def end() -> None:
        nonlocal is_running
        is_running = False
        interval.close()

    with CompetingThreads(1) as competing, contextlib.ExitStack() as interval:
        interval.enter_context(switch_interval(SWITCH_INTERVAL))
        worker = competing._workers[0]  # noqa: SLF001  (same folder; one thread that runs beside another one's calls)
        try:
            worker.begin(run)
            yield end
        finally:
            # The interval first: beside a busy thread each take below would wait for half a second.
            end()
            # An interrupt may have come before the thread was given its work: it would never report the end of that.
            worker.end()
            worker.wait_until_gone(wait_seconds)
