"""The raw GIL events of a pass become places."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import HoldPlace, Place, SleepPlace, Sleeps
from pytest_gilcheck.observe.places import KeptStacks, folded, python_stacks, sleeps, source_lines

A = ("a.c", 1, "a", "/lib/a.so")
B = ("b.c", 2, "b", "/lib/b.so")


def test_holds_when_the_gil_is_released_once_then_they_end_there_and_at_the_return():
    events = [(10, "release", 5, [A]), (20, "take", 3, [B])]

    event_places, holds = folded(events, 0, 100)

    assert [(h.kind, h.native, h.n) for h in event_places] == [("release", (Place(*A),), 1), ("take", (Place(*B),), 1)]
    assert holds == (HoldPlace(None, None, 0, 1, 10), HoldPlace(0, 1, None, 1, 77))


def test_holds_when_there_is_no_event_then_the_call_is_one_hold():
    assert folded([], 5, 100) == ((), (HoldPlace(None, None, None, 1, 95),))


def test_events_when_their_places_are_the_same_then_they_are_counted_together():
    events = []
    for at in range(0, 1000, 100):
        events += [(at + 10, "release", 0, [A]), (at + 20, "take", 0, [A])]

    event_places, holds = folded(events, 0, 1000)

    assert [(h.kind, h.n) for h in event_places] == [("release", 10), ("take", 10)]
    assert HoldPlace(0, 1, 0, 9, 90) in holds


def test_events_when_their_python_lines_differ_then_their_places_differ():
    first, second = (Place("x.py", 1, "f"),), (Place("x.py", 2, "f"),)
    events = [(10, "release", 0, [A]), (20, "take", 0, [A]), (30, "release", 0, [A]), (40, "take", 0, [A])]

    event_places, _ = folded(events, 0, 50, [first, first, second, second])

    assert [h.python for h in event_places] == [first, first, second, second]


def test_events_when_outside_of_the_span_then_they_are_not_of_the_call():
    events = [(5, "take", 0, [B]), (20, "release", 0, [A]), (30, "take", 0, [A]), (101, "release", 0, [B])]

    event_places, holds = folded(events, 10, 100)

    assert [(h.kind, h.native) for h in event_places] == [("release", (Place(*A),)), ("take", (Place(*A),))]
    assert holds == (HoldPlace(None, None, 0, 1, 10), HoldPlace(0, 1, None, 1, 70))


@st.composite
def histories(draw):
    """Releases and takes in turn, in the order of time."""
    steps = draw(st.lists(st.tuples(st.integers(1, 1000), st.integers(0, 50), st.sampled_from([A, B])), max_size=20))
    now, events = 0, []
    for number, (gap, instrument_ns, frame) in enumerate(steps):
        now += gap
        events.append((now, "take" if number % 2 else "release", instrument_ns, [frame]))
        now += instrument_ns
    return events, now + draw(st.integers(1, 1000))


@given(histories())
def test_every_event_and_every_hold_is_counted_once(history):
    events, end_ns = history

    event_places, holds = folded(events, 0, end_ns)

    assert sum(h.n for h in event_places) == len(events)
    assert sum(hold.n for hold in holds) == len(events) // 2 + (0 if len(events) % 2 else 1) + len(events) % 2
    assert all(0 < hold.longest_ns <= end_ns for hold in holds)


def kept(*kinds):
    stacks = KeptStacks()
    stacks.events = [(at, kind, 0, [A]) for at, kind in enumerate(kinds)]
    return stacks


def test_source_when_the_line_is_only_a_brace_then_it_is_the_one_above(tmp_path):
    """Debug information has a function of C begin at its brace, which tells a reader nothing."""
    file = tmp_path / "a.c"
    file.write_text("static PyObject *\ncount(PyObject *self, PyObject *args)\n{\n    return work();\n}\n")

    lines = source_lines([Place(str(file), 3), Place(str(file), 4)])

    assert [line.text for line in lines] == ["count(PyObject *self, PyObject *args)", "return work();"]
    assert [line.line for line in lines] == [3, 4]


class Lines:
    def at(self, at_ns):
        return (Place("x.py", at_ns, "f"),)


def test_python_stacks_when_both_calls_have_the_same_events_then_they_are_taken_over_by_number():
    first = kept("release", "take")

    assert python_stacks(kept("release", "take"), Lines(), first.events) == [
        (Place("x.py", 0, "f"),),
        (Place("x.py", 1, "f"),),
    ]


def test_python_stacks_when_the_interpreter_released_then_those_of_the_function_are_kept():
    """The interpreter releases the GIL whenever it is asked to, in each call at another line."""
    first = kept("release_by_interpreter", "take", "release", "take")
    again = kept("release", "take", "release_by_interpreter", "take", "release_by_interpreter", "take")

    assert python_stacks(again, Lines(), first.events) == [(), (), (Place("x.py", 0, "f"),), (Place("x.py", 1, "f"),)]


def test_python_stacks_when_the_calls_differ_then_they_are_empty():
    assert python_stacks(kept("release", "take", "release"), Lines(), kept("release", "take").events) == [(), ()]


def test_sleeps_when_stacks_differ_above_python_code_only_then_they_are_counted_together(tmp_path):
    source = tmp_path / "a.c"
    source.write_text("first\nlock(&mutex);\n")
    waits, runs = (
        Place(str(source), 2, "waits", "/lib/a.so"),
        Place(function="_PyEval_EvalFrameDefault", library="/p.so"),
    )
    outer, more = Place(function="thread_run", library="/p.so"), Place(function="main", library="/p.so")
    phases = [
        Sleeps((SleepPlace("futex", (waits, runs, outer), 3), SleepPlace("read", (waits, runs), 1)), 5, 1),
        Sleeps((SleepPlace("futex", (waits, runs, more), 4),), 2, 0),
    ]

    seen = sleeps(phases)

    assert seen.places == (SleepPlace("futex", (waits, runs), 7), SleepPlace("read", (waits, runs), 1))
    assert (seen.n_running, seen.n_unread) == (7, 1)
    assert [line.text for line in seen.sources] == ["lock(&mutex);"]
    assert seen.own is not None


def test_sleeps_when_nobody_slept_then_there_are_no_places():
    assert sleeps([]).places == ()
