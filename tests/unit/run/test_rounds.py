"""Rounds that end early, and what that leaves behind."""

import pytest

from pytest_gilcheck import _native
from pytest_gilcheck.evidence import RoundSize
from pytest_gilcheck.run import Call, CompetingThreads, Deadline, OutOfTime, Rounds, ThreadFailed
from pytest_gilcheck.run.rounds import _all_returned

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


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_round_when_the_call_raises_as_the_time_is_over_then_its_exception_counts(order):
    """Another thread may find the time over while one raises; who waited for either has nothing to say."""
    failed = [ThreadFailed(0, OutOfTime()), ThreadFailed(1, KeyError("mine"))]
    outcomes = [*(failed[index] for index in order), ThreadFailed(2, _native.BarrierBroken("a thread failed"))]

    with pytest.raises(KeyError, match="mine"):
        _all_returned(outcomes)


def test_round_when_there_is_time_then_it_has_all_of_its_calls(competing):
    """Each thread alone, and both together."""
    calls = []
    rounds = Rounds(competing, Call(lambda: calls.append(1)), SIZE, 0)

    made = rounds.next(LONG)

    assert len(calls) == N_WARM + 2 * SIZE.n_calls * SIZE.n_threads
    assert made.n_threads == SIZE.n_threads
