"""Status events of a check: which ones, and never while a call is timed."""

import contextlib
import threading

import pytest
from hypothesis import strategies as st

from pytest_gilcheck import agrees, check, specimens
from pytest_gilcheck.status import events
from pytest_gilcheck.status.callback import STATUS_DISPLAY
from pytest_gilcheck.status.events import StatusEvent


class Watcher:
    """Keeps the status events, and how often the display was opened and closed."""

    def __init__(self):
        self.events, self.threads, self.n_opened, self.n_closed = [], set(), 0, 0

    @contextlib.contextmanager
    def opened(self):
        self.n_opened += 1
        try:
            yield self.show
        finally:
            self.n_closed += 1

    def show(self, event):
        self.events.append(event)
        self.threads.add(threading.get_ident())

    def stages(self):
        return list(dict.fromkeys(event.stage for event in self.events))


@pytest.fixture
def watcher():
    watcher = Watcher()
    token = STATUS_DISPLAY.set(watcher.opened)
    yield watcher
    STATUS_DISPLAY.reset(token)
    assert watcher.n_opened == watcher.n_closed


def test_status_when_a_call_is_checked_then_every_stage_is_reported_in_order(watcher):
    check.options(threads=2, budget="20ms")(specimens.holds, 2_000_000)

    expected = [
        events.FIRST_CALL,
        events.SINGLE_CALLS,
        events.BESIDE_WAITER,
        events.LINES,
        events.COMPETING,
        events.BESIDE_BACKGROUND,
    ]
    # With one usable core, or a verdict that this machine cannot decide, stages are left out; none comes early.
    assert [what for what in expected if what in watcher.stages()] == watcher.stages()
    assert watcher.stages()[:3] == expected[:3]
    assert watcher.threads == {threading.get_ident()}
    assert watcher.n_opened == 1


def test_status_when_a_call_is_made_then_nothing_is_reported_during_it(watcher):
    n_inside = 0
    lock = threading.Lock()
    n_inside_at_events = []

    def called():
        nonlocal n_inside
        with lock:
            n_inside += 1
        specimens.holds(200_000)
        with lock:
            n_inside -= 1

    show, watcher.show = watcher.show, lambda event: (n_inside_at_events.append(n_inside), show(event))
    check.options(threads=2, budget="50ms")(called)

    assert len(n_inside_at_events) > 3
    assert set(n_inside_at_events) == {0}


def test_status_when_there_is_no_callback_then_no_event_is_made(monkeypatch):
    def make(*_args, **_figures):
        raise AssertionError("an event was made for nobody")

    monkeypatch.setattr("pytest_gilcheck.checker.stages.StatusEvent", make)
    monkeypatch.setattr("pytest_gilcheck.agree.agreement.StatusEvent", make)

    assert check.options(budget="20ms")(specimens.holds, 2_000_000).gil in ("held", "inconclusive")
    assert agrees(len, len, ("abc",)).word == "agree"


def test_status_when_the_call_raises_then_the_display_is_closed(watcher):
    with pytest.raises(ZeroDivisionError):
        check(lambda: 1 / 0)

    assert (watcher.n_opened, watcher.n_closed) == (1, 1)


def test_status_when_examples_are_compared_then_they_are_counted(watcher):
    agrees(len, len, st.integers(0, 99).map(lambda n: ("x" * n,)), examples=9)

    assert watcher.events == [StatusEvent(events.EXAMPLES, n, 9) for n in range(len(watcher.events))]
    assert 0 < len(watcher.events) <= 9
