"""The plugin's bars, a row each: ``python -m benchmarks.plugin [unused] [many-tests]``; both if none is named.

30 pairs of ``pytest --co`` are a minute. 10 pairs of 20,000 tests are about a quarter of an hour. ``-n`` changes how
many pairs are measured, ``--many`` and ``--few`` how many tests.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from benchmarks.ledger.intervals import Interval
from benchmarks.plugin.many_tests import FEW, GROWTH_AT_MOST, MANY, TOTAL_AT_MOST, measure_many_tests
from benchmarks.plugin.unused import AT_MOST_MS, FORBIDDEN, measure_unused

PARTS = ("unused", "many-tests")


def _row(bar: str, measured: Interval, at_most: float, unit: str = "") -> tuple[str, bool]:
    verdict = measured.against(at_most)
    return f"| {bar} | at most {at_most:g}{unit} | {measured}{unit} | {verdict} |", verdict != "missed"


def _unused(n_pairs: int) -> Iterator[tuple[str, bool]]:
    unused = measure_unused(n_pairs)
    yield _row("installed and unused: processor time that `pytest --co` takes more", unused.added_ms, AT_MOST_MS, " ms")
    imported = ", ".join(unused.forbidden) or f"none ({len(unused.imported)} modules more than without)"
    met = not unused.forbidden
    bar = f"| installed and unused: imports | none of {', '.join(FORBIDDEN)} | {imported} |"
    yield f"{bar} {'met' if met else 'missed'} |", met


def _many_tests(n_pairs: int, few: int, many: int) -> Iterator[tuple[str, bool]]:
    costs = measure_many_tests(n_pairs, few=few, many=many)
    yield _row(f"{many} trivial tests, -n 2: processor time over `-p no:gilcheck`", costs.total, TOTAL_AT_MOST)
    bar = f"cost a test of {many} tests over that of {few} (without the plugin: {costs.growth_without})"
    yield _row(bar, costs.growth, GROWTH_AT_MOST)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print. Return 0 where no bar is missed, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plugin", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("-n", type=int, metavar="PAIRS", help="how many pairs (default: 30, and 10 for many tests)")
    parser.add_argument("--few", type=int, default=FEW, metavar="N", help=f"default: {FEW}")
    parser.add_argument("--many", type=int, default=MANY, metavar="N", help=f"default: {MANY}")
    options = parser.parse_args(arguments)
    is_met = True
    print("| bar | required | measured | |\n|---|---|---|---|", flush=True)
    for part in options.parts or PARTS:
        rows = _unused(options.n or 30) if part == "unused" else _many_tests(options.n or 10, options.few, options.many)
        for row, met in rows:
            print(row, flush=True)
            is_met &= met
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
