"""The rival: a thread of plain Python that gets on only while the call does not hold the GIL."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

from pytest_gilcheck import _native
from pytest_gilcheck.run.crew import Crew

if TYPE_CHECKING:
    from collections.abc import Iterator

#: One turn of the rival. Long against a hand-over (microseconds), short against the calls worth measuring so.
TURN_NS = 200_000

#: Nobody is asked to give way while the rival runs: seconds, far above the calls that are measured beside it.
SWITCH_INTERVAL = 10.0


@contextlib.contextmanager
def rival(turns: list[tuple[int, int]], *, patience: float = 60.0) -> Iterator[None]:
    """Did a rival thread get on beside the block? Its turns, in `_native.clock_ns`, are added to `turns`.

    During a turn it holds the GIL all the time: the switch interval is made so long that it is never asked to give way.
    The interval is put back at the end.
    """
    running = True
    clock_ns = _native.clock_ns
    nap = time.sleep

    def run() -> None:
        while running:
            start = now = clock_ns()
            while now - start < TURN_NS:
                now = clock_ns()
            turns.append((start, now))
            nap(0)

    before = sys.getswitchinterval()
    with Crew(1) as crew:
        worker = crew._workers[0]  # noqa: SLF001  (same folder: the rival is a crew of one that runs beside another)
        sys.setswitchinterval(SWITCH_INTERVAL)
        try:
            worker.begin(run)
            yield
        finally:
            running = False
            worker.wait(patience)
            sys.setswitchinterval(before)
