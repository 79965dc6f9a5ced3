"""The pieces between readings from outside: what each tells of who was kept off the processor."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import Arm, Reading
from pytest_gilcheck.judge.pieces import N_PARTS, overlap_ns, pieces_of, worked

US = 1_000
GAP = 500 * US


def arm(*threads):
    """Return an arm with readings each 0.5 ms; for each thread (processor time, counted delay) of each piece, in µs."""
    readings = []
    for thread, figures in enumerate(threads):
        cpu_ns = delay_ns = 0
        readings.append(Reading(thread, 0, 0, 0))
        for place, (cpu, delay) in enumerate(figures, 1):
            cpu_ns, delay_ns = cpu_ns + cpu * US, delay_ns + delay * US
            readings.append(Reading(thread, place * GAP, cpu_ns, delay_ns))
    return Arm(0, 0, 0, 0, readings=tuple(sorted(readings, key=lambda reading: reading.at_ns)))


RUNS = (500, 0)


def off(pieces, thread=0):
    return [piece.kept_off_ns[thread] // US for piece in pieces]


def likely(pieces, thread=0):
    return [piece.likely_off_ns[thread] // US for piece in pieces]


def test_pieces_when_a_thread_runs_all_the_time_then_it_is_not_kept_off():
    assert off(pieces_of(arm([RUNS] * 4, [RUNS] * 4))) == [0, 0, 0, 0]


def test_pieces_when_a_wait_is_counted_at_its_end_then_it_lies_in_the_pieces_before():
    """A wait of 1.2 ms from the middle of the second piece on, counted in the fourth."""
    figures = [RUNS, (300, 0), (0, 0), (0, 1200), RUNS]

    assert off(pieces_of(arm(figures, [RUNS] * 5))) == [0, 200, 500, 500, 0]


def test_pieces_when_a_thread_waits_for_a_lock_then_it_is_not_kept_off():
    """Only as much as is counted when it is woken."""
    figures = [RUNS, (0, 0), (0, 0), (480, 20), RUNS]

    assert off(pieces_of(arm(figures, [RUNS] * 5))) == [0, 20, 20, 20, 0]
    assert likely(pieces_of(arm(figures, [RUNS] * 5))) == [0, 0, 0, 20, 0]


def test_pieces_when_nobody_has_seen_the_end_of_a_wait_then_the_thread_may_be_kept_off():
    """The readings end when one thread is done. A free call of 5 ms came out at 1.2, since its rest seemed to be asleep."""
    figures = [RUNS, (250, 0), (0, 0), (0, 0)]

    assert off(pieces_of(arm(figures, [RUNS] * 4))) == [0, 250, 500, 500]
    assert likely(pieces_of(arm(figures, [RUNS] * 4))) == [0, 250, 500, 500]


def test_pieces_when_threads_are_not_read_at_the_same_moments_then_there_are_none():
    one = arm([RUNS] * 2, [RUNS] * 2)

    assert pieces_of(Arm(0, 0, 0, 0, readings=one.readings[:-1])) == []


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 2_000)), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 2_000)), min_size=12, max_size=12),
)
def test_pieces_when_anything_is_read_then_no_thread_is_kept_off_while_it_ran(first, second):
    for piece in pieces_of(arm(first, second[: len(first)])):
        for thread, cpu_ns in piece.cpu_ns.items():
            assert 0 <= piece.kept_off_ns[thread] <= piece.span_ns - cpu_ns
            assert 0 <= piece.likely_off_ns[thread] <= piece.span_ns - cpu_ns
        assert 0 <= piece.together_ns(piece.span_ns) <= piece.span_ns


@given(st.lists(st.sampled_from([RUNS, (0, 500), (250, 250)]), min_size=2, max_size=12))
def test_pieces_when_a_thread_only_computes_then_it_is_likely_kept_off_for_all_that_it_did_not_run(figures):
    """And the delay is counted where it ends, so that the last piece must run for the sum to be known."""
    figures = [*figures, RUNS]

    assert likely(pieces_of(arm(figures, [RUNS] * len(figures)))) == [500 - cpu for cpu, _ in figures]


def test_worked_when_a_long_call_is_divided_then_each_part_is_what_it_had_done_until_then():
    pieces = pieces_of(arm([RUNS] * 8, [RUNS] * 8))
    whole = [(0, 8 * GAP)]

    read = worked(pieces, whole, {0: whole})

    assert [stage.surely_ns for stage in read.stages[0]] == [2 * GAP] * N_PARTS
    assert len(read.stages[1]) == 1
    assert read.together_ns == read.span_ns == 8 * GAP


def test_worked_when_a_thread_waits_all_the_time_then_all_of_that_is_in_one_part():
    """Under a lock: it is together with the other one, and gets nothing done."""
    pieces = pieces_of(arm([RUNS] * 8, [(0, 0)] * 7 + [RUNS]))
    whole = [(0, 8 * GAP)]

    read = worked(pieces, whole, {1: whole})

    assert read.stages[1][0].span_ns == 7 * GAP
    assert read.stages[1][0].typical_ns == 0


@given(
    st.lists(st.integers(0, 100), max_size=12, unique=True).map(sorted),
    st.integers(0, 100),
    st.integers(0, 100),
)
def test_overlap_when_intervals_are_any_then_it_is_the_number_of_points_in_both(ends, start, end):
    """The plain twin counts points."""
    intervals = list(zip(ends[::2], ends[1::2], strict=False))

    expected = sum(any(first <= point < last for first, last in intervals) for point in range(start, end))

    assert overlap_ns(intervals, start, end) == expected
