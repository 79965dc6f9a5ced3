"""The trace has what the Trace Event Format asks for, and nothing that the record does not have."""

import json
from collections import defaultdict
from itertools import pairwise

from built import call, entries, observation, verdict_on
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import GilEvent, GilTimeline
from pytest_gilcheck.report.intervals import thread_intervals
from pytest_gilcheck.report.trace import microseconds, trace
from pytest_gilcheck.store.json_report import CheckEntry

#: Fields that the format's description requires, by phase, with their types.
REQUIRED = {
    "X": {"name": str, "cat": str, "ph": str, "ts": float, "dur": float, "pid": int, "tid": int, "args": dict},
    "i": {"name": str, "cat": str, "ph": str, "ts": float, "pid": int, "tid": int, "s": str},
    "M": {"name": str, "ph": str, "pid": int, "tid": int, "args": dict},
}
METADATA = {"process_name": "name", "thread_name": "name", "process_sort_index": "sort_index"}


def events_of(items):
    record = json.loads("".join(trace(items)))
    assert record["displayTimeUnit"] in ("ms", "ns")
    return record["traceEvents"]


def check(*calls, name="f"):
    evidence = observation(*calls, name=name)
    return CheckEntry(name, verdict_on(evidence), evidence)


def ns(us):
    """As Perfetto reads a time: what is behind the point after a multiplication is cut off."""
    return int(us * 1000.0)


@given(st.lists(entries, max_size=4))
def test_any_report_is_a_trace_of_the_format(items):
    """Fields, their types, and that the intervals of a thread nest: Perfetto moves others to another line."""
    named = set()
    nested = defaultdict(list)
    for event in events_of(items):
        fields = REQUIRED[event["ph"]]
        for field, kind in fields.items():
            assert isinstance(event[field], (int, float) if kind is float else kind), (field, event)
        if event["ph"] == "M":
            assert METADATA[event["name"]] in event["args"]
            named.add((event["name"], event["pid"], event["tid"]))
        elif event["ph"] == "X":
            assert event["ts"] >= 0
            assert event["dur"] >= 0
            nested[event["pid"], event["tid"]].append(event)
    for process, thread in nested:
        assert ("thread_name", process, thread) in named
        assert any(name == "process_name" and pid == process for name, pid, _ in named)
    for (process, thread), own in nested.items():
        states = [(ns(one["ts"]), ns(one["ts"]) + ns(one["dur"])) for one in own if one["cat"] == "gil"]
        if thread > 1:
            assert all(end <= start for (_, end), (start, _) in pairwise(states)), process


@given(st.lists(entries, max_size=3))
def test_a_trace_has_the_intervals_of_the_record_and_no_others(items):
    checks = [entry for entry in items if isinstance(entry, CheckEntry)]
    found = defaultdict(list)
    for event in events_of(items):
        if event["ph"] == "X" and event["cat"] == "gil":
            found[event["pid"]].append((event["name"], ns(event["dur"])))

    for number, entry in enumerate(checks, 1):
        calls = sorted(entry.observation.calls, key=lambda call: call.start_ns)
        expected = [
            (one.state, one.length_ns)
            for call in calls
            for intervals in thread_intervals(call).values()
            for one in intervals
        ]
        assert found[number] == expected


def test_calls_keep_their_distances_and_intervals_lie_within_their_call():
    first = call(100, start_ns=5_000)
    events = GilEvent(1, "release", 0), GilEvent(61, "wait", 0), GilEvent(70, "take", 0)
    second = call(100, start_ns=7_001, timeline=GilTimeline(events))

    drawn = [(e["name"], ns(e["ts"]), ns(e["dur"])) for e in events_of([check(first, second)]) if e["ph"] == "X"]

    assert drawn == [
        ("call 1", 0, 100),
        ("call 2", 2001, 100),
        ("held", 2001, 1),
        ("released", 2002, 60),
        ("waiting", 2062, 9),
        ("held", 2071, 30),
    ]


def test_a_cut_record_ends_in_an_event_that_says_so():
    cut = call(100, timeline=GilTimeline((GilEvent(40, "release", 0),), 9))

    (event,) = [event for event in events_of([check(cut)]) if event["ph"] == "i"]

    assert (event["name"], ns(event["ts"]), event["args"]) == ("record cut", 40, {"n_dropped": 9})


@given(st.integers(0, 10**15))
@example(1001)
def test_microseconds_are_the_same_nanoseconds_again(at_ns):
    """1.001 us times 1000 is 1000.9999999999999, of which Perfetto made 1000 ns."""
    assert ns(microseconds(at_ns)) == at_ns
    assert round(microseconds(at_ns) * 1000) == at_ns
