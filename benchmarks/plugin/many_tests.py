"""What the plugin costs many trivial tests in two workers of pytest-xdist, none of which checks anything."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.ledger.intervals import Interval, Pair, bootstrap, ratio_of_medians
from benchmarks.plugin.processor_time import pairs

FEW, MANY = 2_000, 20_000
TOTAL_AT_MOST = 1.05
GROWTH_AT_MOST = 1.1

_TESTS = """
import pytest

@pytest.mark.parametrize("n", range({n}))
def test_nothing(n):
    pass
"""


@dataclass(frozen=True)
class ManyTests:
    """What the plugin costs many tests.

    Attributes:
        total: Processor time with the plugin over that without it, for the larger number of tests.
        growth: Cost a test for the larger number over that for the smaller one, with the plugin.
        growth_without: The same without the plugin.
        n_few: The smaller number of tests.
        n_many: The larger number of tests.
    """

    total: Interval
    growth: Interval
    growth_without: Interval
    n_few: int
    n_many: int


def measure_many_tests(n_pairs: int = 10, seed: int = 0, few: int = FEW, many: int = MANY) -> ManyTests:
    """Measure pairs of runs with ``-n 2``, on a project of `few` tests and on one of `many`."""
    order = random.Random(seed)  # noqa: S311  (an order)
    with tempfile.TemporaryDirectory() as name:
        by_size = [_measured(Path(name), n, n_pairs, order) for n in (few, many)]
    of_few, of_many = by_size
    return ManyTests(
        bootstrap(of_many, ratio_of_medians),
        _growth([one for one, _ in of_few], [one for one, _ in of_many], few, many),
        _growth([other for _, other in of_few], [other for _, other in of_many], few, many),
        few,
        many,
    )


def _measured(root: Path, n_tests: int, n_pairs: int, order: random.Random) -> list[Pair]:
    folder = root / str(n_tests)
    folder.mkdir()
    (folder / "test_nothing.py").write_text(_TESTS.format(n=n_tests), encoding="utf-8")
    return pairs(folder, ("-n", "2"), n_pairs, order)


def _growth(of_few: Sequence[float], of_many: Sequence[float], few: int, many: int) -> Interval:
    """Return the cost a test for many tests over that for few. What a run of any size costs counts in both."""
    runs = list(zip(of_many, of_few, strict=True))
    return bootstrap(runs, lambda pairs: median(m for m, _ in pairs) / many / (median(f for _, f in pairs) / few))
