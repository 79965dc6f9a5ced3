"""When a step is shown, and how it is worded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.status.display import SHOWN_EVERY_NS, Throttle, event_text
from pytest_gilcheck.status.events import StatusEvent

MAYBE = st.none() | st.integers(0, 1000)


class Clock:
    now_ns = 0

    def __call__(self):
        return self.now_ns


def test_short_work_shows_nothing_however_often_it_tells():
    clock = Clock()
    patience = Throttle(clock)

    for clock.now_ns in range(0, SHOWN_EVERY_NS, SHOWN_EVERY_NS // 100):
        assert not patience.wants(StatusEvent("a")) and not patience.wants(StatusEvent("b"))


def test_then_one_step_each_half_second_and_the_first_of_each_kind():
    clock = Clock()
    patience = Throttle(clock)
    shown = []
    for clock.now_ns in range(0, 4 * SHOWN_EVERY_NS, SHOWN_EVERY_NS // 10):
        step = StatusEvent("a" if clock.now_ns < 2.5 * SHOWN_EVERY_NS else "b")
        if patience.wants(step):
            shown.append((clock.now_ns / SHOWN_EVERY_NS, step.doing))

    assert shown == [(1, "a"), (2, "a"), (2.5, "b"), (3.5, "b")]


@pytest.mark.parametrize(
    ("step", "counted", "text"),
    [
        (StatusEvent("calls"), False, "calls"),
        (StatusEvent("calls"), True, "calls"),
        (StatusEvent("calls", 3, 40), False, "calls [  7%]"),
        (StatusEvent("calls", 3, 40), True, "calls [ 3/40]"),
        (StatusEvent("calls", 999, 1000), False, "calls [ 99%]"),
        (StatusEvent("calls", 3, 40, spent_ns=10, budget_ns=20), False, "calls [ 50%]"),
        (StatusEvent("calls", spent_ns=10, budget_ns=20), True, "calls [ 50%]"),
        (StatusEvent("calls", 41, 40), False, "calls [100%]"),
    ],
)
def test_how_far_it_is_stands_in_brackets(step, counted, text):
    assert event_text(step, counted=counted) == text


@given(st.integers(0, 1000), MAYBE, st.integers(0, 1000), MAYBE)
def test_whatever_bounds_it_is_told_and_never_more_than_all(n_done, n_all, spent_ns, budget_ns):
    share = StatusEvent("calls", n_done, n_all, spent_ns, budget_ns).done_share

    assert (share is None) == (not n_all and not budget_ns)
    assert share is None or 0 <= share <= 1
    for done, whole in ((n_done, n_all), (spent_ns, budget_ns)):
        assert not whole or share >= min(1, done / whole)
