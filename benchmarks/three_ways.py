"""The PyO3 guide's benchmark: ``pytest benchmarks/three_ways.py`` (with pytest-benchmark and the gallery's `word_count`).

Pure Python, Rust on one core, Rust on all cores, and two calls on one core in two Python threads; then the same of the
reference counter. In the guide the reader compares the last two by eye: "8.0 ms and 8.4 ms, so the two calls ran side
by side". Here the same is asserted by the ledger.

For the plot of the documentation add ``--benchmark-histogram=three-ways`` (with ``pytest-benchmark[histogram]``).
"""

from __future__ import annotations

import codecs
import contextlib
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from pytest_gilcheck import check, reference

word_count = pytest.importorskip("word_count", reason="install docs/gallery/word_count first")
pytest.importorskip("pytest_benchmark", reason="install pytest-benchmark first")

NEEDLE = "is"
COPIES = 1_000


@pytest.fixture(scope="module")
def text() -> str:
    """The Zen of Python a thousand times, as in the guide."""
    with contextlib.redirect_stdout(io.StringIO()):
        import this
    return (codecs.decode(this.s, "rot13") + "\n") * COPIES


ONE_CALL = {
    "guide: python": word_count.python,
    "guide: rust sequential": word_count.sequential,
    "guide: rust parallel": word_count.parallel,
    "reference: python": reference.count_python,
    "reference: rust sequential": reference.count_sequential,
    "reference: rust parallel": reference.count,
}

TWO_CALLS = {
    "guide: rust sequential, GIL held": word_count.sequential,
    "guide: rust sequential, released": word_count.sequential_released,
    "reference: rust sequential": reference.count_sequential,
    "reference: parallel, GIL held": reference.count_holding_gil,
}


@pytest.mark.parametrize("way", ONE_CALL)
def test_one_call(benchmark: Callable[..., int], text: str, way: str) -> None:
    """One call after the other."""
    assert benchmark(ONE_CALL[way], text, NEEDLE) == 10 * COPIES  # noqa: S101  (wrong answers are not timed)


@pytest.mark.parametrize("way", TWO_CALLS)
def test_two_calls_in_two_threads(benchmark: Callable[..., int], text: str, way: str) -> None:
    """As long as one call if they run side by side, twice as long if one waits for the other."""
    with ThreadPoolExecutor(max_workers=2) as threads:

        def both() -> int:
            return sum(threads.map(TWO_CALLS[way], [text, text], [NEEDLE, NEEDLE]))

        assert benchmark(both) == 20 * COPIES  # noqa: S101  (wrong answers are not timed)


@pytest.mark.parametrize("way", TWO_CALLS)
def test_the_same_without_reading_times(text: str, way: str) -> None:
    """What the comparison is for, as one verdict."""
    verdict = check(TWO_CALLS[way], text * 20, NEEDLE)

    assert verdict.gil == ("held" if "GIL held" in way else "released")  # noqa: S101  (the verdict is the point)
