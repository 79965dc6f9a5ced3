"""Processor time of whole pytest runs, with the plugin and without it, in interleaved pairs."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

#: hypothesis' plugin imports hypothesis, whether or not ours is there: it stays out of both runs of a pair.
COMMON = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
WITHOUT = ("-p", "no:gilcheck")


def run(folder: Path, arguments: tuple[str, ...], environment: Mapping[str, str] | None = None) -> float:
    """Run pytest in this folder and return its processor time in seconds, that of its workers included.

    Raises:
        RuntimeError: The run did not end with exit status 0.
    """
    command = [sys.executable, "-m", "pytest", "-q", *COMMON, *arguments]
    output = folder / "output.txt"
    # Compiled modules are written once and read from then on, as users have them, whatever this environment says.
    environment = {**os.environ, **(environment or {}), "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with output.open("wb") as file:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=file, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        tail = output.read_text(encoding="utf-8")[-400:]
        message = f"{' '.join(command)} ended with status {process.returncode}: {tail}"
        raise RuntimeError(message)
    return usage.ru_utime + usage.ru_stime


def pairs(folder: Path, arguments: tuple[str, ...], n_pairs: int, order: random.Random) -> list[tuple[float, float]]:
    """Return the processor times of `n_pairs` runs with the plugin and without it, in random order within each pair."""
    # What the first run alone does, such as writing compiled modules, belongs to neither side.
    run(folder, arguments)
    run(folder, (*arguments, *WITHOUT))
    measured = []
    for _ in range(n_pairs):
        sides: list[tuple[str, ...]] = [(), WITHOUT]
        order.shuffle(sides)
        seconds = {side: run(folder, (*arguments, *side)) for side in sides}
        measured.append((seconds[()], seconds[WITHOUT]))
    return measured
