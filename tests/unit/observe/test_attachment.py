"""From samples to what a call did: pure, on samples that tests make."""

import random
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.observe.attachment import FAR_NS, NEAR_NS, attached_calls, pauses_beside_calls

GAP_NS = 60_000


def timed(start_ns, end_ns, delay_ns=0, cpu_ns=0):
    return SimpleNamespace(start_ns=start_ns, end_ns=end_ns, delay_ns=delay_ns, cpu_ns=cpu_ns)


def sampled(start_ns, end_ns, is_attached, *, gap_ns=GAP_NS, delay_at=lambda _moment: 0, n_others=0, seed=1):
    """Return samples at irregular moments of a thread of which `is_attached` says at each moment what it does."""
    chance = random.Random(seed)  # noqa: S311  (moments, no secrets)
    samples, at_ns = [], start_ns - gap_ns
    while at_ns < end_ns + gap_ns:
        at_ns += round(gap_ns * chance.uniform(0.5, 1.5))
        samples.append((at_ns, at_ns + 900, is_attached(at_ns), n_others, delay_at(at_ns)))
    return samples


@given(
    share=st.floats(0, 1),
    span_ns=st.integers(5_000_000, 20_000_000),
    start_ns=st.integers(0, 10**12),
    seed=st.integers(0, 99),
)
def test_the_share_of_a_call_that_attaches_once_is_off_by_at_most_a_gap(share, span_ns, start_ns, seed):
    until_ns = start_ns + share * span_ns
    samples = sampled(start_ns, start_ns + span_ns, lambda at_ns: at_ns < until_ns, seed=seed)

    (call,) = attached_calls([timed(start_ns, start_ns + span_ns, 0, span_ns)], samples)

    assert abs(call.attached_ns / call.run_ns - share) <= 2 * GAP_NS / span_ns
    assert abs(call.run_ns - span_ns) <= call.n_samples
    assert call.unsampled_ns == 0


@given(delayed_share=st.floats(0, 0.9), attached_share=st.floats(0.1, 0.9), where=st.booleans())
def test_time_off_the_processor_counts_for_no_state(delayed_share, attached_share, where):
    """The thread is preempted in one state for most of the time. Its share is that of the time in which it ran."""
    ran_ns = 10_000_000
    attached_ns = round(attached_share * ran_ns)
    delay_ns = round(delayed_share / (1 - delayed_share) * ran_ns)
    # It is preempted in the middle of the first part, or of the second one.
    preempted_ns = attached_ns // 2 if where else (attached_ns + ran_ns) // 2
    border_ns = attached_ns + (delay_ns if where else 0)
    samples = sampled(
        0,
        ran_ns + delay_ns,
        lambda at_ns: at_ns < border_ns,
        delay_at=lambda at_ns: delay_ns if at_ns > preempted_ns + delay_ns else 0,
    )

    (call,) = attached_calls([timed(0, ran_ns + delay_ns, delay_ns, ran_ns)], samples)

    assert abs(call.attached_ns / call.run_ns - attached_share) <= 3 * GAP_NS / ran_ns


@given(
    spans=st.lists(st.tuples(st.integers(0, 10**7), st.integers(1, 10**6)), max_size=8),
    samples=st.lists(
        st.tuples(st.integers(0, 10**7), st.booleans(), st.integers(0, 3), st.none() | st.integers(0, 10**6))
    ),
)
def test_no_samples_whatever_give_an_impossible_record(spans, samples):
    raw = [(at, at + 500, *shown) for at, *shown in sorted(samples, key=lambda sample: sample[0])]

    calls = attached_calls([timed(start, start + length, 10_000, length) for start, length in spans], raw)

    for call in calls:
        assert 0 <= call.attached_ns <= call.either_ns <= call.run_ns <= call.span_ns
        assert 0 <= call.unsampled_ns <= call.span_ns
        assert 0 <= call.longest_attached_ns <= call.span_ns
        assert 0 <= call.n_effective <= call.n_samples + 1e-6


def test_what_lies_far_from_any_sample_is_not_sampled():
    samples = [(at, at + 100, True, 0, 0) for at in (0, 100_000, 5_000_000, 5_100_000)]

    (call,) = attached_calls([timed(0, 5_100_000, 0, 5_100_000)], samples)

    assert call.unsampled_ns == 5_000_000 - 100_000 - 2 * FAR_NS
    assert attached_calls([timed(0, 1_000_000, 0, 0)], [])[0].unsampled_ns == 1_000_000


def test_a_call_that_is_interrupted_after_a_slice_has_run_unseen():
    """It ran for 0.75 ms detached and was interrupted in its last part, attached, where the sampler ran in its place."""
    samples = [(at, at + 500, True, 0, 0) for at in range(800_000, 5_000_000, 60_000)]
    samples.append((5_010_000, 5_010_500, True, 0, 4_200_000))

    (call,) = attached_calls([timed(0, 5_200_000, 4_200_000, 1_000_000)], samples)
    (alone,) = attached_calls([timed(0, 1_200_000)], [(800_000, 800_500, True, 0, 0)])

    assert call.shared_ns >= 600_000
    assert alone.shared_ns == 0


@given(delay_ns=st.integers(1, 2_000_000), at_share=st.floats(0.1, 0.9), is_reported=st.booleans())
def test_a_gap_that_the_sampler_ends_by_taking_the_processor_has_no_sample(delay_ns, at_share, is_reported):
    """However short it is there: a sample takes 10 µs, 0.6 % of a slice, and ends each slice at the same place of the call."""
    ran_ns = 2_000_000
    before_ns = round(at_share * ran_ns)
    samples = [(before_ns + 1_000, before_ns + 1_500, True, 0, 0 if is_reported else None)]
    span = timed(0, ran_ns + delay_ns, delay_ns if is_reported else None, ran_ns)

    (call,) = attached_calls([span], samples)

    assert call.shared_ns >= ran_ns - 2 * NEAR_NS - 1


def test_a_few_long_gaps_say_less_than_many_short_ones():
    even = [(at, at, True, 0, 0) for at in range(0, 10_000_000, 100_000)]
    uneven = [sample for sample in even if not 1_000_000 < sample[0] < 8_000_000]

    (of_even,) = attached_calls([timed(0, 9_900_000, 0, 0)], even)
    (of_uneven,) = attached_calls([timed(0, 9_900_000, 0, 0)], uneven)

    assert of_even.n_effective == pytest.approx(100, rel=0.05)
    assert of_uneven.n_effective < 5


def test_other_threads_count_apart():
    (call,) = attached_calls([timed(0, 10_000_000, 0, 0)], sampled(0, 10_000_000, lambda _: False, n_others=2))

    assert (call.attached_ns, call.either_ns, call.n_most_others) == (0, call.run_ns, 2)


def test_the_longest_stretch_begins_and_ends_with_the_call():
    def of(*moments):
        inside = [(at * 1000, at * 1000 + 10, attached, 0, 0) for at, attached in moments]
        return attached_calls([timed(0, 100_000, 0, 0)], inside)[0].longest_attached_ns

    assert of((10, True), (50, True), (90, True)) == 100_000
    assert of((10, True), (50, False), (90, True)) == 10_010
    assert of((10, False), (50, True), (60, True), (90, False)) == 10_010
    assert of((10, False), (90, False)) == 0


def test_a_collection_counts_as_far_as_it_lies_within_a_call():
    alone = [(0, 400_000, 0), (500_000, 1_000_000, 0), (2_000_000, 2_450_000, 0)]
    beside = [(9_900_000, 10_300_000, 0), (10_500_000, 29_000_000, 0), (40_000_000, 49_000_000, 8_500_000)]

    pauses = pauses_beside_calls([timed(10_000_000, 30_000_000), timed(40_000_000, 60_000_000)], beside, alone)

    assert pauses is not None
    assert (pauses.n_calls, pauses.n_collections, pauses.longest_ns, pauses.alone_ns) == (2, 3, 18_500_000, 400_000)


def test_without_a_collection_alone_there_is_nothing_to_compare_with():
    assert pauses_beside_calls([timed(0, 10)], [(0, 5, 0)], []) is None
