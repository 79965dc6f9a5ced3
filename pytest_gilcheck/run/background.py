"""The rival: a thread of plain Python that gets on only while the call does not hold the GIL."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

from pytest_gilcheck import _native
from pytest_gilcheck.run.competing import CompetingThreads, real

if TYPE_CHECKING:
    from collections.abc import Iterator

#: One turn of the rival. Long against a hand-over (microseconds), short against the calls worth measuring so.
TURN_NS = 200_000

#: Nobody is asked to give way while the rival runs: seconds, far above the calls that are measured beside it.
SWITCH_INTERVAL = 10.0


_n_patient = 0
_interval_before = 0.0


@contextlib.contextmanager
def _nobody_is_asked() -> Iterator[None]:
    """The long switch interval while the block runs; the last of several blocks puts back what the first one found.

    (Two that each put back what they found themselves, in another order, left the process with the long one.)
    """
    global _n_patient, _interval_before  # noqa: PLW0603  (the interval is the interpreter's)
    if not _n_patient:
        _interval_before = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_INTERVAL)
    _n_patient += 1
    try:
        yield
    finally:
        _n_patient -= 1
        if not _n_patient:
            sys.setswitchinterval(_interval_before)


@contextlib.contextmanager
def background_thread(turns: list[tuple[int, int]], *, patience: float = 60.0) -> Iterator[None]:
    """Did a rival thread get on beside the block? Its turns, in `_native.clock_ns`, are added to `turns`.

    During a turn it holds the GIL all the time: the switch interval is made so long that it is never asked to give way.
    The interval is put back at the end.
    """
    test_state = True
    clock_ns = _native.clock_ns
    nap = real(time, "sleep")  # gevent's runs its own loop instead, and keeps the GIL

    def run() -> None:
        while test_state:
            start = now = clock_ns()
            while now - start < TURN_NS:
                now = clock_ns()
            turns.append((start, now))
            nap(0)

    with CompetingThreads(1) as competing, _nobody_is_asked():
        worker = competing._workers[0]  # noqa: SLF001  (same folder: the rival is a crew of one that runs beside another)
        try:
            worker.begin(run)
            yield
        finally:
            test_state = False
            worker.wait(patience)
