"""The budget rule of a check, by a clock that stands still until a test moves it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.checker.time_limit import TimeLimit

MS = 1_000_000
LEAST_NS = 3_000 * MS
#: What all stages may take of it.
STAGES_NS = 2_700 * MS


class Clock:
    """A clock that a test moves."""

    def __init__(self):
        self.now_ns = 10_000 * MS

    def __call__(self):
        return self.now_ns

    def moves(self, ns):
        """Let time pass."""
        self.now_ns += ns


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def limit(clock):
    return TimeLimit(LEAST_NS, clock.now_ns, clock)


lengths = st.lists(st.integers(1, 10_000 * MS), min_size=1, max_size=20)


def test_left_when_time_passes_then_it_shrinks_to_nothing(limit, clock):
    """A tenth is kept for what comes after the stages."""
    assert limit.left_ns() == STAGES_NS
    clock.moves(1_000 * MS)
    assert limit.left_ns() == STAGES_NS - 1_000 * MS
    clock.moves(5_000 * MS)
    assert limit.left_ns() == 0


@pytest.mark.parametrize(
    ("calls_ms", "limit_ms"),
    [((), 5_200), ((520, 100), 3_000), ((400, 400, 410), 4_000), ((20,), 3_000)],
    ids=["one slow call", "only the first was slow", "all are long", "short"],
)
def test_limit_when_calls_are_long_then_it_is_ten_of_the_shortest(limit, calls_ms, limit_ms):
    """A first call of 0.52 s made a limit of 5.2 s, and its budgets were spent before shorter calls made 3 s of it."""
    limit.saw_first(520 * MS)
    limit.saw([ms * MS for ms in calls_ms], sum(calls_ms) * MS)

    assert limit.limit_ns == limit_ms * MS


@given(lengths)
def test_limit_when_more_calls_are_seen_then_it_never_grows(calls_ns):
    """What was left when a stage began is never promised twice."""
    clock = Clock()
    limit = TimeLimit(LEAST_NS, clock.now_ns, clock)
    limit.saw_first(calls_ns[0])
    before_ns = limit.limit_ns
    for call_ns in calls_ns:
        limit.saw([call_ns], call_ns)
        assert LEAST_NS <= limit.limit_ns <= before_ns
        before_ns = limit.limit_ns


def test_step_when_calls_wait_for_the_gil_then_the_waits_count(limit):
    """Beside a spinning thread a call of 1 ms comes with waits of two switch intervals."""
    limit.saw_first(1 * MS)
    assert limit.step_ns(4) == 4 * MS
    limit.saw([1 * MS] * 5, 5 * 11 * MS)
    assert limit.step_ns(4) == 4 * 11 * MS
    limit.saw([1 * MS], 1 * MS)  # a run that waited for nobody takes nothing back
    assert limit.step_ns(4, more_ns=7) == 4 * 11 * MS + 7


def test_step_when_the_first_call_was_cold_then_it_does_not_count(limit):
    """Once there are others: the longest of them does."""
    limit.saw_first(900 * MS)
    assert limit.step_ns(1) == 900 * MS
    limit.saw([10 * MS, 30 * MS, 20 * MS], 60 * MS)
    assert limit.step_ns(1) == 30 * MS
    assert limit.call_ns == 20 * MS


def test_fits_when_the_longest_step_does_not_then_it_is_refused(limit, clock):
    """At the border it fits, and with one nanosecond less it does not."""
    limit.saw_first(100 * MS)
    limit.saw([100 * MS], 150 * MS)
    clock.moves(STAGES_NS - 300 * MS)
    assert limit.fits(2)
    assert not limit.fits(2, more_ns=1)
    clock.moves(1)
    assert not limit.fits(2)


@given(lengths, st.integers(0, 5_000 * MS), st.integers(1, 10), st.integers(0, 1_000 * MS))
def test_fits_when_a_step_takes_no_longer_than_the_longest_so_far_then_the_check_keeps_its_limit(
    calls_ns, passed_ns, n_calls, more_ns
):
    """Whatever was seen: a step that fitted, and took as long as the longest one, ends within nine tenths of the limit."""
    clock = Clock()
    begun_ns = clock.now_ns
    limit = TimeLimit(LEAST_NS, begun_ns, clock)
    limit.saw_first(calls_ns[0])
    limit.saw(calls_ns, sum(calls_ns) + passed_ns)
    clock.moves(passed_ns)
    if limit.fits(n_calls, more_ns):
        clock.moves(n_calls * max(calls_ns) + more_ns)
        assert clock.now_ns - begun_ns <= 0.9 * limit.limit_ns + 1


def test_limit_when_somebody_asks_for_more_or_keeps_it_waiting_then_that_is_added(limit, clock):
    """A budget lengthens it, and time in which other processes measured is none of its own."""
    limit.saw_first(MS)
    limit.add_budget(1_000 * MS)
    assert limit.limit_ns == 4_000 * MS
    clock.moves(500 * MS)
    limit.leave_out(500 * MS)
    assert limit.left_ns() == 3_600 * MS


def test_stages_when_they_follow_each_other_then_each_lasts_until_the_next(limit, clock):
    """The record has what was left for each, and the last one goes on."""
    limit.saw_first(MS)
    limit.begin("first call", 0)
    clock.moves(3 * MS)
    limit.begin("places", 2 * MS)
    clock.moves(5 * MS)

    first, second = limit.stages()
    assert (first.stage, first.left_ns, first.step_ns, first.took_ns) == ("first call", STAGES_NS, 0, 3 * MS)
    assert (second.stage, second.left_ns, second.step_ns, second.took_ns) == (
        "places",
        STAGES_NS - 3 * MS,
        2 * MS,
        5 * MS,
    )
