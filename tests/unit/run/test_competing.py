"""Competing threads and their outcomes, deadlines, and the interval and signals that checks share."""

import _thread
import faulthandler
import functools
import signal
import sys
import threading

import pytest

from pytest_gilcheck import _native
from pytest_gilcheck.evidence import DeadlineExceeded
from pytest_gilcheck.run import competing as competing_module
from pytest_gilcheck.run.background import background_thread
from pytest_gilcheck.run.competing import CompetingThreads, ThreadFailed, _Worker, start_barrier
from pytest_gilcheck.run.deadline import Deadline, armed
from pytest_gilcheck.run.switch_interval import switch_interval

LONG = Deadline(600.0)


@pytest.fixture
def short(tmp_path):
    """A deadline of a moment, whose stacks are written to a file."""
    with open(tmp_path / "stacks", "w+b") as file:
        yield Deadline(0.05, "f", stderr_fd=file.fileno())


def fail():
    """Raise."""
    raise KeyError("mine")


def test_run_when_jobs_return_or_raise_then_each_has_its_own_thread_and_outcome():
    """Failures are kept, not raised."""
    with CompetingThreads(3) as competing:
        first, second, third = competing.run([_thread.get_ident, fail, _thread.get_ident], LONG)

        assert {first, third} < set(competing.idents) and first != third
        assert isinstance(second, ThreadFailed)
        assert (second.index, type(second.error)) == (1, KeyError)


def test_threads_when_a_job_makes_them_known_to_threading_then_they_are_gone_in_the_end():
    """`logging` does that with each line, and leak checkers of tests count such threads."""
    before = set(threading.enumerate())

    with CompetingThreads(2) as competing:
        known = competing.run([threading.current_thread] * 2, LONG)
        competing.run(
            [lambda: competing.own(0).update(kept=1), lambda: competing.own(1).update(kept=1)], LONG
        )  # so that their end is waited for

    assert {thread.ident for thread in known} == set(competing.idents)
    assert set(threading.enumerate()) == before


def test_solo_when_the_job_raises_then_it_raises_the_same_with_its_traceback():
    """The traceback contains the line that raised."""
    with CompetingThreads(1) as competing, pytest.raises(KeyError, match="mine") as raised:
        competing.solo(fail, LONG)
    assert raised.traceback[-1].name == "fail"


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_solo_when_the_job_ends_the_program_then_that_is_raised_too(error):
    """Also what is not an `Exception`."""

    def job():
        raise error

    with CompetingThreads(1) as competing, pytest.raises(error):
        competing.solo(job, LONG)


def test_solo_when_called_again_then_it_uses_the_same_thread():
    """The threads stay for as long as the block runs."""
    with CompetingThreads(2) as competing:
        assert {competing.solo(_thread.get_ident, LONG) for _ in range(50)} == {competing.idents[0]}


def test_job_when_past_its_deadline_then_it_is_abandoned_and_its_stacks_dumped(short, tmp_path):
    """The threads cannot be used any more."""
    event = threading.Event()

    with CompetingThreads(2) as competing:

        def job():
            competing.calls.begin(0)
            event.wait()

        with pytest.raises(DeadlineExceeded, match=r"f did not return within 0\.05 s in thread 0.*isolate=True"):
            competing.solo(job, short)
        with pytest.raises(RuntimeError, match="one is lost"):
            competing.solo(fail, LONG)
    event.set()
    assert b"in wait" in (tmp_path / "stacks").read_bytes()


def test_job_when_no_call_has_begun_then_no_deadline_passes(short):
    """Set-up, an oracle and hypothesis' own work take what time they take: the deadline is that of a call."""
    with CompetingThreads(1) as competing:
        assert competing.solo(lambda: threading.Event().wait(short.seconds * 4), short) is False


def test_run_when_there_are_more_jobs_than_threads_then_it_refuses():
    """No job is run."""
    with CompetingThreads(1) as competing, pytest.raises(RuntimeError, match="2 jobs for 1 threads"):
        competing.run([fail, fail], LONG)


def test_threads_when_there_are_no_more_to_be_had_then_those_made_before_end(monkeypatch):
    """They would wait for a job until the process ends."""
    start, idents = competing_module._start_thread, []

    def start_two(function, args):
        if len(idents) == 2:
            raise RuntimeError("can't start new thread")
        idents.append(start(function, args))

    monkeypatch.setattr(competing_module, "_start_thread", start_two)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        CompetingThreads(3)

    deadline = threading.Event()
    while competing_module._idents & set(idents):
        deadline.wait(0.01)


def test_start_barrier_when_threads_arrive_then_none_goes_on_before_the_last():
    """Each thread waits for all others."""
    arrived = []
    begin = start_barrier(4)

    def job(index):
        arrived.append(index)
        begin(index)
        return len(arrived)

    with CompetingThreads(4) as competing:
        assert competing.run([functools.partial(job, index) for index in range(4)], LONG) == [4] * 4


def test_switch_interval_when_blocks_overlap_then_the_last_to_end_restores_it():
    """Two blocks that begin one after the other, and end in the same order."""
    before = sys.getswitchinterval()
    first, second = switch_interval(10.0), switch_interval(2.0)

    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert sys.getswitchinterval() == 2.0
    second.__exit__(None, None, None)

    assert sys.getswitchinterval() == before


def test_background_thread_when_interrupted_before_it_has_work_then_it_ends_all_the_same(monkeypatch):
    """Ctrl-C waited a minute for the end of work that had not begun."""
    gone, wait_until_gone = [], _Worker.wait_until_gone

    def interrupted(_worker, _job):
        raise KeyboardInterrupt

    monkeypatch.setattr(_Worker, "begin", interrupted)
    monkeypatch.setattr(_Worker, "wait_until_gone", lambda worker, _seconds: gone.append(wait_until_gone(worker, 10)))
    with pytest.raises(KeyboardInterrupt), background_thread([]):
        pass
    assert gone == [True]


def test_background_thread_when_the_block_raises_then_the_interval_is_restored():
    """Whatever happens beside it."""
    before = sys.getswitchinterval()

    with pytest.raises(KeyError), background_thread([]):
        fail()

    assert sys.getswitchinterval() == before


def test_background_thread_when_ended_before_the_block_then_the_interval_is_restored_at_once():
    """Beside a busy thread that nobody has noticed each take of the GIL would cost half a second until the end of the block."""
    before, runs = sys.getswitchinterval(), []

    with background_thread(runs) as end_background:
        assert sys.getswitchinterval() > before
        end_background()
        assert sys.getswitchinterval() == before
        with switch_interval(0.25):
            end_background()  # again: it is an end all the same
            assert sys.getswitchinterval() == 0.25

    assert sys.getswitchinterval() == before


def test_deadlines_when_nested_then_they_share_their_signal_until_the_last_ends(tmp_path):
    """The end of an inner check must not remove the outer check's handler."""
    with open(tmp_path / "stacks", "w+b") as file:
        deadline = Deadline(600.0, stderr_fd=file.fileno())
        clock = _native.CallClock(1)
        with armed(deadline, clock, (1,)):
            with armed(deadline, clock, (2,)):
                pass
            number = next(n for n in range(signal.SIGRTMAX, signal.SIGRTMIN, -1) if faulthandler.unregister(n))
            faulthandler.register(number, file=file.fileno(), all_threads=True, chain=False)
            signal.raise_signal(number)
        assert not faulthandler.unregister(number)
    assert b"test_deadlines_when_nested" in (tmp_path / "stacks").read_bytes()


@pytest.mark.parametrize("kind", ["trace", "profile"])
def test_threads_when_threading_has_a_trace_function_then_they_use_it(kind):
    """Coverage measurement sees code that runs only in a check; without it nothing is set."""
    names = []

    def watch(frame, event, arg):
        names.append(frame.f_code.co_name)

    def called_here():
        return getattr(sys, f"get{kind}")()

    before = getattr(threading, f"get{kind}")()
    getattr(threading, f"set{kind}")(watch)
    try:
        with CompetingThreads(1) as competing:
            assert competing.solo(called_here, LONG) is watch
    finally:
        getattr(threading, f"set{kind}")(before)
    assert "called_here" in names
    if before is None:
        with CompetingThreads(1) as competing:
            assert competing.solo(called_here, LONG) is None


def test_meanwhile_when_the_job_is_long_then_it_is_called_once():
    calls = []
    goes_on = threading.Event()

    def meanwhile():
        calls.append("long")
        goes_on.set()

    with CompetingThreads(2) as competing:
        assert competing.solo(goes_on.wait, LONG, meanwhile=meanwhile) is True

    assert calls == ["long"]


def test_meanwhile_when_the_jobs_have_ended_then_it_is_not_called():
    def meanwhile():
        raise AssertionError("called after the jobs had ended")

    with CompetingThreads(2) as competing:
        assert competing.run([lambda: 1, lambda: 2], LONG, meanwhile=meanwhile) == [1, 2]


def test_interrupt_when_a_job_has_begun_and_its_thread_sleeps_then_it_is_raised():
    with pytest.raises(KeyboardInterrupt), CompetingThreads(1) as competing:
        (worker,) = competing._workers
        asleep, worker._wake = worker._wake, _thread.allocate_lock()  # a job has begun, and no thread has taken it
        raise KeyboardInterrupt

    asleep.release()
    assert worker.wait_until_gone(60)
