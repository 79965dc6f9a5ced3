"""Runs each row in a process of its own, several at a time, and loses none when a process dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.census.measurement import Found, Sized
from benchmarks.census.rows import Row, version

ROOT = Path(__file__).resolve().parents[2]
#: A machine with other work to do may take long over a row that takes a second.
TIMEOUT_S = 240.0
#: A package of so many rows is imported once for several of them, by the process that theirs are forked from. Importing
#: some packages takes ten times as long as a check.
IMPORTED_ONCE_FROM = 6
ROWS_A_BATCH = 16


def batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield the rows, those of a package with many of them in batches."""
    for _, of_package in groupby(rows, key=lambda row: row.package):
        several = list(of_package)
        step = ROWS_A_BATCH if len(several) >= IMPORTED_ONCE_FROM else 1
        yield from (several[start : start + step] for start in range(0, len(several), step))


def run(rows: Iterable[Row], keep: Callable[[Found], None], *, n_jobs: int, places: bool = True) -> None:
    """Measure these rows, and pass each to `keep` as soon as it is there; without `places`, words alone.

    The words do not depend on what else the machine does, so several rows may run at once.
    """
    with ThreadPoolExecutor(n_jobs) as pool:
        futures = [pool.submit(_measure, batch, keep, places=places) for batch in batches(rows)]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _measure(rows: list[Row], keep: Callable[[Found], None], *, places: bool) -> None:
    # The project's root comes last: the library must be the installed one, as the source tree has no native half.
    start = f"import sys; sys.path.append({str(ROOT)!r}); from benchmarks.census.worker import main; main()"
    with (
        tempfile.TemporaryDirectory(prefix="gilcheck-census-") as folder,
        tempfile.TemporaryFile("w+", encoding="utf-8") as job,
    ):
        json.dump({"rows": [row.to_json() for row in rows], "places": places, "timeout_s": TIMEOUT_S}, job)
        job.seek(0)
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", start],
            stdin=job,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={**os.environ, "TMPDIR": folder},
            start_new_session=True,
        )
        assert process.stdout is not None  # noqa: S101  (narrowing: it was asked for)
        try:
            for row in rows:
                line = process.stdout.readline()
                nothing = {"answers": [], "problem": "the process of the package ended", "died": True}
                keep(_found(row, json.loads(line) if line else nothing))
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()


def _found(row: Row, done: dict[str, Any]) -> Found:
    answers = done["answers"]
    for answer in answers:
        if answer["outcome"].startswith("exit status"):
            answer["outcome"] += f": {done['problem']}"
    if done["died"]:
        # Of the order in which the worker tries them.
        tried = [row.sizes[0], row.sizes[-1], *row.sizes[1:-1]]
        answers.append({"size": tried[min(len(answers), len(tried) - 1)], "outcome": done["problem"]})
    found = {answer["size"]: Sized(**{**answer, "reasons": tuple(answer.get("reasons", ()))}) for answer in answers}
    in_order = tuple(sorted(found.values(), key=lambda sized: sized.size))
    return Found(row.package, version(row.package) or "", row.statement, in_order)
