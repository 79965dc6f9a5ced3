"""Laws of one round's ratio and of the interval over all of them."""

from __future__ import annotations

import pytest
from built_rounds import MS, arm
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.bounds import interval, speedup_of

walls = st.integers(10_000, 10**10)


@given(walls, walls, st.integers(0, 10**10), st.integers(0, 10**10))
def test_speedup_when_threads_were_delayed_then_its_bounds_contain_what_was_found(
    serial, competing, serial_delay, competing_delay
):
    low, found, high = speedup_of(
        arm(serial, delay_ns=serial_delay),
        arm(competing, n_threads=2, cpu_ns=competing // 2, delay_ns=competing_delay),
        2,
    )

    assert 0 <= low <= found <= high


@given(walls, walls, st.integers(0, 10**8), st.integers(0, 10**8))
def test_speedup_when_delay_grows_then_its_upper_bound_does_not_shrink(serial, competing, delay, more):
    def high(delay_ns: int) -> float:
        return speedup_of(arm(serial), arm(competing, n_threads=2, cpu_ns=competing // 3, delay_ns=delay_ns), 2)[2]

    assert high(delay + more) >= high(delay)


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=80), st.randoms())
def test_interval_when_rounds_come_in_another_order_then_it_is_the_same(values, random):
    bounds = [(value, value, value) for value in values]
    shuffled = random.sample(bounds, len(bounds))

    assert interval(bounds, "x") == interval(shuffled, "x")


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=rules.ENOUGH_ROUNDS - 1))
def test_interval_when_rounds_are_few_then_it_contains_all_of_them_widened(values):
    estimate = interval([(value, value, value) for value in values], "x")

    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.low < min(values)
    assert estimate.high > max(values)


@given(st.lists(st.floats(0.5, 2), min_size=1, max_size=rules.ENOUGH_ROUNDS - 2), st.booleans())
def test_interval_when_one_more_round_is_as_those_before_then_it_does_not_grow(values, is_control):
    """The fewer rounds, the more they are widened."""
    fewer, more = ([(value, value, value) for value in [*values, *values[:n]]] for n in (0, 1))

    narrow, wide = interval(more, "x", is_control=is_control), interval(fewer, "x", is_control=is_control)

    assert wide.low <= narrow.low <= narrow.high <= wide.high


@given(st.lists(st.tuples(st.integers(1, 10**7), st.integers(0, 10**7)), min_size=1, max_size=20))
def test_speedup_when_one_thread_is_kept_off_then_only_its_own_time_counts(turns):
    """What neighbours took of a single thread is known to the nanosecond: it may not widen the bounds."""
    undisturbed = [speedup_of(arm(busy), arm(busy, n_threads=2), 2) for busy, _ in turns]
    disturbed = [
        speedup_of(arm(busy + off, cpu_ns=busy, delay_ns=off), arm(busy, n_threads=2), 2) for busy, off in turns
    ]

    assert [(low, high) for low, _, high in undisturbed] == [(low, high) for low, _, high in disturbed]


def test_interval_when_five_rounds_were_undisturbed_then_the_others_do_not_widen_it():
    disturbed = [(0.4, 0.9, 2.0)] * 15

    estimate = interval([*disturbed, *[(1.9, 1.92, 1.95)] * rules.ENOUGH_UNDISTURBED_ROUNDS], "x")

    assert 1.9 / 1.2 < estimate.low < 1.9
    assert interval(
        [*disturbed, *[(1.9, 1.92, 1.95)] * (rules.ENOUGH_UNDISTURBED_ROUNDS - 1)], "x"
    ).low == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("n_undisturbed", "n_disturbed", "are_taken_alone"), [(3, 3, True), (3, 4, False), (2, 2, False)]
)
def test_interval_when_half_of_few_rounds_were_undisturbed_then_three_are_enough(
    n_undisturbed, n_disturbed, are_taken_alone
):
    bounds = [*[(1.9, 1.92, 1.95)] * n_undisturbed, *[(0.4, 0.9, 2.0)] * n_disturbed]

    assert (interval(bounds, "x").low > 1.25) is are_taken_alone


def test_speedup_when_the_delay_that_was_read_is_as_long_as_the_arm_then_its_processor_time_bounds_it():
    """Beside busy processes one round gave 8.7e-07, and a call that overlaps was serialised by it."""
    serial = arm(4 * MS, delay_ns=4 * MS)

    low, measured, high = speedup_of(serial, arm(2 * MS, n_threads=2, cpu_ns=4 * MS), 2.0)

    assert low <= measured <= high
    assert low > 1.5
