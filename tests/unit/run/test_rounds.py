"""Rounds that end early, and what that leaves behind."""

import sys

import pytest

from pytest_gilcheck.evidence import RoundSize
from pytest_gilcheck.run import Call, CompetingThreads, Deadline, OutOfTime, Rounds

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup

LONG = Deadline(600.0)
SIZE = RoundSize(
    n_calls=2, n_control_calls=1, control_ns=1_000, n_threads=2, n_on_cores=2, n_stamp_calls=1, n_together_calls=2
)
#: The call that warms each thread up.
N_WARM = 2


@pytest.fixture
def competing():
    with CompetingThreads(2) as threads:
        yield threads


@pytest.mark.parametrize("is_short", [False, True], ids=["with controls", "without"])
def test_round_when_the_time_is_over_then_it_ends_before_its_next_phase(competing, is_short):
    """The phase that runs is the last one; the threads are there for what follows."""
    calls = []
    rounds = Rounds(competing, Call(lambda: calls.append(1)), SIZE, 0, is_over=lambda: len(calls) >= N_WARM + 1)

    with pytest.raises(OutOfTime):
        rounds.next_short(LONG, with_serial=True) if is_short else rounds.next(LONG)

    n_in_a_phase = SIZE.n_calls * SIZE.n_threads
    assert N_WARM <= len(calls) <= N_WARM + n_in_a_phase
    assert competing.run([lambda: 1, lambda: 2], LONG) == [1, 2]


def test_round_when_the_time_was_over_before_then_no_call_is_made(competing):
    """Not even one that warms up."""
    calls = []
    rounds = Rounds(competing, Call(lambda: calls.append(1)), SIZE, 0, is_over=lambda: True)

    with pytest.raises(OutOfTime):
        rounds.next(LONG)

    assert calls == []


def test_round_when_the_call_raises_as_the_time_is_over_then_its_exception_counts(competing):
    """Another thread may find the time over while one raises."""
    raised = []

    def fails():
        raised.append(1)
        raise KeyError("mine")

    rounds = Rounds(competing, Call(fails), SIZE, 0, is_over=lambda: bool(raised))

    with pytest.raises((KeyError, ExceptionGroup)):
        rounds.next(LONG)


def test_round_when_there_is_time_then_it_has_all_of_its_calls(competing):
    """Each thread alone, and both together."""
    calls = []
    rounds = Rounds(competing, Call(lambda: calls.append(1)), SIZE, 0)

    made = rounds.next(LONG)

    assert len(calls) == N_WARM + 2 * SIZE.n_calls * SIZE.n_threads
    assert made.n_threads == SIZE.n_threads
