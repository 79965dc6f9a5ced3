"""What the rounds of a check cost on an idle machine: run in two trees in turns, and compared in pairs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from statistics import median

_MEASURE = """
import sys, time
from pytest_gilcheck import specimens
from pytest_gilcheck.checker import measure
from pytest_gilcheck.checker.checker import Checker
from pytest_gilcheck.checker.stages import Stages
from pytest_gilcheck.declare.settings import Settings

spent = []
# The rounds of earlier versions are a method.
home, name = (Stages, "rounds") if hasattr(Stages, "rounds") else (measure, "competing_rounds")
rounds = getattr(home, name)

def timed(*args):
    begun = time.perf_counter()
    try:
        return rounds(*args)
    finally:
        spent.append(time.perf_counter() - begun)

setattr(home, name, timed)
MS = 1_000_000
calls = [
    (specimens.releases, 200_000), (specimens.releases, MS), (specimens.releases, 5 * MS), (specimens.computes, MS),
    (specimens.sleeps, MS), (specimens.holds, MS), (specimens.serialises, MS), (specimens.releases_then_holds, MS, MS),
]
words = [Checker(Settings().changed({"threads": 2, "seed": int(sys.argv[1])}))(*call).overlap for call in calls]
print(sum(spent), *words)
"""


def idle_time(n_pairs: int, other: str) -> None:
    """Print the time of the rounds of eight specimens in this tree, over that in the tree `other`."""
    own, ratios = str(Path(__file__).resolve().parents[2]), []
    for seed in range(n_pairs):
        seconds = {}
        for tree in (own, other) if seed % 2 else (other, own):
            env = {**os.environ, "PYTHONPATH": tree}
            command = [sys.executable, "-c", _MEASURE, str(seed)]
            done = subprocess.run(command, env=env, cwd="/", check=True, capture_output=True, text=True)
            first, *words = done.stdout.split()
            seconds[tree] = float(first)
            print(f"  {'this' if tree == own else 'other'}: {first} s {words}", flush=True)
        ratios.append(seconds[own] / seconds[other])
    print(f"{n_pairs} pairs: rounds take {median(ratios):.2f} times as long, {min(ratios):.2f} to {max(ratios):.2f}")
