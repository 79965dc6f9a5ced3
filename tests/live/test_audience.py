"""What measuring tells, and when: never while a call is timed."""

import contextlib
import threading

import pytest
from hypothesis import strategies as st

from pytest_gilcheck import agrees, check, specimens
from pytest_gilcheck.status import events
from pytest_gilcheck.status.callback import STATUS_DISPLAY
from pytest_gilcheck.status.events import StatusEvent


class Watcher:
    """Keeps what it is told, and how often it was opened and closed."""

    def __init__(self):
        self.steps, self.threads, self.n_opened, self.n_closed = [], set(), 0, 0

    @contextlib.contextmanager
    def opened(self):
        self.n_opened += 1
        try:
            yield self.tell
        finally:
            self.n_closed += 1

    def tell(self, reached):
        self.steps.append(reached)
        self.threads.add(threading.get_ident())

    def seen(self):
        return list(dict.fromkeys(reached.stage for reached in self.steps))


@pytest.fixture
def watcher():
    watcher = Watcher()
    token = STATUS_DISPLAY.set(watcher.opened)
    yield watcher
    STATUS_DISPLAY.reset(token)
    assert watcher.n_opened == watcher.n_closed


def test_every_stage_is_told_in_order_by_the_thread_that_asked(watcher):
    check.options(threads=2, budget="20ms")(specimens.holds, 2_000_000)

    expected = [
        events.FIRST_CALL,
        events.SINGLE_CALLS,
        events.BESIDE_WAITER,
        events.COMPETING,
        events.BESIDE_BACKGROUND,
        events.LINES,
    ]
    # One usable core, or a verdict that this machine cannot decide, leaves stages out; none comes early.
    assert [what for what in expected if what in watcher.seen()] == watcher.seen()
    assert watcher.seen()[:3] == expected[:3]
    assert watcher.threads == {threading.get_ident()}
    assert watcher.n_opened == 1


def test_nothing_is_told_while_a_call_is_made(watcher):
    n_inside = 0
    lock = threading.Lock()
    told_inside = []

    def called():
        nonlocal n_inside
        with lock:
            n_inside += 1
        specimens.holds(200_000)
        with lock:
            n_inside -= 1

    tell, watcher.tell = watcher.tell, lambda reached: (told_inside.append(n_inside), tell(reached))
    check.options(threads=2, budget="50ms")(called)

    assert len(told_inside) > 3
    assert set(told_inside) == {0}


def test_where_nobody_listens_nothing_is_made(monkeypatch):
    def made(*_args, **_figures):
        raise AssertionError("a step was made for nobody")

    monkeypatch.setattr("pytest_gilcheck.checker.measure.StatusEvent", made)
    monkeypatch.setattr("pytest_gilcheck.agree.agreement.StatusEvent", made)

    assert check.options(budget="20ms")(specimens.holds, 2_000_000).gil in ("held", "inconclusive")
    assert agrees(len, len, ("abc",)).word == "agree"


def test_a_check_within_a_call_is_not_shown_beside_it(watcher):
    def called():
        check.options(overlap=False)(specimens.holds, 10_000)

    check.options(overlap=False, budget="20ms")(called)

    assert watcher.n_opened == 1
    assert watcher.threads == {threading.get_ident()}


def test_it_is_closed_where_the_call_raises(watcher):
    with pytest.raises(ZeroDivisionError):
        check(lambda: 1 / 0)

    assert (watcher.n_opened, watcher.n_closed) == (1, 1)


def test_examples_are_counted(watcher):
    agrees(len, len, st.integers(0, 99).map(lambda n: ("x" * n,)), examples=9)

    assert watcher.steps == [StatusEvent(events.EXAMPLES, n, 9) for n in range(len(watcher.steps))]
    assert 0 < len(watcher.steps) <= 9
