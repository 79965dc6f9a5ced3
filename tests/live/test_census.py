"""The census measures a row in a process of its own, and gives a word and the place of a release."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("tomllib", reason="the census reads TOML, which Python 3.11 can")

ROOT = str(Path(__file__).resolve().parents[2])
if ROOT not in sys.path:  # the benchmarks are no installed package
    sys.path.append(ROOT)

from benchmarks.census.driver import run  # noqa: E402  (found by the line above)
from benchmarks.census.rows import STANDARD_LIBRARY, Row  # noqa: E402  (as above)

SPECIMENS = "from pytest_gilcheck.specimens import *"


@pytest.mark.parametrize(
    ("statement", "word"), [("holds(n)", "held"), ("releases(n)", "released"), ("releases_then_holds(n, n)", "partial")]
)
def test_run_when_a_row_has_a_specimen_then_it_has_its_word_and_a_release_has_a_place(statement, word):
    """The worker uses stages of the library that are no public API: a change of theirs once cost 14 rows their words."""
    kept = []

    run([Row(STANDARD_LIBRARY, statement, SPECIMENS, (20_000_000,))], kept.append, n_jobs=1)

    ((sized,),) = (found.sizes for found in kept)
    assert sized.outcome == "ok"
    assert sized.gil in (word, "inconclusive")
    if sized.gil == "released":
        assert sized.where
