"""Which events are shown, and how they are worded."""

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


def test_short_work_shows_nothing_however_many_events_it_reports():
    """New stages do not change that."""
    clock = Clock()
    throttle = Throttle(clock)

    for clock.now_ns in range(0, SHOWN_EVERY_NS, SHOWN_EVERY_NS // 100):
        assert not throttle.is_due(StatusEvent("a")) and not throttle.is_due(StatusEvent("b"))


def test_longer_work_shows_one_event_each_half_second_and_each_new_stage():
    """A new stage starts the half second anew."""
    clock = Clock()
    throttle = Throttle(clock)
    shown = []
    for clock.now_ns in range(0, 4 * SHOWN_EVERY_NS, SHOWN_EVERY_NS // 10):
        event = StatusEvent("a" if clock.now_ns < 2.5 * SHOWN_EVERY_NS else "b")
        if throttle.is_due(event):
            shown.append((clock.now_ns / SHOWN_EVERY_NS, event.stage))

    assert shown == [(1, "a"), (2, "a"), (2.5, "b"), (3.5, "b")]


@pytest.mark.parametrize(
    ("event", "counted", "text"),
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
def test_text_of_an_event_has_its_progress_in_brackets(event, counted, text):
    """A percentage, or with `counted` the numbers, where they are known."""
    assert event_text(event, counted=counted) == text


@given(st.integers(0, 1000), MAYBE, st.integers(0, 1000), MAYBE)
def test_done_share_is_that_of_the_nearer_bound_and_at_most_one(n_done, n_all, spent_ns, budget_ns):
    """Whichever of items and time is further along ends the stage."""
    share = StatusEvent("calls", n_done, n_all, spent_ns, budget_ns).done_share

    assert (share is None) == (not n_all and not budget_ns)
    assert share is None or 0 <= share <= 1
    for done, whole in ((n_done, n_all), (spent_ns, budget_ns)):
        assert not whole or share >= min(1, done / whole)
