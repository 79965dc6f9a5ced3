"""What each thread did within a call, from its record alone."""

import pytest
from built import call, call_spans
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import GilEvent, GilTimeline
from pytest_gilcheck.report.intervals import Interval, coarser, thread_intervals

NAMES = {"t": "take", "r": "release", "i": "release_by_interpreter", "w": "wait"}


def recorded(text, *, length_ns=100, n_dropped=0):
    """A call with the events ``r10 w30 1t40``: a thread's index, what it does, when."""
    events = []
    for word in text.split():
        thread, (kind, at) = (0, (word[0], word[1:])) if word[0].isalpha() else (int(word[0]), (word[1], word[2:]))
        events.append(GilEvent(int(at), NAMES[kind], thread))
    return call(length_ns, timeline=GilTimeline(tuple(events), n_dropped))


def shown(span):
    return {
        thread: " ".join(f"{one.state}:{one.start_ns}-{one.end_ns}" for one in intervals)
        for thread, intervals in thread_intervals(span).items()
    }


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("", {0: "held:0-100"}),
        ("r10 w30 t40", {0: "held:0-10 released:10-30 waiting:30-40 held:40-100"}),
        ("i10 t40", {0: "held:0-10 waiting:10-40 held:40-100"}),
        # What the other thread did before it took, and whether it lived on after its release, is not in the record.
        ("r10 1t20 1r30", {0: "held:0-10 released:10-100", 1: "held:20-30"}),
        ("r10 1w20 1t30 1r40 1t50 1r60", {0: "held:0-10 released:10-100", 1: "waiting:20-30 held:30-40 released:40-50 held:50-60"}),
        # It still waits when the call ends.
        ("1w20", {0: "held:0-100", 1: "waiting:20-100"}),
        # When it took is not in the record.
        ("r10 1r20", {0: "held:0-10 released:10-100", 1: ""}),
    ],
)  # fmt: skip
def test_threads_have_the_intervals_that_the_record_has(text, means):
    assert shown(recorded(text)) == means


def test_a_cut_record_says_nothing_of_what_came_after_its_last_event():
    assert shown(recorded("r10 1t20", n_dropped=3)) == {0: "held:0-10"}


def test_a_call_without_a_record_has_no_interval():
    assert thread_intervals(call(100)) == {}


@given(call_spans)
def test_intervals_follow_each_other_within_the_call(span):
    """Whatever the events are: also such as no ledger writes."""
    for intervals in thread_intervals(span).values():
        times = [at for one in intervals for at in (one.start_ns, one.end_ns)]
        assert times == sorted(times)
        assert all(one.length_ns > 0 for one in intervals)
        assert not times or (times[0] >= 0 and times[-1] <= span.end_ns - span.start_ns)


lengths = st.lists(st.tuples(st.integers(1, 10**6), st.sampled_from(["held", "released", "waiting"])), max_size=300)


@given(lengths, st.integers(8, 60))
def test_coarser_intervals_are_few_and_keep_every_nanosecond(pieces, most):
    """The sum of each state stays, and long intervals stay as they are."""
    intervals, at = [], 0
    for length, state in pieces:
        held, waiting = length * (state == "held"), length * (state == "waiting")
        intervals.append(Interval(at, at + length, state, held, waiting))
        at += length

    few = coarser(intervals, most)

    assert len(few) <= most
    assert [one.start_ns for one in few[1:]] == [one.end_ns for one in few[:-1]]
    assert sum(one.length_ns for one in few) == at
    for name in ("held_ns", "waiting_ns"):
        assert sum(getattr(one, name) for one in few) == sum(getattr(one, name) for one in intervals)
    longest = [one for one in intervals if one.length_ns * most >= 4 * at]
    assert set(longest) <= set(few)
