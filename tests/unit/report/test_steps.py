"""When a step is shown, and how it is worded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import Step
from pytest_gilcheck.report.steps import PATIENCE_NS, Patience, step_text

MAYBE = st.none() | st.integers(0, 1000)


class Clock:
    now_ns = 0

    def __call__(self):
        return self.now_ns


def test_short_work_shows_nothing_however_often_it_tells():
    clock = Clock()
    patience = Patience(clock)

    for clock.now_ns in range(0, PATIENCE_NS, PATIENCE_NS // 100):
        assert not patience.wants(Step("a")) and not patience.wants(Step("b"))


def test_then_one_step_each_half_second_and_the_first_of_each_kind():
    clock = Clock()
    patience = Patience(clock)
    shown = []
    for clock.now_ns in range(0, 4 * PATIENCE_NS, PATIENCE_NS // 10):
        step = Step("a" if clock.now_ns < 2.5 * PATIENCE_NS else "b")
        if patience.wants(step):
            shown.append((clock.now_ns / PATIENCE_NS, step.doing))

    assert shown == [(1, "a"), (2, "a"), (2.5, "b"), (3.5, "b")]


@pytest.mark.parametrize(
    ("step", "counted", "text"),
    [
        (Step("calls"), False, "calls"),
        (Step("calls"), True, "calls"),
        (Step("calls", 3, 40), False, "calls [  7%]"),
        (Step("calls", 3, 40), True, "calls [ 3/40]"),
        (Step("calls", 999, 1000), False, "calls [ 99%]"),
        (Step("calls", 3, 40, spent_ns=10, budget_ns=20), False, "calls [ 50%]"),
        (Step("calls", spent_ns=10, budget_ns=20), True, "calls [ 50%]"),
        (Step("calls", 41, 40), False, "calls [100%]"),
    ],
)
def test_how_far_it_is_stands_in_brackets(step, counted, text):
    assert step_text(step, counted=counted) == text


@given(st.integers(0, 1000), MAYBE, st.integers(0, 1000), MAYBE)
def test_whatever_bounds_it_is_told_and_never_more_than_all(n_done, n_all, spent_ns, budget_ns):
    share = Step("calls", n_done, n_all, spent_ns, budget_ns).done_share

    assert (share is None) == (not n_all and not budget_ns)
    assert share is None or 0 <= share <= 1
    for done, whole in ((n_done, n_all), (spent_ns, budget_ns)):
        assert not whole or share >= min(1, done / whole)
