"""Calls for which a thread of the callee's own works, beside busy processes: what both threads did at each moment is simulated."""

from dataclasses import dataclass, replace

import pytest
from built import call
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import OffProcessor, OtherThread, Surroundings
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.call_share import share_of, shares_of
from pytest_gilcheck.judge.holding import held_share, word

MS = 1_000_000
POOL = 7

#: What a thread does at one moment, without the GIL and with it. One that waits wants the GIL.
RUNS, SLEEPS, READY, WAITS = "runs", "sleeps", "ready", "waits"
HOLDS, HOLDS_READY, HOLDS_ASLEEP = "holds", "holds, ready", "holds, asleep"
FREE = (RUNS, SLEEPS, READY, WAITS)
HOLDING = (HOLDS, HOLDS_READY, HOLDS_ASLEEP)

MOMENTS = st.lists(
    st.tuples(
        st.one_of(
            st.tuples(st.sampled_from(FREE), st.sampled_from(FREE)),
            st.tuples(st.sampled_from(HOLDING), st.sampled_from(FREE)),
            st.tuples(st.sampled_from(FREE), st.sampled_from(HOLDING)),
        ),
        st.integers(1, 20 * MS),
    ),
    min_size=1,
    max_size=14,
)


@dataclass(frozen=True)
class Simulated:
    """A call, its worker, and the true share; the two threads' doings, moment by moment."""

    call: object
    worker: OtherThread
    held_ns: int
    free_ns: int
    idle_waits_ns: int

    @property
    def truth(self):
        return self.held_ns / (self.held_ns + self.free_ns)

    @property
    def share(self):
        owned = replace(
            self.call,
            workers_held_ns=self.worker.held_ns,
            waiting_on_workers_ns=self.worker.waited_on_ns,
            n_workers=1,
        )
        return share_of(owned, 1, idle_waits_ns=self.idle_waits_ns, workers=(self.worker,))


def simulated(moments, n_late=0):
    """Return the call as the ledger records it. `n_late`: so many moments come after the worker's last reading."""
    first, second = [], []
    for (own, other), ns in moments:
        first.append((own, ns))
        second.append((other, ns))
    n_read = max(0, len(moments) - n_late)
    while n_read < len(moments) and any(other in HOLDING for other, _ in second[n_read:]):
        n_read += 1  # it is read after each hold

    def total(doings, *wanted):
        return sum(ns for doing, ns in doings if doing in wanted)

    def when(own, other):
        return sum(ns for (does, beside), ns in moments if does in own and beside in other)

    # The last stretch of the call's thread without the GIL, up to its wait or its take, and where its delay may lie.
    end = len(first)
    while end and first[end - 1][0] in (*HOLDING, WAITS):
        end -= 1
    begin = end
    while begin and first[begin - 1][0] not in (*HOLDING, WAITS):
        begin -= 1
    ready = [index for index in range(begin, end) if first[index][0] == READY]
    ready_ns = sum(first[index][1] for index in ready)
    until_read_ns = sum(ns for _, ns in moments[ready[0] : n_read]) if ready and ready[0] < n_read else 0
    late_cpu_ns = total(second[n_read:], RUNS)
    worker = OtherThread(
        POOL,
        held_ns=total(second, *HOLDING),
        longest_hold_ns=total(second, *HOLDING),
        n_holds=1,
        waited_on_ns=when((WAITS,), HOLDING),
        waiting_ns=total(second[:n_read], WAITS),
        idle_waiting_ns=sum(ns for (own, other), ns in moments[:n_read] if other == WAITS and own not in HOLDING),
        off_processor=OffProcessor(
            held_delay_ns=total(second, HOLDS_READY),
            free_delay_ns=total(second[:n_read], READY),
            # A thread that waits for the GIL at the end is ready, perhaps.
            unsplit_delay_ns=total(second[n_read:], WAITS),
            late_delay_ns=total(second[n_read:], READY),
            free_cpu_ns=total(second, RUNS),
            alone_ready_ns=max(0, ready_ns - until_read_ns - late_cpu_ns),
        ),
    )
    waiting_ns = total(first, WAITS)
    record = replace(
        call(total(first, *HOLDING), total(first, RUNS, SLEEPS, READY), waiting_ns),
        cpu_ns=total(first, RUNS, HOLDS),
        delay_ns=total(first, READY, HOLDS_READY),
        held_delay_ns=total(first, HOLDS_READY),
        free_delay_ns=total(first, READY),
        unsplit_delay_ns=0,
        others=(worker,),
    )
    held_ns = when((HOLDS, HOLDS_ASLEEP), FREE) + when(FREE, (HOLDS, HOLDS_ASLEEP))
    free_ns = when((RUNS,), FREE) + when((SLEEPS, READY, WAITS), (RUNS,)) + when((SLEEPS,), (SLEEPS,))
    return Simulated(record, worker, held_ns, free_ns, waiting_ns - worker.waited_on_ns)


@given(MOMENTS, st.integers(0, 4))
@example([((HOLDS, SLEEPS), MS), ((RUNS, READY), MS)], 0)
@example([((HOLDS, SLEEPS), MS), ((READY, SLEEPS), MS), ((RUNS, SLEEPS), MS), ((SLEEPS, READY), MS)], 1)
def test_the_bounds_contain_the_true_share_whatever_both_threads_did(moments, n_late):
    """Also where both ran at once, were ready at once, or one worked while the other one wanted the GIL."""
    one = simulated(moments, n_late)
    if one.held_ns + one.free_ns:
        share = one.share
        assert share.low - 1e-9 <= one.truth <= share.high + 1e-9, (share, one)
        assert share.low <= share.value <= share.high


THREE = st.lists(
    st.tuples(
        st.one_of(
            st.tuples(st.sampled_from(FREE), st.sampled_from(FREE), st.sampled_from(FREE)),
            st.tuples(st.sampled_from(HOLDING), st.sampled_from(FREE), st.sampled_from(FREE)),
            st.tuples(st.sampled_from(FREE), st.sampled_from(HOLDING), st.sampled_from(FREE)),
            st.tuples(st.sampled_from(FREE), st.sampled_from(FREE), st.sampled_from(HOLDING)),
        ),
        st.integers(1, 20 * MS),
    ),
    min_size=1,
    max_size=10,
)


@given(THREE)
@example([((HOLDS, SLEEPS, SLEEPS), MS), ((READY, SLEEPS, RUNS), MS)])
@example([((HOLDS, SLEEPS, SLEEPS), MS), ((RUNS, SLEEPS, SLEEPS), MS), ((SLEEPS, SLEEPS, READY), MS)])
def test_the_bounds_contain_the_true_share_of_a_call_with_two_workers(moments):
    """What a second worker did beside the two is not known."""

    def total(doings):
        return sum(ns for (_, _, third), ns in moments if third in doings)

    def when(*wanted):
        return sum(ns for all_, ns in moments if all(does in some for does, some in zip(all_, wanted, strict=True)))

    one = simulated([((own, other), ns) for (own, other, _), ns in moments])
    first = replace(one.worker, idle_waiting_ns=when(FREE, (WAITS,), FREE))
    second = OtherThread(
        POOL + 1,
        held_ns=total(HOLDING),
        waited_on_ns=when((WAITS,), FREE, HOLDING),
        waiting_ns=total((WAITS,)),
        idle_waiting_ns=when(FREE, FREE, (WAITS,)),
        off_processor=OffProcessor(total((HOLDS_READY,)), total((READY,)), free_cpu_ns=total((RUNS,))),
    )
    owned = replace(
        one.call,
        workers_held_ns=first.held_ns + second.held_ns,
        waiting_on_workers_ns=first.waited_on_ns + second.waited_on_ns,
        n_workers=2,
    )
    idle_waits_ns = owned.waiting_ns - owned.waiting_on_workers_ns
    share = share_of(owned, 1, idle_waits_ns=idle_waits_ns, workers=(first, second))

    held_ns = sum(ns for all_, ns in moments if any(does in (HOLDS, HOLDS_ASLEEP) for does in all_))
    free = [(all_, ns) for all_, ns in moments if not any(does in HOLDING for does in all_)]
    free_ns = sum(ns for all_, ns in free if RUNS in all_ or set(all_) == {SLEEPS})
    if held_ns + free_ns:
        assert share.low - 1e-9 <= held_ns / (held_ns + free_ns) <= share.high + 1e-9, share


@given(st.integers(0, 20), st.integers(0, 20), st.integers(1, 8))
def test_the_bounds_are_narrow_where_the_calls_own_thread_computes_all_the_time(
    held_delay_ms, free_delay_ms, n_sleepers
):
    """Eight sleeping threads that took the GIL for 0.1 ms in all made [0.04, 1] of a share of 0.5."""
    off = OffProcessor(held_delay_ns=0, free_delay_ns=5 * MS, unsplit_delay_ns=MS // 100, free_cpu_ns=MS // 50)
    sleeper = OtherThread(POOL, MS // 80, MS // 80, 1, waiting_ns=10 * MS, off_processor=off)
    one = call(
        (10 + held_delay_ms) * MS,
        (10 + free_delay_ms) * MS,
        cpu_ns=20 * MS,
        delay_ns=(held_delay_ms + free_delay_ms) * MS,
        held_delay_ns=held_delay_ms * MS,
        free_delay_ns=free_delay_ms * MS,
        others=tuple(replace(sleeper, thread=POOL + index) for index in range(n_sleepers)),
    )

    (share,) = shares_of([one], 25)

    assert 0.45 < share.low <= 0.5 <= share.high < 0.55


def beside_busy_processes(held_ms, free_ms, *, woken_ms, in_hold_ms, in_free_ms, back_ms):
    """A call of a pool, as it goes: it is handed over, held, let go, handed back; each time somebody must get a processor."""
    return [
        ((HOLDS, SLEEPS), MS // 20),
        ((SLEEPS, READY), int(woken_ms * MS)),
        ((SLEEPS, HOLDS), int(held_ms * MS)),
        ((SLEEPS, HOLDS_READY), int(in_hold_ms * MS)),
        ((SLEEPS, RUNS), int(free_ms * MS)),
        ((SLEEPS, READY), int(in_free_ms * MS)),
        ((SLEEPS, HOLDS), MS // 20),
        ((READY, SLEEPS), int(back_ms * MS)),
        ((HOLDS, SLEEPS), MS // 20),
    ]


DELAYS_MS = st.floats(0, 30)


DELAYS = st.fixed_dictionaries(
    {"woken_ms": DELAYS_MS, "in_hold_ms": DELAYS_MS, "in_free_ms": DELAYS_MS, "back_ms": DELAYS_MS}
)


@given(st.floats(5, 50), st.floats(0, 50), DELAYS)
def test_the_bounds_are_narrow_where_one_thread_works_after_the_other(held_ms, free_ms, delays):
    """However long each of them was kept off the processor: that was half of the call, and the bounds were [0, 1]."""
    one = simulated(beside_busy_processes(held_ms, free_ms, **delays), n_late=2)

    share = one.share
    assert share.low - 1e-9 <= one.truth <= share.high + 1e-9
    assert share.high - share.low < 0.05
    assert share.value == pytest.approx(one.truth, abs=0.01)


def checked(one):
    """The share of seven such calls, whose worker does nothing between them."""
    span_ns = one.call.end_ns
    calls = [
        replace(one.call, start_ns=index * 4 * span_ns, end_ns=index * 4 * span_ns + span_ns)
        for index in range(rules.ENOUGH_BATCHES)
    ]
    windows = [call(0, span_ns, start_ns=each.start_ns + 2 * span_ns) for each in calls]
    return held_share(calls, 25, surroundings=Surroundings(tuple(windows), 0, 10 * span_ns))


def test_share_when_a_workers_delays_are_known_then_the_sum_of_all_threads_does_not_matter():
    """Beside two busy processes each call of a pool was inconclusive."""
    busy = {"woken_ms": 4, "in_hold_ms": 12, "in_free_ms": 0, "back_ms": 4}

    assert word(checked(simulated(beside_busy_processes(20, 0, **busy), 2))) == "held"
    assert word(checked(simulated(beside_busy_processes(0.01, 20, **busy), 2))) == "released"
    assert word(checked(simulated(beside_busy_processes(10, 10, **busy), 2))) == "partial"


def test_share_when_they_are_not_known_then_it_does():
    """A chatty worker is not read each time, and one that has ended cannot be read."""
    one = simulated(beside_busy_processes(20, 0, woken_ms=4, in_hold_ms=12, in_free_ms=0, back_ms=4), 2)
    unknown = replace(one.call, others=(replace(one.worker, off_processor=None),))

    assert word(checked(replace(one, call=unknown))) is None
