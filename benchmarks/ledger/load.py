"""Processes that keep processors busy while something is measured."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# A busy process checks its parent now and then: even a killed benchmark, in which no `finally` runs, leaves none behind.
_SPIN = """
import os, sys
parent = int(sys.argv[1])
print("spinning", flush=True)
while os.getppid() == parent:
    for _ in range(100_000):
        pass
"""


@contextmanager
def busy(n_processes: int) -> Iterator[list[int]]:
    """Run `n_processes` busy processes beside the block, and give their process ids.

    All of them compute before the block begins, and all are dead and reaped after it, however it ends.
    """
    started: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(n_processes):
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _SPIN, str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            started.append(process)
        for process in started:
            assert process.stdout is not None  # noqa: S101  (narrowing: it was asked for above)
            if not process.stdout.readline():
                message = f"a busy process ended at once with status {process.wait()}: the load would be too small"
                raise RuntimeError(message)
        yield [process.pid for process in started]
    finally:
        for process in started:
            process.kill()
        for process in started:
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
