"""From a record of changes to the share of a call: pure, on records of schedules whose truth is known."""

import random
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.observe.attachment import attached_calls
from pytest_gilcheck.observe.recorded import BlindParts, Change, Changes, recorded_call

READING_NS = 5_000
FUNCTION_NS = 40


def timed(start_ns, end_ns, delay_ns=0, cpu_ns=0):
    return SimpleNamespace(start_ns=start_ns, end_ns=end_ns, delay_ns=delay_ns, cpu_ns=cpu_ns)


class Thread:
    """A thread that runs, is kept off the processor, and calls hooked functions; it keeps the truth beside the record."""

    def __init__(self, *, reads=lambda: True):
        self.now_ns = self.delay_ns = 1_000_000
        self.is_attached = True
        self.changes, self.attached_ns, self.run_ns, self.reads = [], 0, 0, reads

    def run(self, duration_ns):
        self.now_ns += duration_ns
        self.run_ns += duration_ns
        self.attached_ns += duration_ns * self.is_attached

    def wait(self, duration_ns):
        self.now_ns += duration_ns
        self.delay_ns += duration_ns

    def change(self, delay_within_ns=0):
        start_ns, reads, delay_before_ns = self.now_ns, self.reads(), self.delay_ns
        if not self.is_attached and reads:
            self.wait(delay_within_ns)
            self.now_ns += READING_NS
        before_ns = self.now_ns
        self.now_ns += FUNCTION_NS
        self.run_ns += FUNCTION_NS
        after_ns = self.now_ns
        self.is_attached = not self.is_attached
        if not self.is_attached and reads:
            self.wait(delay_within_ns)
            self.now_ns += READING_NS
        delay_ns = (delay_before_ns, self.delay_ns) if reads else None
        self.changes.append(Change(start_ns, before_ns, after_ns, self.now_ns, self.is_attached, delay_ns))


pieces = st.lists(
    st.tuples(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**6)), min_size=1, max_size=20
)


def played(pieces, reads=lambda: True):
    """Play pieces of (run, delay, delay within the reading), each in the other state, and return the thread and its call."""
    thread = Thread(reads=reads)
    start_ns, delay_ns = thread.now_ns, thread.delay_ns
    for number, (run_ns, wait_ns, within_ns) in enumerate(pieces):
        if number:
            thread.change(within_ns)
        thread.run(run_ns // 2)
        thread.wait(wait_ns)
        thread.run(run_ns - run_ns // 2)
    if not thread.is_attached:
        thread.change()
    return thread, timed(start_ns, thread.now_ns, thread.delay_ns - delay_ns, thread.run_ns)


@given(pieces)
def test_a_recorded_call_is_known_up_to_the_time_of_the_functions_themselves(pieces):
    """Wherever the thread was kept off the processor, in the hooks' own readings too: that counts for no state."""
    thread, span = played(pieces)

    call = recorded_call(span, Changes(tuple(thread.changes)), (), BlindParts())

    assert call.n_changes == len(thread.changes)
    assert call.run_ns == thread.run_ns
    assert call.least_attached_ns <= thread.attached_ns <= call.most_attached_ns
    if len(thread.changes) < 2 or pieces[0][1] + (pieces[-1][1] if len(pieces) % 2 else 0) == 0:
        assert call.most_attached_ns - call.least_attached_ns <= FUNCTION_NS * len(thread.changes)


@given(pieces, st.randoms(use_true_random=False))
def test_where_the_delay_was_not_read_each_time_the_bounds_allow_for_it(pieces, chance):
    thread, span = played(pieces, reads=lambda: chance.random() < 0.5)

    call = recorded_call(span, Changes(tuple(thread.changes)), (), BlindParts())

    assert call.least_attached_ns <= thread.attached_ns <= call.most_attached_ns
    assert 0 <= call.least_attached_ns <= call.most_attached_ns <= call.run_ns


@given(pieces, st.integers(0, 99))
def test_samples_of_the_same_thread_agree_with_its_record(pieces, seed):
    thread, span = played(pieces)
    chance = random.Random(seed)  # noqa: S311  (moments, no secrets)
    samples = []
    for moment in sorted(chance.randrange(span.start_ns, span.end_ns + 1) for _ in range(50)):
        is_attached = sum(change.after_ns <= moment for change in thread.changes) % 2 == 0
        samples.append((moment, moment + 500, is_attached, 0, 0))

    (call,) = attached_calls([span], samples, Changes(tuple(thread.changes)))

    assert call.recorded.n_contradicting == 0
    assert call.recorded.n_compared <= call.n_samples
    n_agreeing = call.recorded.n_agreeing_attached + call.recorded.n_agreeing_detached
    assert 0 <= n_agreeing <= call.recorded.n_compared + 1e-6


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_a_sample_that_shows_another_state_is_counted(wrong):
    """As where the interpreter detaches by itself, or a module attaches that found the function in another way."""
    thread, span = played([(1_000_000, 0, 0)] * 3)
    moments = [span.start_ns + 500_000 + 1_000_000 * number for number in range(3)]
    samples = [(at, at + 500, (number != 1) != (number == wrong), 0, 0) for number, at in enumerate(moments)]

    (call,) = attached_calls([span], samples, Changes(tuple(thread.changes)))

    assert (call.recorded.n_compared, call.recorded.n_contradicting) == (3, 1)


def test_a_sample_taken_while_the_thread_changes_says_nothing():
    thread, span = played([(1_000_000, 0, 0), (1_000_000, 0, 0), (1_000_000, 0, 0)])
    moment = thread.changes[0].before_ns
    samples = [(moment - 300, moment + 300, shown, 0, 0) for shown in (True, False)]

    (call,) = attached_calls([span], samples, Changes(tuple(thread.changes)))

    assert (call.n_samples, call.recorded.n_compared, call.recorded.n_contradicting) == (2, 0, 0)


def test_a_call_is_not_recorded_where_changes_may_be_missing():
    thread, span = played([(1_000_000, 0, 0), (1_000_000, 0, 0), (1_000_000, 0, 0)])
    changes = tuple(thread.changes)

    assert recorded_call(span, Changes(changes, span.end_ns + 1), (), BlindParts()) is not None
    assert recorded_call(span, Changes(changes, span.end_ns), (), BlindParts()) is None
    # It begins and ends attached, whatever came before it.
    assert recorded_call(span, Changes(changes[:1]), (), BlindParts()) is None
    assert recorded_call(span, Changes(changes[1:]), (), BlindParts()) is None
    # Where the system reports no delay it may have been any state.
    assert recorded_call(timed(span.start_ns, span.end_ns, None), Changes(changes), (), BlindParts()) is None


def test_other_calls_of_the_thread_are_left_alone():
    thread, span = played([(1_000_000, 0, 0), (1_000_000, 0, 0), (1_000_000, 0, 0)])
    changes = Changes(tuple(thread.changes))

    before = recorded_call(timed(0, span.start_ns), changes, (), BlindParts())
    after = recorded_call(timed(span.end_ns, span.end_ns + 1_000), changes, (), BlindParts())

    assert (before.n_changes, before.least_attached_ns) == (0, span.start_ns)
    assert (after.n_changes, after.least_attached_ns, after.most_attached_ns) == (0, 1_000, 1_000)


def test_what_no_sample_speaks_of_counts_as_far_as_it_was_attached():
    """Beside a load a call is interrupted after each slice at the same place, and sampled only there."""
    thread, span = played([(0, 0, 0), (3_000_000, 0, 0), (1_000_000, 0, 0)])
    last = thread.changes[1].after_ns
    samples = [(last + 10_000, last + 10_500, True, 0, 0), (last + 990_000, last + 990_500, True, 0, 900_000)]

    (call,) = attached_calls(
        [timed(span.start_ns, span.end_ns, 900_000, 3_100_000)], samples, Changes(tuple(thread.changes))
    )

    assert 0 < call.recorded.shared_ns < call.shared_ns
    assert call.recorded.unsampled_ns == pytest.approx(980_000 - 450_000, abs=5_000)
    assert call.unsampled_ns > 3_000_000


def test_a_call_that_is_attached_throughout_says_which_tenths_of_it_were_sampled():
    """By the time for which it had run: the time off the processor is no part of it."""
    span = timed(0, 15_000_000, 5_000_000, 10_000_000)
    # It is kept off the processor after 2.5 ms, for 5 ms.
    samples = [(at, at + 500, True, 0, 0 if at < 7_500_000 else 5_000_000) for at in (1_100_000, 2_400_000, 7_600_000)]

    (call,) = attached_calls([span], samples, Changes(()))
    (detaches,) = attached_calls(
        [span], samples, Changes((Change(1, 1, 2, 2, False, None), Change(3, 3, 4, 4, True, None)))
    )

    assert [tenth for tenth, is_sampled in enumerate(call.recorded.sampled_tenths) if is_sampled] == [1, 2]
    assert detaches.recorded.sampled_tenths == ()
