"""Figures as people read them."""

import re

import pytest
from built import estimates
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import Estimate
from pytest_gilcheck.report.figures import (
    WIDEST_FACTOR,
    counted,
    duration,
    interval,
    of_rest,
    percent,
    percent_at_most,
    share_bounds,
)
from pytest_gilcheck.report.text import share_text

shares = st.floats(0, 1)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (1e-9, "< 0.1 %"),
        (0.00017, "< 0.1 %"),
        (0.001, "0.1 %"),
        (0.5, "50.0 %"),
        (0.99951, "> 99.9 %"),
        (1 - 1e-12, "> 99.9 %"),
        (1.0, "100 %"),
    ],
)
def test_rounding_never_flatters(share, text):
    """Nothing and everything only if exact."""
    assert percent(share) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [(0.4921, 0.5059, "[49.2, 50.6]"), (0.07, 0.07, "[7.0, 7.0]"), (0.95, 0.9999, "[95.0, 100]")],
)
def test_bounds_of_a_share_are_rounded_outwards(low, high, text):
    """So that they contain the value as it is printed."""
    assert share_bounds(low, high) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (Estimate(), "-"),
        (Estimate(1.0, 1.0, 1.0), "100 %"),
        (Estimate(0.00017, 1.1e-05, 0.0026), "< 0.1 %, at most 0.3 %"),
        (Estimate(0.001, 0.0, 0.9999), "0.1 %, at most 100 %"),
        (Estimate(0.5, 0.492, 0.506), "50.0 % [49.2, 50.6]"),
        (Estimate(0.5, 0.0624, 0.9376), "50.0 % [6.2, 93.8]"),
    ],
)
def test_a_share_shows_bounds_only_where_they_tell_something(share, text):
    """``0.1% [0.1%, 0.3%]`` was printed for a share of 0.00017."""
    assert share_text(share) == text


@given(estimates(shares))
def test_printed_bounds_of_a_share_contain_its_printed_value(share):
    """And none of them is more than twenty times the other."""
    text = share_text(share)
    bounds = re.search(r"\[([\d.]+), ([\d.]+)\]", text)
    value = float(re.search(r"[\d.]+", text)[0])

    if bounds is not None:
        assert float(bounds[1]) <= value <= float(bounds[2]) <= WIDEST_FACTOR * float(bounds[1])
    if "at most" in text:
        assert value <= float(text.split()[-2]) or text.startswith("< 0.1")


@given(estimates(st.floats(0, 1e7)))
def test_printed_bounds_of_a_factor_contain_its_printed_value(estimate):
    """``efficiency 0.904 [0.437, 1.27e+07]`` says nothing."""
    text = interval(estimate)
    bounds = re.fullmatch(r"([\d.]+) \[([\d.]+), ([\d.]+)\]", text)

    if bounds is None:
        assert text == "unknown" or estimate.low == estimate.high or f"{estimate.value:.2f}" == text
    else:
        value, low, high = map(float, bounds.groups())
        assert low <= value <= high <= WIDEST_FACTOR * low


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(), "not measured"),
        (Estimate(0.904, 0.437, 1.27e7), "unknown"),
        (Estimate(1.131, 0.491, 3.971), "1.13 [0.49, 3.98]"),
        (Estimate(2.0, 2.0, 2.0), "2.00"),
    ],
)
def test_a_factor_whose_bounds_are_far_apart_is_unknown(estimate, text):
    assert interval(estimate) == text


@given(shares)
def test_what_a_share_leaves_adds_up_to_the_whole(share):
    """Held and released are figures of one report."""
    held, free = percent(share), of_rest(share)

    if held[0].isdigit() and free[0].isdigit():
        assert float(held.split()[0]) + float(free.split()[0]) == pytest.approx(100)
    else:
        assert {held[0], free[0]} == {"<", ">"}


@given(shares)
def test_an_upper_bound_is_never_rounded_down(share):
    assert float(percent_at_most(share).split()[0]) >= share * 100 - 1e-6


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (1_000, "1 µs"),
        (999_400, "999 µs"),
        (999_600, "1 ms"),
        (1_234_567, "1.23 ms"),
        (2.5e9, "2.5 s"),
        (1.23456e12, "1,235 s"),
    ],
)
def test_durations_have_three_figures_and_a_unit(ns, text):
    """For people."""
    assert duration(ns) == text


@given(st.integers(0, 10**15))
def test_durations_of_any_length_have_no_exponent(ns):
    assert "e" not in duration(ns)


@pytest.mark.parametrize(("n", "text"), [(1, "1 round"), (0, "0 rounds"), (2_000, "2,000 rounds")])
def test_one_thing_is_not_many(n, text):
    """``after 1 rounds`` was printed."""
    assert counted(n, "round") == text
