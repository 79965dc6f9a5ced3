"""Bounds hold the figure, and lie where the pairs lie."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.ledger.intervals import bootstrap, median_difference, ratio_of_medians

positive = st.floats(0.1, 10)


@given(
    st.lists(st.tuples(positive, positive), min_size=5, max_size=12),
    st.sampled_from([ratio_of_medians, median_difference]),
)
def test_bootstrap_when_taken_then_bounds_hold_the_figure(pairs, figure):
    interval = bootstrap(pairs, figure)

    assert interval.low <= interval.value <= interval.high


def test_bootstrap_when_all_pairs_are_alike_then_there_is_no_doubt():
    interval = bootstrap([(3.0, 2.0)] * 5, ratio_of_medians)

    assert (interval.low, interval.value, interval.high) == (1.5, 1.5, 1.5)


def test_bootstrap_when_pairs_are_too_few_then_it_refuses():
    with pytest.raises(ValueError, match="4 pairs are too few"):
        bootstrap([(1.0, 1.0)] * 4, median_difference)
