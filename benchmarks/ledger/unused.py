"""Measures what the plugin costs a pytest run that does not use it."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ledger.intervals import Interval, bootstrap, ratio_of_medians

WITHOUT = ("-p", "no:gilcheck")
AT_MOST = 1.05
# What a run without a check must not import: the native module, and libraries that only checks and reports need.
FORBIDDEN = ("pytest_gilcheck._native", "hypothesis", "rich", "cattrs", "cattr", "cloudpickle", "fasteners")

_TEST = "def test_nothing():\n    pass\n"
_LISTING = """
import json, os, sys

def pytest_unconfigure(config):
    if "GILCHECK_BENCH_MODULES" in os.environ:
        with open(os.environ["GILCHECK_BENCH_MODULES"], "w") as file:
            json.dump(sorted(sys.modules), file)
"""


@dataclass(frozen=True)
class Unused:
    """The cost of the unused plugin.

    `ratio` is the time of ``pytest --co`` with the plugin, divided by the time without. `imported` are the modules that only
    the plugin imports, and `forbidden` those of them that it must not import.
    """

    ratio: Interval
    n_pairs: int
    imported: tuple[str, ...]
    forbidden: tuple[str, ...]


def forbidden_among(imported: list[str]) -> tuple[str, ...]:
    """Return the modules that are, or belong to, a forbidden one."""
    return tuple(name for name in imported if any(name == bad or name.startswith(bad + ".") for bad in FORBIDDEN))


def measure_unused(n_pairs: int = 30, seed: int = 0) -> Unused:
    """Measure pairs of runs on a folder with one empty test, in random order within each pair.

    Raises ``RuntimeError`` where pytest does not collect that test or the plugin is not there to be left out.
    """
    order = random.Random(seed)  # noqa: S311  (an order)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_nothing.py").write_text(_TEST, encoding="utf-8")
        (folder / "conftest.py").write_text(_LISTING, encoding="utf-8")
        with_plugin = _modules(folder, ())
        without = _modules(folder, WITHOUT)
        if "pytest_gilcheck.plugin" not in with_plugin:
            message = (
                f"pytest of {sys.executable} does not load pytest_gilcheck.plugin: install the package there first"
            )
            raise RuntimeError(message)
        imported = sorted(with_plugin - without)
        pairs = []
        for _ in range(n_pairs):
            sides: list[tuple[str, ...]] = [(), WITHOUT]
            order.shuffle(sides)
            seconds = {side: _seconds(folder, side) for side in sides}
            pairs.append((seconds[()], seconds[WITHOUT]))
    return Unused(bootstrap(pairs, ratio_of_medians), n_pairs, tuple(imported), forbidden_among(imported))


def _collect(folder: Path, options: tuple[str, ...], env: dict[str, str]) -> None:
    command = [sys.executable, "-m", "pytest", "--co", "-q", "-p", "no:cacheprovider", *options]
    done = subprocess.run(command, cwd=folder, env={**os.environ, **env}, capture_output=True, text=True, check=False)
    if done.returncode or "test_nothing" not in done.stdout:
        message = f"{' '.join(command)} ended with status {done.returncode}: {(done.stdout + done.stderr)[-400:]}"
        raise RuntimeError(message)


def _seconds(folder: Path, options: tuple[str, ...]) -> float:
    begin = time.perf_counter()
    _collect(folder, options, {})
    return time.perf_counter() - begin


def _modules(folder: Path, options: tuple[str, ...]) -> set[str]:
    listing = folder / "modules.json"
    _collect(folder, options, {"GILCHECK_BENCH_MODULES": str(listing)})
    names: list[str] = json.loads(listing.read_text(encoding="utf-8"))
    return set(names)
