"""The interval of the median, against the binomial law that it rests on."""

from fractions import Fraction
from math import comb
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.judge.uncertainty import median_interval, median_ranks


def miss_probability(n, first, last):
    """Return the exact chance that the median of a continuous distribution lies outside of these two of `n` ordered values."""
    too_high = sum(comb(n, k) for k in range(first + 1))  # at most `first` values lie below the median
    too_low = sum(comb(n, k) for k in range(last + 1, n + 1))  # more than `last` do
    return Fraction(too_high + too_low, 2**n)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 21, 63, 101, 189, 303, 909])
@pytest.mark.parametrize("alpha", [0.0025, 0.01, 0.05])
def test_ranks_miss_the_median_at_most_as_often_as_said(n, alpha):
    """The level is kept wherever any pair of ranks can keep it; and no narrower pair would keep it."""
    first, last = median_ranks(n, alpha)

    assert 0 <= first <= last == n - 1 - first
    if first > 0 or miss_probability(n, 0, n - 1) <= alpha:
        assert miss_probability(n, first, last) <= alpha
    if first + 1 < last - 1:
        assert miss_probability(n, first + 1, last - 1) > alpha


@given(st.integers(1, 300), st.floats(0.0001, 0.2))
def test_ranks_are_symmetric_and_inside(n, alpha):
    """Both ends are as far from theirs."""
    first, last = median_ranks(n, alpha)

    assert first + last == n - 1
    assert 0 <= first <= last < n


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=1, max_size=40), st.integers(0, 100))
def test_median_interval_when_one_bound_grows_then_no_end_of_it_shrinks(bounds, more):
    """The ends are order statistics of the bounds."""
    lows, highs = [low for low, _ in bounds], [low + width for low, width in bounds]

    low, high = median_interval(lows, highs, 0.05)

    assert low in lows
    assert high in highs
    assert low <= median(lows) <= median(highs) <= high
    assert median_interval([lows[0] + more, *lows[1:]], highs, 0.05) >= (low, high)
