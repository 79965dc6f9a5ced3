"""Compares the counter with the guide's `par_lines`, with ripgrep, and with `str.count` on small texts."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from benchmarks.counter.rows import Row, gigabytes, in_turn, row
from benchmarks.counter.texts import NEEDLES, zen
from pytest_gilcheck import reference

N_CALLS = 20_000


def against_par_lines(texts: dict[str, str], n_rounds: int) -> Iterable[Row]:
    """Compare `count` with the guide's `par_lines`; with `ignore_case` the guide has the easier rule, and there is no bar."""
    try:
        import word_count
    except ImportError:
        print("the gallery's word_count is not installed: no comparison with par_lines", file=sys.stderr)
        return
    for name, text in texts.items():
        for frequency, needle in NEEDLES[name].items():
            assert reference.count(text, needle) == word_count.parallel(text, needle)  # noqa: S101  (else no comparison)
            for ignore_case in (False, True):
                word = needle.lower() if ignore_case else needle
                times = in_turn(
                    [
                        lambda t=text, n=word, i=ignore_case: reference.count(t, n, ignore_case=i),
                        lambda t=text, n=needle: word_count.parallel(t, n),
                    ],
                    n_rounds,
                )
                case = f"{name}, {frequency} `{needle}`" + (", `ignore_case`" if ignore_case else "")
                speed = f"{gigabytes(len(text), times[0]):.1f} GB/s"
                yield row("count, times as fast as `par_lines`", case, times, None if ignore_case else 10, speed=speed)


def against_ripgrep(paths: dict[str, Path], n_rounds: int) -> Iterable[Row]:
    """Compare `count_file` with a process of ripgrep; the time of one that does nothing is in a column of its own."""
    program = shutil.which("rg")
    if program is None:
        print("rg is not installed: no comparison with ripgrep", file=sys.stderr)
        return

    def run(*arguments: str) -> str:
        return subprocess.run([program, *arguments], capture_output=True, text=True, check=False).stdout

    for name, path in paths.items():
        for frequency, needle in NEEDLES[name].items():
            times = in_turn(
                [
                    lambda p=path, n=needle: reference.count_file(p, n),
                    lambda p=path, n=needle: run("-cow", n, str(p)),
                    lambda: run("--version"),
                ],
                n_rounds,
            )
            counts = f"{reference.count_file(path, needle)} and {int(run('-cow', needle, str(path)) or 0)}"
            yield row(
                "count_file, times as fast as `rg -cow`",
                f"{name}, {frequency} `{needle}`",
                times,
                5 if frequency.startswith("common") else 1,
                starting=f"{statistics.median(times[2]) * 1e3:.2g} ms of it",
                counts=counts,
            )


def small_texts(n_rounds: int) -> Iterable[Row]:
    """Compare calls on 100 bytes with `str.count`, which has less to do."""
    text = zen()[:100]
    for needle in ("is", "better", "absent"):
        for label, subject, word in (("str", text, needle), ("bytes", text.encode(), needle.encode())):
            times = in_turn(
                [
                    lambda s=subject, w=word: [s.count(w) for _ in range(N_CALLS)],
                    lambda s=subject, w=word, count=reference.count: [count(s, w) for _ in range(N_CALLS)],
                ],
                n_rounds,
            )
            ratio = row("100 bytes, times as long as `str.count`", f"{label}, `{needle}`", times, 3)
            each = " against ".join(f"{statistics.median(side) / N_CALLS * 1e9:.0f} ns" for side in times)
            yield replace(ratio, columns={"medians": each}, at_most=True)
