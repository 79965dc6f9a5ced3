"""Threads that keep every outcome; deadlines; the interval and the signals that checks share."""

import _thread
import faulthandler
import functools
import signal
import sys
import threading

import pytest

from pytest_gilcheck.evidence import DeadlineExceeded
from pytest_gilcheck.run.background import SWITCH_INTERVAL, _without_drop_requests, background_thread
from pytest_gilcheck.run.competing import CompetingThreads, ThreadFailed, start_barrier
from pytest_gilcheck.run.deadline import Deadline, armed

LONG = Deadline(600.0)


@pytest.fixture
def quiet(tmp_path):
    """A deadline of a moment, whose stacks go to a file."""
    with open(tmp_path / "stacks", "w+b") as file:
        yield Deadline(0.05, "f", stderr_fd=file.fileno())


def fail():
    """Raises."""
    raise KeyError("mine")


def test_each_job_has_its_own_thread_and_outcome():
    """Failures are kept, not raised."""
    with CompetingThreads(3) as competing:
        first, second, third = competing.run([_thread.get_ident, fail, _thread.get_ident], LONG)

        assert {first, third} < set(competing.idents) and first != third
        assert isinstance(second, ThreadFailed)
        assert (second.index, type(second.error)) == (1, KeyError)


def test_threads_that_a_job_made_known_to_threading_are_gone_with_the_crew():
    """`logging` does it with each line; leak checkers of tests count them."""
    before = set(threading.enumerate())

    with CompetingThreads(2) as competing:
        seen = competing.run([threading.current_thread] * 2, LONG)
        competing.run(
            [lambda: competing.own(0).update(kept=1), lambda: competing.own(1).update(kept=1)], LONG
        )  # is waited for

    assert {thread.ident for thread in seen} == set(competing.idents)
    assert set(threading.enumerate()) == before


def test_solo_raises_what_the_job_raises_with_its_traceback():
    """The line that raised is in it."""
    with CompetingThreads(1) as competing, pytest.raises(KeyError, match="mine") as raised:
        competing.solo(fail, LONG)
    assert raised.traceback[-1].name == "fail"


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_no_outcome_is_swallowed(error):
    """Not those that are no `Exception`, either."""

    def job():
        raise error

    with CompetingThreads(1) as competing, pytest.raises(error):
        competing.solo(job, LONG)


def test_a_crew_can_be_used_again_and_again():
    """Its threads stay."""
    with CompetingThreads(2) as competing:
        assert {competing.solo(_thread.get_ident, LONG) for _ in range(50)} == {competing.idents[0]}


def test_a_job_past_its_deadline_is_abandoned_and_its_stacks_dumped(quiet, tmp_path):
    """And the crew is of no use any more."""
    gate = threading.Event()
    with CompetingThreads(2) as competing:
        with pytest.raises(DeadlineExceeded, match=r"f did not return within 0\.05 s in thread 0.*isolate=True"):
            competing.solo(gate.wait, quiet)
        with pytest.raises(RuntimeError, match="one is lost"):
            competing.solo(fail, LONG)
    gate.set()
    assert b"in wait" in (tmp_path / "stacks").read_bytes()


def test_more_jobs_than_threads_are_refused():
    """Nothing is run."""
    with CompetingThreads(1) as competing, pytest.raises(RuntimeError, match="2 jobs for 1 threads"):
        competing.run([fail, fail], LONG)


def test_barrier_lets_nobody_through_before_the_last():
    """Each thread meets all others."""
    arrived = []
    meet = start_barrier(4)

    def job(index):
        arrived.append(index)
        meet(index)
        return len(arrived)

    with CompetingThreads(4) as competing:
        assert competing.run([functools.partial(job, index) for index in range(4)], LONG) == [4] * 4


def test_switch_interval_is_put_back_whoever_ends_first():
    """Two rivals that begin one after the other and end in the same order."""
    before = sys.getswitchinterval()
    first, second = _without_drop_requests(), _without_drop_requests()

    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert sys.getswitchinterval() == SWITCH_INTERVAL
    second.__exit__(None, None, None)

    assert sys.getswitchinterval() == before


def test_rival_puts_the_interval_back_where_the_block_raises():
    """Whatever happens beside it."""
    before = sys.getswitchinterval()

    with pytest.raises(KeyError), background_thread([]):
        fail()

    assert sys.getswitchinterval() == before


def test_nested_deadlines_share_their_signal_until_the_last_has_ended(tmp_path):
    """An inner check that ends must not take the outer one's handler away."""
    with open(tmp_path / "stacks", "w+b") as file:
        deadline = Deadline(600.0, stderr_fd=file.fileno())
        with armed(deadline, (1,)):
            with armed(deadline, (2,)):
                pass
            number = next(n for n in range(signal.SIGRTMAX, signal.SIGRTMIN, -1) if faulthandler.unregister(n))
            faulthandler.register(number, file=file.fileno(), all_threads=True, chain=False)
            signal.raise_signal(number)
        assert not faulthandler.unregister(number)
    assert b"test_nested_deadlines" in (tmp_path / "stacks").read_bytes()


@pytest.mark.parametrize("kind", ["trace", "profile"])
def test_threads_are_watched_as_those_of_threading_are(kind):
    """Coverage measurement sees what is called in a check only; without it nothing is set."""
    seen = []

    def watch(frame, event, arg):
        seen.append(frame.f_code.co_name)

    def called_here():
        return getattr(sys, f"get{kind}")()

    before = getattr(threading, f"get{kind}")()
    getattr(threading, f"set{kind}")(watch)
    try:
        with CompetingThreads(1) as competing:
            assert competing.solo(called_here, LONG) is watch
    finally:
        getattr(threading, f"set{kind}")(before)
    assert "called_here" in seen
    if before is None:
        with CompetingThreads(1) as competing:
            assert competing.solo(called_here, LONG) is None


def test_a_long_job_is_told_of_once_while_it_runs():
    told = []
    goes_on = threading.Event()

    def meanwhile():
        told.append("long")
        goes_on.set()

    with CompetingThreads(2) as competing:
        assert competing.solo(goes_on.wait, LONG, meanwhile=meanwhile) is True

    assert told == ["long"]


def test_a_job_that_has_ended_is_not_told_of():
    def meanwhile():
        raise AssertionError("told of a job that had ended")

    with CompetingThreads(2) as competing:
        assert competing.run([lambda: 1, lambda: 2], LONG, meanwhile=meanwhile) == [1, 2]


def test_an_interrupt_between_a_job_s_beginning_and_its_thread_s_waking_comes_through():
    with pytest.raises(KeyboardInterrupt), CompetingThreads(1) as competing:
        (worker,) = competing._workers
        asleep, worker._wake = worker._wake, _thread.allocate_lock()  # begun, and nobody has taken it
        raise KeyboardInterrupt

    asleep.release()
    assert worker.wait_until_gone(60)
