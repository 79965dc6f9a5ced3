"""What the plugin costs a ``pytest --co`` that does not use it."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.ledger.intervals import Interval, Pair, bootstrap
from benchmarks.plugin.processor_time import WITHOUT, pairs, run

AT_MOST_MS = 10.0
#: What a run without a check must not import: the native module, and libraries that only checks and reports need.
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
    """What an unused plugin costs.

    Attributes:
        added_ms: Processor time of ``pytest --co`` with the plugin minus that without it, median of the pairs.
        n_pairs: How many pairs were measured.
        imported: Modules that only the plugin imported.
        forbidden: Those among them that it must not import.
    """

    added_ms: Interval
    n_pairs: int
    imported: tuple[str, ...]
    forbidden: tuple[str, ...]


def forbidden_among(imported: list[str]) -> tuple[str, ...]:
    """Return those of the modules that are, or belong to, a forbidden one."""
    return tuple(name for name in imported if any(name == bad or name.startswith(bad + ".") for bad in FORBIDDEN))


def median_difference_ms(measured: Sequence[Pair]) -> float:
    """Return the median difference within a pair, in milliseconds."""
    return median(one - other for one, other in measured) * 1e3


def measure_unused(n_pairs: int = 30, seed: int = 0) -> Unused:
    """Measure pairs of runs on a folder with one empty test.

    Raises:
        RuntimeError: pytest does not collect that test, or the plugin is not installed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_nothing.py").write_text(_TEST, encoding="utf-8")
        (folder / "conftest.py").write_text(_LISTING, encoding="utf-8")
        with_plugin, without = _modules(folder, ()), _modules(folder, WITHOUT)
        if "pytest_gilcheck.plugin" not in with_plugin:
            message = "pytest does not load pytest_gilcheck.plugin: install the package first"
            raise RuntimeError(message)
        imported = sorted(with_plugin - without)
        measured = pairs(folder, ("--co",), n_pairs, random.Random(seed))  # noqa: S311  (an order)
    return Unused(bootstrap(measured, median_difference_ms), n_pairs, tuple(imported), forbidden_among(imported))


def _modules(folder: Path, arguments: tuple[str, ...]) -> set[str]:
    listing = folder / "modules.json"
    run(folder, ("--co", *arguments), {"GILCHECK_BENCH_MODULES": str(listing)})
    names: list[str] = json.loads(listing.read_text(encoding="utf-8"))
    return set(names)
