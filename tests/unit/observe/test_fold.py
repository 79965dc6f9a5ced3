"""Raw records become evidence."""

from dataclasses import astuple, dataclass, field

from built import call
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.observe.fold import call_span, common_ns, progress_beside, waits_beside_calls

OWN, END_NS = 1, 60


@dataclass
class Raw:
    """One span, as the native module records it."""

    events: list = field(default_factory=list)
    start_ns: int = 1000
    end_ns: int = 1000 + END_NS
    thread: int = OWN
    cpu_ns: int = 0
    process_cpu_ns: int = 0
    delay_ns: int | None = None
    held_ns: int = 0
    waiting_ns: int = 0
    instrument_ns: int = 0
    held_delay_ns: int | None = None
    free_delay_ns: int | None = None
    longest_hold_ns: int = 0
    n_releases_by_function: int = 0
    n_releases_by_interpreter: int = 0
    n_dropped: int = 0
    unsplit_delay_ns: int | None = None
    others: list = field(default_factory=list)


@st.composite
def histories(draw):
    """A possible history of one GIL and four threads: its holder releases it, and any thread waits or takes it."""
    holder, waiting, free, events = OWN, set(), {2, 3, 4}, []
    for at_ns in sorted(draw(st.lists(st.integers(0, END_NS), max_size=24))):
        steps = [("wait", one) for one in sorted(free - waiting)]
        if holder is None:
            steps += [("take", one) for one in sorted(free)]
        else:
            steps += [("release", holder), ("release_by_interpreter", holder)]
        kind, who = draw(st.sampled_from(steps))
        events.append((at_ns, kind, who))
        if kind == "take":
            holder = who
            free.discard(who)
            waiting.discard(who)
        elif kind == "wait":
            waiting.add(who)
        else:
            holder = None
            free.add(who)
            if kind == "release_by_interpreter":
                waiting.add(who)
    # A call returns with the GIL held by its own thread.
    if holder != OWN:
        events += [] if holder is None else [(END_NS, "release", holder)]
        events.append((END_NS, "take", OWN))
    return events


OFF = st.none() | st.tuples(*[st.integers(0, 50)] * 7)
OTHERS = st.lists(
    st.tuples(st.integers(2, 9), *[st.integers(0, 50)] * 6, OFF), max_size=6, unique_by=lambda other: other[0]
)


@given(OTHERS, st.sets(st.integers(2, 9)))
def test_call_span_keeps_what_other_threads_did_but_for_other_checks(others, left_out):
    """Whose they are is for the judge to say. No figure comes from the log, which may end early."""
    span = call_span(Raw(others=others, n_dropped=9), left_out=left_out)

    assert [(other.thread, other.held_ns) for other in span.others] == [
        (thread, held_ns) for thread, held_ns, *_ in others if thread not in left_out
    ]
    assert [
        other.off_processor if other.off_processor is None else astuple(other.off_processor) for other in span.others
    ] == [off for thread, *_, off in others if thread not in left_out]
    assert (span.n_workers, span.workers_held_ns) == (0, 0)


@given(histories())
def test_timeline_keeps_every_event_and_renumbers_threads(events):
    """The call's own thread is 0; others follow in the order of their first event."""
    timeline = call_span(Raw(events, n_dropped=3)).timeline

    assert [(event.at_ns, event.kind) for event in timeline.events] == [(at, kind) for at, kind, _ in events]
    assert all((event.thread == 0) == (who == OWN) for event, (_, _, who) in zip(timeline.events, events, strict=True))
    assert sorted({event.thread for event in timeline.events} | {0}) == list(
        range(len({who for *_, who in events} | {OWN}))
    )
    assert timeline.n_dropped == 3


def test_call_span_when_it_has_no_timeline_then_it_keeps_its_totals():
    """One timeline is enough to draw."""
    span = call_span(Raw([(0, "release", OWN)], held_ns=20), with_timeline=False)

    assert (span.timeline, span.held_ns) == (None, 20)


intervals = (
    st.lists(st.integers(0, 100), max_size=12, unique=True)
    .map(sorted)
    .map(lambda ends: list(zip(ends[::2], ends[1::2], strict=False)))
)


@given(intervals, intervals)
def test_common_time_equals_its_naive_twin_and_is_symmetric(first, second):
    """The twin counts nanosecond by nanosecond."""
    covered = [{now for start, end in part for now in range(start, end)} for part in (first, second)]

    assert common_ns(first, second) == len(covered[0] & covered[1]) == common_ns(second, first)


def test_waits_when_they_reach_beyond_a_call_then_they_are_cut_and_lose_their_delay():
    """The call caused neither what lies outside of it nor the waiter's own time off the processor."""
    calls = [call(100, start_ns=0), call(100, start_ns=200)]

    waits = waits_beside_calls(calls, [(50, 260, 0), (150, 190, 0), (210, 290, 30), (10, 40, 35)])

    assert waits.n_calls == 2
    assert waits.longest_wait_ns == 60
    assert waits_beside_calls([], []).longest_wait_ns == 0


@given(intervals, st.lists(st.tuples(st.integers(0, 100), st.integers(0, 30), st.integers(0, 10)), max_size=8))
def test_waits_equal_their_naive_twin(spans, raw_waits):
    """The twin compares each wait with each call."""
    calls = [call(end - start, start_ns=start) for start, end in spans]
    gil_waits = [(begin, begin + took, delay) for begin, took, delay in raw_waits]
    cut_waits = [
        (min(got, one.end_ns) - max(begin, one.start_ns), delay) for begin, got, delay in gil_waits for one in calls
    ]

    waits = waits_beside_calls(calls, gil_waits)

    assert waits.n_waits == sum(waited > 0 for waited, _ in cut_waits)
    assert waits.longest_wait_ns == max([0, *(waited - delay for waited, delay in cut_waits if waited > 0)])


def test_longest_wait_when_the_delay_is_longer_then_it_is_not_negative():
    """The waiter may be off the processor for longer than it waited."""
    assert waits_beside_calls([call(100)], [(10, 20, 50)]).longest_wait_ns == 0


def test_background_runs_count_within_spans_only():
    """Between calls any thread may run."""
    calls = [call(100, start_ns=0), call(100, start_ns=200)]

    progress = progress_beside(calls, [(50, 250), (120, 180), (290, 400)])

    assert (progress.n_background_runs, progress.background_ns, progress.span_ns, progress.held_ns) == (
        2,
        50 + 50 + 10,
        200,
        None,
    )


def test_progress_when_the_ledger_is_open_then_it_has_the_held_time_of_the_same_calls():
    """That both held the GIL at once is a contradiction only within the same calls."""
    progress = progress_beside([call(60, 40), call(10, 90, start_ns=200)], [], is_exact=True)

    assert (progress.held_ns, progress.span_ns) == (70, 200)
