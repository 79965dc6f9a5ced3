"""Measures how much memory a call takes beside its text."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from benchmarks.counter.rows import Row

MOST_MEBIBYTES = 8
LIMIT_BYTES = 1 << 30

PROGRAM = """
import resource, sys
from pytest_gilcheck import reference
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM:"))
{prepare}
with open("/proc/self/clear_refs", "w") as clear:
    clear.write("5")
before = peak()
{call}
print(peak() - before)
"""


def above_the_text(path: Path, n_lines: int) -> Iterable[Row]:
    """Measure the peak of the resident memory during the call, less that before it, in a process of its own."""
    line = '"Now is better than never.\\n" * 4_000_000'
    cases = {
        "str, 104 MB": (f"text = {line}", 'assert reference.count(text, "better") == 4_000_000'),
        "bytes, 104 MB": (f"text = ({line}).encode()", 'assert reference.count(text, b"better") == 4_000_000'),
        "bytearray, 104 MB": (
            f"text = bytearray(({line}).encode())",
            'assert reference.count(text, b"better") == 4_000_000',
        ),
        f"file of {path.stat().st_size / (1 << 30):.1f} GiB, RLIMIT_AS {LIMIT_BYTES >> 30} GiB": (
            f"resource.setrlimit(resource.RLIMIT_AS, ({LIMIT_BYTES}, {LIMIT_BYTES}))",
            f'assert reference.count_file({str(path)!r}, "better") == {n_lines}',
        ),
    }
    for case, (prepare, call) in cases.items():
        code = PROGRAM.format(prepare=prepare, call=call)
        begin = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        mebibytes = int(done.stdout) / (1 << 20)
        columns = {"with the start of the process": f"{time.perf_counter() - begin:.1f} s"}
        bar = "private memory above the text, MiB"
        yield Row(bar, case, mebibytes, mebibytes, mebibytes, columns, MOST_MEBIBYTES, at_most=True)
