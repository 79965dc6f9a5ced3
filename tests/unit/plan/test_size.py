"""The plan of a check, from its pilot call."""

from dataclasses import replace

import pytest
from built import MACHINE, call
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.plan import round_size, size


def plan(span_ns, **more):
    """Return the plan for a pilot of this length."""
    defaults = {"n_threads": None, "budget_ns": 1, "deadline_ns": 1, "overlap": True, "seed": 0, "machine": MACHINE}
    values = defaults | more
    return size(call(span_ns), values.pop("machine"), **values)


@given(st.integers(0, 10**13))
def test_plan_when_the_pilot_has_any_length_then_it_can_be_run(span_ns):
    """Looks grow, and budgets and pauses are positive."""
    planned = plan(span_ns)

    assert list(planned.looks) == sorted(set(planned.looks)) and planned.looks[0] >= 1
    assert planned.solo_budget_ns >= min(span_ns, 10**9)
    assert 20_000 <= planned.waiter_gap_ns <= 1_000_000
    assert 0 <= planned.n_waiter_calls <= 1000


@given(st.integers(0, 10**11), st.integers(0, 10**11))
def test_plan_when_a_call_is_shorter_then_it_is_made_no_less_often(one, other):
    """An interrupt weighs more in a shorter call."""
    shorter, longer = plan(min(one, other)), plan(max(one, other))

    assert shorter.looks[0] >= longer.looks[0]
    assert shorter.n_waiter_calls >= longer.n_waiter_calls


@pytest.mark.parametrize(
    ("span_ns", "first"), [(9_999_999, 7), (10_000_000, 1), (10**12, 1), (1_000_000, 7), (999_999, 21), (99_999, 101)]
)
def test_first_look_when_calls_last_ten_milliseconds_then_it_is_one_call(span_ns, first):
    """On both sides of each border."""
    assert plan(span_ns).looks[0] == first


@pytest.mark.parametrize(
    ("n_cpus", "asked", "n_threads"), [(1, None, 2), (2, None, 2), (3, None, 3), (64, None, 4), (1, 7, 7), (64, 1, 1)]
)
def test_threads_when_no_number_is_set_then_it_follows_the_cores(n_cpus, asked, n_threads):
    """From two to four."""
    assert plan(1, n_threads=asked, machine=replace(MACHINE, n_cpus=n_cpus)).n_threads == n_threads


def test_waiter_calls_when_the_call_is_very_long_then_there_are_none():
    """A call of more than five seconds is not made once more only for its waits."""
    assert plan(5_000_000_000).n_waiter_calls == 1
    assert plan(5_000_000_001).n_waiter_calls == 0


@given(st.integers(0, 10**12), st.integers(1, 64), st.integers(0, 10**12))
def test_round_size_when_a_round_does_not_fit_its_budget_then_it_is_none(span_ns, n_threads, budget_ns):
    """Even where calls overlap as well as they can."""
    round_ = round_size(span_ns, n_threads, MACHINE, budget_ns)

    assert round_ is None or (round_.n_calls >= 1 and round_.n_control_calls >= 1 and round_.control_ns >= 1)
    assert round_ is None or round_.n_calls * max(1, span_ns) * round_.n_threads <= budget_ns


@pytest.mark.parametrize(
    ("held_share", "budget_ns", "n_calls"),
    [
        (0.5, 250_000_000, 2),
        (0.5, 150_000_000, 1),  # three rounds of two calls do not fit
        (0.05, 250_000_000, 1),
        (0.95, 250_000_000, 1),
        (None, 250_000_000, 1),
    ],
)
def test_round_size_when_a_call_holds_in_part_then_each_thread_makes_two_if_the_budget_allows(
    held_share, budget_ns, n_calls
):
    """Of one call each, the second thread only waits while the first one holds."""
    assert round_size(10_000_000, 2, MACHINE, budget_ns, held_share).n_calls == n_calls
