"""Laws of the moments together, over schedules of a simulated machine that knows the truth."""

from __future__ import annotations

import dataclasses
import os

import pytest
from built import MACHINE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulation import GIL, US, World, short_rounds, true_speedup

from pytest_gilcheck.evidence import Estimate
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.bounds import word_of
from pytest_gilcheck.judge.rates import makespan_ratio
from pytest_gilcheck.judge.together import together

MS = 1_000 * US
#: A schedule takes half a second; more of them are drawn on request.
TIMES = int(os.environ.get("GILCHECK_STRESS", "1"))
NOTHING = Estimate()
#: A stretch of a simulated schedule is as exact as one step and the ends of a phase.
TOLERANCE = 1.1

WORLDS = st.builds(
    World,
    n_busy=st.integers(0, 4),
    slice_ns=st.sampled_from([700 * US, 1_500 * US, 3 * MS, 4 * MS]),
    shared_bus=st.sampled_from([0.0, 0.0, 0.3, 0.8, 1.5]),
    is_sticky=st.booleans(),
    wakes_first=st.booleans(),
    handed_over_share=st.sampled_from([0.0, 0.5, 1.0]),
    seed=st.integers(0, 1_000),
)
#: Parts of a call in units of 50 µs.
CALLS = st.lists(
    st.tuples(st.sampled_from(["run", "run", "lock", "other lock", GIL, "sleep"]), st.integers(1, 16)),
    min_size=1,
    max_size=4,
)


def judged(world, calls, *, n_rounds=5, n_calls=None, is_read=True):
    span_ns = max(sum(ns for _, ns in call) for call in calls)
    n_calls = n_calls or max(3, 10 * MS // span_ns)
    n_stamp_calls = max(1, 400 * US // span_ns)
    rounds = short_rounds(
        world, calls, n_rounds=n_rounds, n_calls=n_calls, n_stamp_calls=n_stamp_calls, is_read=is_read
    )
    return together(rounds, MACHINE, NOTHING)


def in_time(call, factor=1):
    return [(kind, max(1, round(n * factor)) * 50 * US) for kind, n in call]


@settings(max_examples=12 * TIMES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    world=WORLDS,
    call=CALLS,
    uneven=st.sampled_from([1, 1, 1, 3, 9]),
    factor=st.sampled_from([1, 1, 8]),
    is_read=st.booleans(),
)
def test_word_when_threads_share_anything_under_any_schedule_then_it_is_that_of_free_cores(
    world, call, uneven, factor, is_read
):
    """A full lock, half a lock, partial holds, sleep under a lock, a bus, a preempted owner, threads that differ, long calls."""
    calls = [in_time(call, factor), in_time(call, factor / uneven)]

    found = judged(world, calls, n_calls=2 if factor > 1 else None, n_rounds=5 if factor == 1 else 8, is_read=is_read)
    word = word_of(found.speedup)

    truth = true_speedup(world, calls)
    if word == "overlaps":
        assert truth * TOLERANCE > rules.OVERLAP_LEAST_SPEEDUP, found
    elif word == "serialised":
        assert truth / TOLERANCE < rules.OVERLAP_LEAST_SPEEDUP, found


@pytest.mark.parametrize("n_busy", [0, 1, 2])
def test_word_when_calls_share_nothing_then_busy_processes_do_not_hide_that_they_overlap(n_busy):
    found = judged(World(n_busy=n_busy), [[("run", MS)]] * 2)

    assert word_of(found.speedup) == "overlaps"
    assert found.speedup.value == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize(("kind", "is_length_alone"), [("run", True), ("lock", False), (GIL, False)])
@pytest.mark.parametrize("n_busy", [0, 1])
def test_speedup_when_calls_differ_in_length_then_it_is_known_whether_that_is_all(kind, is_length_alone, n_busy):
    """Threads with eight times as much work as others make the speed-up low, and do not keep each other out."""
    found = judged(World(n_busy=n_busy), [[(kind, 2 * MS)], [(kind, 250 * US)]])

    assert found.speedup.value < rules.OVERLAP_LEAST_SPEEDUP
    assert found.differs_in_length_alone is is_length_alone


@pytest.mark.parametrize("n_ms", [5, 10])
@pytest.mark.parametrize("n_busy", [1, 2])
def test_word_when_long_calls_share_nothing_then_readings_from_outside_show_that_they_overlap(n_busy, n_ms):
    """Each of their runs is interrupted, so that no call is undisturbed."""
    found = judged(World(n_busy=n_busy), [[("run", n_ms * MS)]] * 2, n_rounds=12, n_calls=2)

    assert word_of(found.speedup) == "overlaps"


@pytest.mark.parametrize(
    "world",
    [
        World(n_busy=3, handed_over_share=1.0, seed=524),
        World(n_busy=3, slice_ns=700 * US, is_sticky=False, handed_over_share=1.0),
    ],
)
def test_word_when_hand_overs_are_delayed_then_moments_without_delay_do_not_show_calls_as_serialised(world):
    """Found by a search over schedules: 0.974 [0.002, 1.02], for a truth of 1.46."""
    call = [(GIL, 750 * US), ("run", 250 * US), ("run", 50 * US), ("run", 50 * US)]

    found = judged(world, [call] * 2)

    assert word_of(found.speedup) != "serialised"


@pytest.mark.parametrize("n_busy", [1, 2])
def test_word_when_long_calls_are_under_a_lock_then_they_are_never_said_to_overlap(n_busy):
    """And the figure is right. The upper bound leaves room for what a thread that is woken would have done at once."""
    found = judged(World(n_busy=n_busy), [[("lock", 5 * MS)]] * 2, n_rounds=12, n_calls=2)

    assert word_of(found.speedup) != "overlaps"
    assert found.speedup.value == pytest.approx(1, rel=0.15)
    assert found.speedup.high < 1.5


def test_word_when_only_the_beginning_of_long_calls_ran_together_then_there_is_none():
    """Rounds begin together. Beside four busy processes little else does, and the lock is in the other three quarters."""
    rounds = [
        dataclasses.replace(r, one_each=dataclasses.replace(r.one_each, readings=beginning_of(r.one_each.readings)))
        for r in short_rounds(World(n_busy=1), [[("run", 4 * MS), ("lock", 12 * MS)]] * 2, n_rounds=16, n_calls=1)
    ]

    found = together(rounds, MACHINE, NOTHING)

    assert not found.speedup.measured
    assert found.doubt.slug == "longer-than-a-slice"


def beginning_of(readings):
    """Return the readings as they are if both threads run at once in the first 4 ms, and are kept off in turns later."""
    return tuple(
        dataclasses.replace(
            reading,
            cpu_ns=min(reading.at_ns, 4 * MS) + max(0, reading.at_ns - 4 * MS) // 2,
            delay_ns=max(0, reading.at_ns - 4 * MS) // 2,
        )
        for reading in readings
    )


@pytest.mark.parametrize("n_busy", [0, 1, 2])
def test_word_when_calls_sleep_then_they_overlap_without_a_core(n_busy):
    found = judged(World(n_busy=n_busy, wakes_first=True), [[("sleep", MS)]] * 2)

    assert word_of(found.speedup) == "overlaps"


@pytest.mark.parametrize("n_us", [50, 100, 1_000])
def test_word_when_all_of_a_call_is_under_a_lock_then_it_is_serialised(n_us):
    found = judged(World(), [[("lock", n_us * US)]] * 2)

    assert word_of(found.speedup) == "serialised"
    assert found.speedup.value == pytest.approx(1, rel=0.1)


def test_word_when_threads_never_run_together_then_there_is_none():
    """One core, which the threads have in turns: nothing that they share would show, and neither would its absence."""
    found = judged(World(n_cores=1), [[("run", MS)]] * 2)

    assert not found.speedup.measured
    assert found.doubt is not None
    assert found.doubt.slug == "rarely-together"


def test_word_when_two_threads_under_a_lock_have_one_core_then_it_is_not_that_they_overlap():
    found = judged(World(n_cores=1), [[("lock", MS)]] * 2)

    assert word_of(found.speedup) != "overlaps"


def changed(rounds, **figures):
    return [
        dataclasses.replace(r, one_each=dataclasses.replace(r.one_each, **figures), serial=r.serial) for r in rounds
    ]


@pytest.mark.parametrize(
    ("rounds_changed", "slug"),
    [
        (lambda rounds: changed(rounds, process_cpu_ns=10**9), "other-threads-work"),
        (lambda rounds: [dataclasses.replace(r, stolen_ns=r.wall_ns) for r in rounds], "stolen-time"),
        (lambda rounds: changed(rounds, delay_ns=None), "no-schedstat"),
    ],
)
def test_doubt_when_the_accounts_are_not_complete_then_it_has_a_name(rounds_changed, slug):
    rounds = rounds_changed(short_rounds(World(), [[("run", MS)]] * 2, n_rounds=5, n_calls=10))

    found = together(rounds, MACHINE, NOTHING)

    assert not found.speedup.measured
    assert found.doubt is not None
    assert found.doubt.slug == slug


def test_doubt_when_a_call_sleeps_now_longer_and_now_shorter_then_it_may_wait_for_somebody():
    rounds = [
        short_rounds(World(), [[("sleep", n * MS), ("run", 100 * US)]] * 2, n_rounds=1, n_calls=5)[0]
        for n in (1, 2, 1, 3)
    ]

    found = together(rounds, MACHINE, NOTHING)

    assert found.doubt is not None
    assert found.doubt.slug == "sleep-varies"


def test_doubt_when_calls_sleep_and_compute_in_turns_then_what_they_share_does_not_show():
    """Found by a search over schedules: threads that share a bus came out at 1.77 [1.52, 2], for a truth of 0.99."""
    parts = [("sleep", 300 * US), (GIL, 200 * US), ("run", MS)]
    world = World(n_busy=1, slice_ns=700 * US, shared_bus=1.5, wakes_first=True, handed_over_share=1, seed=679064)

    found = judged(world, [parts] * 2)

    assert found.doubt is not None
    assert found.doubt.slug == "sleeps-in-part"


def test_doubt_when_there_are_no_stamps_then_there_is_none_and_nothing_is_measured():
    """As in reports of earlier versions."""
    rounds = short_rounds(World(), [[("run", MS)]] * 2, n_rounds=5, n_calls=10)
    rounds = [
        dataclasses.replace(
            r, serial=dataclasses.replace(r.serial, stamps=()), one_each=dataclasses.replace(r.one_each, stamps=())
        )
        for r in rounds
    ]

    found = together(rounds, MACHINE, NOTHING)

    assert not found.speedup.measured
    assert found.doubt is None


def test_figure_when_the_ledger_knows_the_held_share_then_it_is_at_most_the_inverse():
    rounds = short_rounds(World(), [[("run", 500 * US), (GIL, 500 * US)]] * 2, n_rounds=5, n_calls=10)

    found = together(rounds, MACHINE, Estimate(0.8, 0.8, 0.8))

    assert found.speedup.high is None or found.speedup.high <= (1 + rules.AMDAHL_SLACK) / 0.8


@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=8), st.floats(0.05, 1))
def test_makespan_when_threads_work_at_any_rate_then_it_lies_between_one_and_as_many_as_they_are(work, rate):
    n = len(work)
    ratio = makespan_ratio(work, [max(rate, 1 / n)] * n)

    assert 0.99 <= ratio <= n * 1.0001
    assert ratio <= sum(work) / max(work) * 1.0001


@pytest.mark.parametrize(
    ("work", "rates", "ratio"),
    [
        ([1, 1], [1, 1], 2),
        ([9, 1], [1, 1], 10 / 9),
        ([1, 1], [0.5, 0.5], 1),
        ([1, 1, 1, 1], [0.25] * 4, 1),
        # A lock that one thread gets first: the other one has it to itself afterwards.
        ([1, 1], [0.9, 0.1], 1),
        ([9, 1], [0.5, 0.5], 1),
    ],
)
def test_makespan_when_threads_share_a_lock_or_nothing_then_it_is_known(work, rates, ratio):
    assert makespan_ratio(work, rates) == pytest.approx(ratio, rel=0.01)
