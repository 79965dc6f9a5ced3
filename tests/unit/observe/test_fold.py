"""From raw records to evidence, against a twin that walks through time step by step."""

from dataclasses import dataclass, field

from built import call
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.observe.fold import call_span, common_ns, progress_beside, waits_beside_calls

OWN, KNOWN, END_NS = 1, 2, 60


@dataclass
class Raw:
    """What the native module says of one span."""

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


@st.composite
def histories(draw):
    """A possible history of one GIL and four threads: the holder drops, anybody waits, anybody takes what is free."""
    holder, waiting, free, events = OWN, set(), {2, 3, 4}, []
    for at_ns in sorted(draw(st.lists(st.integers(0, END_NS), max_size=24))):
        acts = [("wait", one) for one in sorted(free - waiting)]
        if holder is None:
            acts += [("take", one) for one in sorted(free)]
        else:
            acts += [("release", holder), ("release_by_interpreter", holder)]
        kind, who = draw(st.sampled_from(acts))
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


def naive(events, workers):
    """Nanosecond by nanosecond: (held by workers, longest hold of one, own waiting while a worker held)."""
    held = waited = longest = 0
    test_state = dict.fromkeys(workers, 0)
    for now_ns in range(END_NS):
        holder, own_waits = OWN, False
        for at_ns, kind, who in events:
            if at_ns > now_ns:
                break
            if kind == "take":
                holder = who
            elif kind.startswith("release"):
                holder = None
            if who == OWN:
                own_waits = kind in ("wait", "release_by_interpreter")
            if who in workers and kind != "wait" and at_ns == now_ns:
                test_state[who] = 0
        if holder in workers:
            held += 1
            test_state[holder] += 1
            longest = max(longest, test_state[holder])
            waited += own_waits
    return held, longest, waited


@given(histories())
def test_call_span_equals_its_naive_twin(events):
    """Threads that nobody knew before count as the callee's own; known ones do not."""
    span = call_span(Raw(events), {OWN, KNOWN})

    assert (span.workers_held_ns, span.longest_hold_ns, span.waiting_on_workers_ns) == naive(events, {3, 4})
    assert span.n_workers == len({who for _, kind, who in events if kind == "take" and who in (3, 4)})


@given(histories())
def test_timeline_keeps_every_event_and_renames_threads(events):
    """The call's own thread is 0; others follow in the order in which they were seen."""
    timeline = call_span(Raw(events, n_dropped=3), {OWN, KNOWN}).timeline

    assert [(event.at_ns, event.kind) for event in timeline.events] == [(at, kind) for at, kind, _ in events]
    assert all((event.thread == 0) == (who == OWN) for event, (_, _, who) in zip(timeline.events, events, strict=True))
    assert sorted({event.thread for event in timeline.events} | {0}) == list(
        range(len({who for *_, who in events} | {OWN}))
    )
    assert timeline.n_dropped == 3


def test_call_without_timeline_keeps_its_totals():
    """One picture is enough."""
    events = [(0, "release", OWN), (10, "take", 3), (30, "release", 3)]

    span = call_span(Raw(events), {OWN}, with_timeline=False)

    assert (span.timeline, span.workers_held_ns) == (None, 20)


intervals = (
    st.lists(st.integers(0, 100), max_size=12, unique=True)
    .map(sorted)
    .map(lambda ends: list(zip(ends[::2], ends[1::2], strict=False)))
)


@given(intervals, intervals)
def test_common_time_equals_its_naive_twin_and_is_symmetric(first, second):
    """Point by point."""
    covered = [{now for start, end in part for now in range(start, end)} for part in (first, second)]

    assert common_ns(first, second) == len(covered[0] & covered[1]) == common_ns(second, first)


def test_waits_are_cut_to_the_calls_and_lose_their_own_delay():
    """What lay outside of a call, or was time off the processor, was not caused by it."""
    calls = [call(100, start_ns=0), call(100, start_ns=200)]

    seen = waits_beside_calls(calls, [(50, 260, 0), (150, 190, 0), (210, 290, 30), (10, 40, 35)])

    assert seen.n_calls == 2
    assert seen.longest_wait_ns == 60
    assert waits_beside_calls([], []).longest_wait_ns == 0


@given(intervals, st.lists(st.tuples(st.integers(0, 100), st.integers(0, 30), st.integers(0, 10)), max_size=8))
def test_knocks_equal_their_naive_twin(spans, asked):
    """Each with each."""
    calls = [call(end - start, start_ns=start) for start, end in spans]
    gil_waits = [(begin, begin + took, delay) for begin, took, delay in asked]
    waits = [
        (min(got, one.end_ns) - max(begin, one.start_ns), delay) for begin, got, delay in gil_waits for one in calls
    ]

    seen = waits_beside_calls(calls, gil_waits)

    assert seen.n_waits == sum(waited > 0 for waited, _ in waits)
    assert seen.longest_wait_ns == max([0, *(waited - delay for waited, delay in waits if waited > 0)])


def test_longest_wait_is_never_negative():
    """A thread off the processor for longer than it waited."""
    assert waits_beside_calls([call(100)], [(10, 20, 50)]).longest_wait_ns == 0


def test_rivals_turns_count_within_spans_only():
    """Between calls anybody may run."""
    calls = [call(100, start_ns=0), call(100, start_ns=200)]

    seen = progress_beside(calls, [(50, 250), (120, 180), (290, 400)])

    assert (seen.n_background_runs, seen.background_ns, seen.span_ns, seen.held_ns) == (2, 50 + 50 + 10, 200, None)


def test_where_the_ledger_is_open_progress_tells_for_how_long_the_same_calls_held():
    """Only of the same calls it is a contradiction that both held the GIL at once."""
    seen = progress_beside([call(60, 40), call(10, 90, start_ns=200)], [], is_exact=True)

    assert (seen.held_ns, seen.span_ns) == (70, 200)
