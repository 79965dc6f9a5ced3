"""The GIL is released for half of the call, and the report says from which line on it is held."""

from pathlib import Path

import gil
import pytest
import two_threads

HALF = 0.02
SOURCE = Path(__file__).parents[1] / "src" / "lib.rs"
LINE = 1 + SOURCE.read_text(encoding="utf-8").splitlines().index("        Python::attach(|_py| {")


def new_lists():
    return [1, 2, 3], [None], 0, HALF


def test_double_list_is_partial(gilcheck):
    verdict = gilcheck.options(setup=new_lists, overlap=False)(gil.double_list)

    assert verdict.gil == "partial"
    assert verdict.held_share > 0.4
    assert verdict.held_share < 0.6


def test_double_list_is_held_from_the_line_that_takes_the_gil_back(gilcheck):
    verdict = gilcheck.options(setup=new_lists, overlap=False)(gil.double_list)

    place = verdict.where.taken.place
    assert (Path(place.file), place.line) == (SOURCE, LINE)
    assert "sleeps-while-holding" in verdict.reasons


def test_double_list_detached_releases_the_gil(gilcheck):
    assert gilcheck.options(setup=new_lists, overlap=False)(gil.double_list_detached).released


@pytest.mark.parametrize("function", [gil.double_list, gil.double_list_detached])
def test_both_threads_store_the_doubled_list(function):
    result, ends = two_threads.run(function, seconds=0.1)

    assert result == [[2, 4, 6], [2, 4, 6]]
    assert sorted(ends) == ["Python", "Rust"]


def test_what_cannot_be_slept_is_refused():
    with pytest.raises(ValueError, match="negative"):
        gil.double_list([1], [None], 0, -1.0)
