"""From the pilot to the plan."""

from dataclasses import replace

import pytest
from built import MACHINE, call
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.plan import round_size, size


def plan(span_ns, **more):
    """The plan for a pilot of this length."""
    given_values = {"n_threads": None, "budget_ns": 1, "deadline_ns": 1, "overlap": True, "seed": 0, "machine": MACHINE}
    values = given_values | more
    return size(call(span_ns), values.pop("machine"), **values)


@given(st.integers(0, 10**13))
def test_every_plan_can_be_run(span_ns):
    """Looks grow, budgets and pauses are positive, whatever the pilot."""
    made = plan(span_ns)

    assert list(made.looks) == sorted(set(made.looks)) and made.looks[0] >= 1
    assert made.solo_budget_ns >= min(span_ns, 10**9)
    assert 20_000 <= made.waiter_gap_ns <= 1_000_000
    assert 0 <= made.n_waiter_calls <= 1000


@given(st.integers(0, 10**11), st.integers(0, 10**11))
def test_shorter_calls_are_made_no_less_often(one, other):
    """Monotone: the shorter the call, the more an interrupt weighs in one of them."""
    shorter, longer = plan(min(one, other)), plan(max(one, other))

    assert shorter.looks[0] >= longer.looks[0]
    assert shorter.n_waiter_calls >= longer.n_waiter_calls


@pytest.mark.parametrize(
    ("span_ns", "first"), [(9_999_999, 7), (10_000_000, 1), (10**12, 1), (1_000_000, 7), (999_999, 21), (99_999, 101)]
)
def test_calls_of_ten_milliseconds_need_one(span_ns, first):
    """At the borders of the looks."""
    assert plan(span_ns).looks[0] == first


@pytest.mark.parametrize(
    ("n_cpus", "asked", "n_threads"), [(1, None, 2), (2, None, 2), (3, None, 3), (64, None, 4), (1, 7, 7), (64, 1, 1)]
)
def test_threads_follow_the_cores_unless_told(n_cpus, asked, n_threads):
    """From two to four."""
    assert plan(1, n_threads=asked, machine=replace(MACHINE, n_cpus=n_cpus)).n_threads == n_threads


def test_a_very_long_call_is_not_made_once_more_for_the_waiter():
    """Only to see whom it keeps waiting."""
    assert plan(5_000_000_000).n_waiter_calls == 1
    assert plan(5_000_000_001).n_waiter_calls == 0


@given(st.integers(0, 10**12), st.integers(1, 64), st.integers(0, 10**12))
def test_a_round_fits_into_its_budget_or_is_not_run(span_ns, n_threads, budget_ns):
    """Even where the calls overlap at best."""
    made = round_size(span_ns, n_threads, MACHINE, budget_ns)

    assert made is None or (made.n_calls >= 1 and made.n_control_calls >= 1 and made.control_ns >= 1)
    assert made is None or made.n_calls * max(1, span_ns) * n_threads <= budget_ns
