"""Tests as a maintainer of `first_check` would write them: each function does to the GIL what its documentation says."""

import first_check
import pytest

N_LINES = 400_000
TEXT = b"the quick brown fox\n" * N_LINES


def test_count_releases_the_gil(gilcheck):
    verdict = gilcheck(first_check.count, TEXT, b"fox")

    assert verdict.released
    assert verdict.result == N_LINES


def test_count_holding_holds_the_gil(gilcheck):
    verdict = gilcheck(first_check.count_holding, TEXT, b"fox")

    assert verdict.held
    assert verdict.result == N_LINES


def test_positions_releases_for_the_search_and_holds_for_the_list(gilcheck):
    verdict = gilcheck(first_check.positions, TEXT, b"fox")

    assert verdict.gil == "partial"
    assert verdict.held_share > 0.05
    assert verdict.held_share < 0.95
    assert verdict.result[:2] == [16, 36]


@pytest.mark.gilcheck(releases=0.9)
def test_counting_leaves_nine_tenths_of_the_time_to_others():
    assert first_check.count(TEXT, b"fox") == N_LINES


@pytest.mark.parametrize("search", [first_check.count, first_check.count_holding])
def test_an_empty_needle_is_refused(search):
    with pytest.raises(ValueError, match="needle is empty"):
        search(TEXT, b"")


@pytest.mark.parametrize(("text", "needle", "places"), [(b"", b"x", []), (b"aaa", b"aa", [0, 1]), (b"ab", b"abc", [])])
def test_all_three_agree_on_small_texts(text, needle, places):
    assert first_check.positions(text, needle) == places
    assert first_check.count(text, needle) == len(places)
    assert first_check.count_holding(text, needle) == len(places)
