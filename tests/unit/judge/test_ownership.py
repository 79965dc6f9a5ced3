"""Whose holds count: evidence from what a thread does while the call is not running."""

from dataclasses import replace

from built import call
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import OtherThread, Surroundings
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.holding import held_share, word
from pytest_gilcheck.judge.ownership import owned_calls

MS = 1_000_000
POOL, NEIGHBOUR = 7, 8


def alternating(in_calls, in_windows, n=rules.ENOUGH_BATCHES, held_ns=0):
    """Calls of 10 ms in which the other threads hold so much, each followed by a window in which they hold so much."""
    calls, windows = [], []
    for index in range(n):
        start_ns = index * 40 * MS
        calls.append(call(held_ns, 10 * MS - held_ns, start_ns=start_ns, others=others(in_calls(index))))
        windows.append(call(0, 10 * MS, start_ns=start_ns + 20 * MS, others=others(in_windows(index))))
    return calls, windows


def others(held):
    """Records of threads that held the GIL for so long."""
    return tuple(OtherThread(thread, held_ns, held_ns, 1) for thread, held_ns in held.items())


def share(calls, windows):
    """The held share with ownership."""
    return held_share(calls, 25, surroundings=Surroundings(tuple(windows), 0, 0))


def test_a_thread_that_holds_only_within_the_calls_is_the_callees():
    """A persistent pool whose worker holds the GIL throughout was called released."""
    calls, windows = alternating(lambda _: {POOL: 10 * MS}, lambda _: {})

    assert word(share(calls, windows)) == "held"
    assert owned_calls(calls, windows)[0].least.n_workers == 1


def test_a_neighbour_that_holds_as_much_between_the_calls_is_left_out():
    """A listener, a timer or a busy thread: a call that releases the GIL was called partial beside it."""
    calls, windows = alternating(lambda _: {NEIGHBOUR: 9 * MS}, lambda _: {NEIGHBOUR: 9 * MS})

    found = share(calls, windows)
    assert (found.low, found.high, word(found)) == (0.0, found.high, "released")


def test_without_windows_the_bounds_contain_both_answers():
    """Nothing tells whose the thread is."""
    calls, _ = alternating(lambda _: {POOL: 10 * MS}, lambda _: {}, n=7)

    found = share(calls, [])
    assert found.low == 0.0 and found.high > 0.99 and word(found) is None


def test_six_batches_are_too_few():
    """One of 12 choose 6 ways: 1 in 924, more than the level of all other bounds."""
    calls, windows = alternating(lambda _: {POOL: 10 * MS}, lambda _: {}, n=rules.ENOUGH_BATCHES - 1)

    assert word(share(calls, windows)) is None


def test_a_pool_of_several_workers_is_judged_together():
    """Each call goes to another one, so that no worker is met in all calls."""
    calls, windows = alternating(lambda index: {POOL + index % 3: 10 * MS}, lambda _: {}, n=9)

    assert word(share(calls, windows)) == "held"


def test_somebody_who_starts_threads_is_no_pool():
    """Every thread is met once: those of the calls within, and those of the windows between them."""
    calls, windows = alternating(lambda index: {100 + index: 5 * MS}, lambda index: {200 + index: 5 * MS})

    assert word(share(calls, windows)) == "released"


def test_a_neighbour_and_a_pool_are_told_apart():
    """The pool counts, and the neighbour does not."""
    calls, windows = alternating(lambda _: {POOL: 5 * MS, NEIGHBOUR: 4 * MS}, lambda _: {NEIGHBOUR: 8 * MS})

    owned = owned_calls(calls, windows)
    assert {one.least.workers_held_ns for one in owned} == {5 * MS}


def test_the_workers_wait_for_a_neighbour_is_waiting():
    """A worker's own waiting counted as free time of the call."""
    worker = OtherThread(POOL, 5 * MS, 5 * MS, 1, 0, 5 * MS)
    calls, windows = alternating(lambda _: {}, lambda _: {NEIGHBOUR: 9 * MS})
    calls = [call(0, 10 * MS, start_ns=one.start_ns, others=(worker, *others({NEIGHBOUR: 5 * MS}))) for one in calls]

    assert word(share(calls, windows)) == "held"


def test_share_when_a_thread_that_waited_for_a_neighbour_may_be_the_callees_then_the_bounds_contain_the_truth():
    """Six calls are too few to know: a worker held for 6 ms, worked for 194 ms, and waited 10 ms for a busy thread."""
    worker = OtherThread(POOL, 6 * MS, 6 * MS, 1, waiting_ns=10 * MS)
    busy = OtherThread(NEIGHBOUR, 204 * MS, 200 * MS, 3)
    calls = [call(0, 210 * MS, start_ns=index * 400 * MS, others=(worker, busy)) for index in range(6)]
    windows = [
        call(0, 100 * MS, start_ns=one.start_ns + 220 * MS, others=others({NEIGHBOUR: 100 * MS})) for one in calls
    ]

    assert share(calls, windows).low < 0.001
    assert 0.03 <= share(calls, windows).high < 0.031


@given(
    st.lists(st.dictionaries(st.integers(2, 5), st.integers(0, 10 * MS), max_size=3), min_size=1, max_size=10),
    st.lists(st.dictionaries(st.integers(2, 5), st.integers(0, 10 * MS), max_size=3), max_size=10),
)
def test_the_bounds_are_in_order_and_nothing_is_invented(in_calls, in_windows):
    """At least what is surely the callee's, at most what all others held."""
    calls = [call(0, 40 * MS, start_ns=i * 100 * MS, others=others(held)) for i, held in enumerate(in_calls)]
    windows = [
        call(0, 10 * MS, start_ns=i * 100 * MS + 50 * MS, others=others(held)) for i, held in enumerate(in_windows)
    ]

    for one, owned in zip(calls, owned_calls(calls, windows), strict=True):
        all_held_ns = sum(other.held_ns for other in one.others)
        assert (
            0
            <= owned.least.workers_held_ns
            <= owned.most.workers_held_ns + len(one.others)
            <= all_held_ns + 2 * len(one.others)
        )


def pool_calls(delay_ns, ready_ns):
    """The share of calls of 10 ms whose worker holds for 5 ms; their thread was ready for so long, all threads for so long."""
    calls, windows = alternating(lambda _: {POOL: 5 * MS}, lambda _: {})
    calls = [replace(each, cpu_ns=0, delay_ns=delay_ns, process_cpu_ns=5 * MS) for each in calls]
    return held_share(calls, 25, surroundings=Surroundings(tuple(windows), 0, ready_ns))


def test_a_worker_that_may_have_been_kept_off_the_processor_widens_the_bounds():
    """Beside busy processes a call whose worker holds the GIL throughout came out as half released."""
    found = pool_calls(0, rules.ENOUGH_BATCHES * 5 * MS)
    assert word(found) is None and found.high > rules.HELD_LEAST_HELD_SHARE


def test_the_delay_of_the_calls_own_thread_is_not_counted_as_its_workers():
    """It is known by itself, and bounded the workers' delay twice."""
    own_ns = MS // 100
    assert pool_calls(own_ns, rules.ENOUGH_BATCHES * own_ns) == pool_calls(own_ns, 0)


def beside_busy_processes(**more):
    """The share of calls of 25 ms beside busy processes: a worker holds for 20 ms, and then works for 5 ms without the GIL."""
    calls, windows = alternating(lambda _: {POOL: 20 * MS}, lambda _: {})
    values = {"held_ns": 0, "waiting_ns": 0, "cpu_ns": 0, "delay_ns": 0, "held_delay_ns": 0, "free_delay_ns": 0, **more}
    calls = [replace(each, end_ns=each.start_ns + 25 * MS, process_cpu_ns=25 * MS, **values) for each in calls]
    ready_ns = rules.ENOUGH_BATCHES * values["delay_ns"]
    return held_share(calls, 25, surroundings=Surroundings(tuple(windows), 0, ready_ns))


def test_share_when_the_calls_thread_was_ready_while_its_worker_worked_then_the_bounds_contain_the_truth():
    """Its delay was taken for time in which nobody worked: 1 for a truth of 0.8, exact."""
    found = beside_busy_processes(delay_ns=5 * MS, free_delay_ns=5 * MS)
    assert found.low <= 0.8 <= found.high and word(found) is None


def test_share_when_the_calls_thread_waited_for_a_free_gil_while_its_worker_worked_then_the_bounds_contain_the_truth():
    """It was off the processor, and wanted the GIL; the worker's 5 ms without it were left out as a wait."""
    calls, windows = alternating(lambda _: {POOL: 20 * MS}, lambda _: {})
    waited = tuple(replace(other, waited_on_ns=20 * MS) for other in calls[0].others)
    calls = [replace(each, end_ns=each.start_ns + 25 * MS, waiting_ns=25 * MS, others=waited) for each in calls]
    found = held_share(calls, 25, surroundings=Surroundings(tuple(windows), 0, 0))
    assert found.low <= 0.8 <= found.high and word(found) is None


def test_share_when_a_worker_may_have_been_preempted_with_the_gil_then_the_bounds_contain_the_truth():
    """A worker that holds for 5 ms and works for 20 ms was off the processor for 15 ms of its hold: 0.5 for 0.2."""
    calls, windows = alternating(lambda _: {POOL: 20 * MS}, lambda _: {})
    calls = [
        replace(each, end_ns=each.start_ns + 40 * MS, cpu_ns=0, delay_ns=0, process_cpu_ns=25 * MS) for each in calls
    ]
    found = held_share(calls, 25, surroundings=Surroundings(tuple(windows), 0, rules.ENOUGH_BATCHES * 15 * MS))
    assert found.low <= 0.2 <= found.high
