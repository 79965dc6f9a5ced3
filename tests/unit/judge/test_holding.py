"""Laws of the held share, on built calls."""

import pytest
from built import call, shifted
from hypothesis import assume, given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import Claim, Estimate, OtherThread
from pytest_gilcheck.judge import decides_holding, held_share, knows_share, rules
from pytest_gilcheck.judge.call_share import share_of
from pytest_gilcheck.judge.holding import word

PRICE_NS = 25
MS = 1_000_000
ns = st.integers(0, 10**9)
work_ns = st.integers(1_000, 10**9)


def built(held_ns, free_ns, held_delay_ns, free_delay_ns, waiting_ns, told):
    """A call that worked for so long in each state and was descheduled for so long in each."""
    delays = {"delay_ns": held_delay_ns + free_delay_ns}
    if told == "apart":
        delays |= {"held_delay_ns": held_delay_ns, "free_delay_ns": free_delay_ns}
    if told == "nothing":
        delays = {}
    cpu_ns = held_ns + free_ns
    return call(
        held_ns + held_delay_ns, free_ns + free_delay_ns, waiting_ns, n_releases_by_function=1, cpu_ns=cpu_ns, **delays
    )


calls = st.builds(built, work_ns, work_ns, ns, ns, ns, st.sampled_from(["apart", "summed", "nothing"]))


@given(calls)
def test_share_of_any_call_lies_between_its_bounds(made):
    """The bounds are those of the value, and of a share."""
    share = share_of(made, PRICE_NS)

    assert 0 <= share.low <= share.value <= share.high <= 1


@given(work_ns, work_ns, ns, ns, ns, st.sampled_from(["apart", "summed"]))
def test_bounds_contain_the_truth_wherever_delays_fell(
    held_ns, free_ns, held_delay_ns, free_delay_ns, waiting_ns, told
):
    """What a call would have been on a machine of its own lies within the bounds, if the delay is known at all."""
    truth = held_ns / (held_ns + free_ns)

    share = share_of(built(held_ns, free_ns, held_delay_ns, free_delay_ns, waiting_ns, told), PRICE_NS)

    assert share.low - 1e-9 <= truth <= share.high + 1e-9
    if told == "apart":
        assert share.value == pytest.approx(truth)


@given(work_ns, st.integers(0, 10**9), ns, ns)
def test_call_that_never_let_go_held_for_all_of_it_whatever_the_scheduler_says(cpu_ns, off_ns, delay_ns, told_ns):
    """Beside four busy processes, delay from after a held call once covered all of it: *partial, 0.5 [0.5, 0.5]*."""
    made = call(cpu_ns + off_ns, cpu_ns=cpu_ns, delay_ns=delay_ns, held_delay_ns=told_ns, free_delay_ns=0)

    share = share_of(made, PRICE_NS)

    assert (share.low, share.value, share.high) == (1, 1, 1)


long_ns = st.integers(100_000, 10**9)  # shorter calls are not asked in which state they were descheduled


@given(
    work_ns,
    work_ns,
    ns,
    st.integers(0, 50 * MS),
    st.sampled_from(["held", "free", "wait"]),
    st.sampled_from([10_000, 5 * MS]),
)
def test_share_when_nothing_tells_where_a_delay_fell_then_the_bounds_contain_the_truth(
    held_ns, free_ns, waiting_ns, unsplit_ns, where, interval_ns
):
    """A call that computes all the time was ready in its wait only: its processor time says so."""
    more = {where: unsplit_ns}
    assume(where != "wait" or unsplit_ns <= waiting_ns)
    made = call(
        held_ns + more.get("held", 0),
        free_ns + more.get("free", 0),
        waiting_ns,
        n_releases_by_interpreter=1,
        cpu_ns=held_ns + free_ns + min(waiting_ns, waiting_ns // interval_ns * 20_000),
        delay_ns=unsplit_ns,
        held_delay_ns=0,
        free_delay_ns=0,
        unsplit_delay_ns=unsplit_ns,
    )

    found = share_of(made, PRICE_NS, switch_interval_ns=interval_ns)

    assert found.low - 1e-9 <= held_ns / (held_ns + free_ns) <= found.high + 1e-9


def test_share_when_a_call_that_computes_was_ready_in_a_wait_then_its_share_is_known():
    """Beside two busy processes and a busy thread a share of 0.091 came out as [0.04, 0.097]: 5.9 ms were not split."""
    waited = call(
        10 * MS,
        100 * MS,
        21 * MS,
        cpu_ns=110 * MS,
        delay_ns=6 * MS,
        held_delay_ns=0,
        free_delay_ns=0,
        unsplit_delay_ns=6 * MS,
    )

    found = share_of(waited, PRICE_NS, switch_interval_ns=5 * MS)

    assert 0.085 < found.low <= 10 / 110 <= found.high < 0.096


@given(
    work_ns=st.tuples(st.integers(0, 200 * MS), st.integers(5 * MS, 200 * MS)),
    stopped_ns=st.integers(1, 2 * MS),
    in_hold=st.booleans(),
)
def test_share_when_a_call_was_stopped_by_what_no_account_shows_then_the_bounds_contain_the_truth(
    work_ns, stopped_ns, in_hold
):
    """The host took 2.2 ms from a call of 310 ms that computes all the time: neither processor time nor delay."""
    held_ns, free_ns = work_ns
    assume(stopped_ns <= rules.UNSEEN_SHARE * (held_ns + free_ns))
    spans = (held_ns + stopped_ns, free_ns) if in_hold else (held_ns, free_ns + stopped_ns)
    delays = {"delay_ns": 500 * MS, "held_delay_ns": 0, "free_delay_ns": 500 * MS}
    stopped = call(spans[0], spans[1] + 500 * MS, cpu_ns=held_ns + free_ns, **delays)

    found = share_of(stopped, PRICE_NS)

    assert found.low <= held_ns / (held_ns + free_ns) <= found.high


@given(long_ns, long_ns, st.integers(0, 100))
def test_delay_that_the_processor_time_contradicts_is_never_a_narrow_share(held_ns, free_ns, percent):
    """It came from outside of the call: telling it apart by state tells nothing about the call."""
    contradicted_ns = held_ns * percent // 100
    made = call(held_ns, free_ns, delay_ns=contradicted_ns, held_delay_ns=contradicted_ns, free_delay_ns=0)
    truth = held_ns / (held_ns + free_ns)

    share = share_of(made, PRICE_NS)

    assert (
        share.low - 1e-9 <= truth <= share.high + 1e-9 or abs(share.value - truth) <= 2 * rules.CONTRADICTED_DELAY_SHARE
    )


@given(st.lists(calls, min_size=1, max_size=12), st.integers(-(10**12), 10**12), st.integers(0, 10**6))
def test_estimate_does_not_depend_on_when_and_in_which_thread(made, by_ns, thread):
    """Time shift and thread renaming change nothing."""
    assert held_share([shifted(one, by_ns, thread) for one in made], PRICE_NS) == held_share(made, PRICE_NS)


@given(st.lists(calls, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_estimate_does_not_depend_on_the_order_of_calls(made, random):
    """The typical call is the same in any order."""
    mixed = list(made)
    random.shuffle(mixed)

    assert held_share(mixed, PRICE_NS) == held_share(made, PRICE_NS)


@given(st.lists(calls, min_size=1, max_size=12))
def test_estimate_of_any_calls_is_ordered(made):
    """``low <= value <= high``, within 0..1."""
    share = held_share(made, PRICE_NS)

    assert 0 <= share.low <= share.value <= share.high <= 1


@given(st.lists(st.tuples(work_ns, work_ns), min_size=1, max_size=12), st.integers(0, 10**6))
def test_more_holding_in_every_call_never_lowers_the_share(parts, more_ns):
    """Monotone in the held time, at the same length of the call."""
    less = [call(held_ns, free_ns + more_ns) for held_ns, free_ns in parts]
    more = [call(held_ns + more_ns, free_ns, n_releases_by_function=1) for held_ns, free_ns in parts]

    low, high = held_share(less, PRICE_NS), held_share(more, PRICE_NS)

    assert (low.value, low.low, low.high) <= (high.value, high.low, high.high) or more_ns == 0
    assert low.value <= high.value and low.low <= high.low + 1e-12 and low.high <= high.high + 1e-12


@given(work_ns, work_ns, ns)
def test_waiting_for_others_does_not_dilute(held_ns, free_ns, waiting_ns):
    """Time spent waiting for the GIL is in neither part of the share."""
    alone, beside = call(held_ns, free_ns), call(held_ns, free_ns, waiting_ns)

    assert share_of(beside, PRICE_NS).value == share_of(alone, PRICE_NS).value


def test_what_the_callees_own_threads_hold_counts_as_held():
    """A call that lets go so that its own threads may hold lets nobody else run."""
    made = call(
        0,
        0,
        1_000_000,
        workers_held_ns=1_000_000,
        waiting_on_workers_ns=1_000_000,
        n_workers=1,
        n_releases_by_function=1,
    )

    assert share_of(made, PRICE_NS).value == 1.0


def test_a_call_that_only_waited_says_nothing():
    """Without any time of its own, every share is possible."""
    share = share_of(call(0, 0, 1_000_000), PRICE_NS)

    assert (share.low, share.high, share.is_unresolved) == (0.0, 1.0, True)


def test_no_call_gives_no_figure():
    """Nothing recorded is not zero."""
    assert not held_share([], PRICE_NS).measured


def test_a_call_that_never_let_go_is_held_without_any_doubt():
    """There is nothing that could have been stretched."""
    share = held_share([call(20_000_000)], PRICE_NS)

    assert (share.low, share.value, share.high) == (1.0, 1.0, 1.0)


def test_processor_time_of_the_instrument_is_no_part_of_the_call():
    """35,651 hand-overs beside busy processes: readings took more processor time than the call had time."""
    seen = [
        # held, its delay, free, its delay, processor time, all delay, instrument (microseconds)
        (16_070, 12_030, 33_240, 27_920, 69_600, 193_710, 214_000),
        (56_260, 52_040, 17_310, 12_030, 71_620, 216_440, 214_490),
        (4_200, 20, 17_480, 12_080, 72_050, 148_350, 198_720),
    ]

    for held, held_delay, free, free_delay, cpu, delay, instrument in seen:
        delays = {"held_delay_ns": held_delay * 1000, "free_delay_ns": free_delay * 1000, "delay_ns": delay * 1000}
        made = call(
            held * 1000,
            free * 1000,
            n_releases_by_function=35_651,
            cpu_ns=cpu * 1000,
            instrument_ns=instrument * 1000,
            **delays,
        )
        share = share_of(made, PRICE_NS)

        assert 0.42 < share.low <= share.value <= share.high < 0.46


def test_the_only_calm_call_of_many_is_stretched_as_one_that_was_made_alone():
    """What one call alone may be off is not less for others that tell nothing."""
    calm = call(130_000, 870_000, n_releases_by_function=1)
    disturbed = call(10**6, 2 * 10**6, n_releases_by_function=1, cpu_ns=10**5, delay_ns=29 * 10**5)

    alone, among = held_share([calm], PRICE_NS), held_share([disturbed, calm, disturbed], PRICE_NS)

    assert (among.low, among.value, among.high) == (alone.low, alone.value, alone.high)
    assert among.low < 0.05 < among.high


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 0.0499, "released"),
        (0.0, 0.05, "released"),
        (0.0, 0.0501, None),
        (0.05, 0.05, "released"),
        (0.05, 0.06, None),
        (0.0501, 0.9499, "partial"),
        (0.0501, 0.95, None),
        (0.9499, 1.0, None),
        (0.95, 0.95, "held"),
        (0.95, 1.0, "held"),
        (0.9501, 1.0, "held"),
        (0.0, 1.0, None),
    ],
)
def test_word_at_and_beside_the_borders(low, high, expected):
    """Borders belong to *released* and *held*; bounds on both sides of one decide nothing."""
    assert word(Estimate((low + high) / 2, low, high)) == expected


def test_word_of_nothing_measured_is_undecided():
    """No figure, no word."""
    assert word(Estimate()) is None


@given(st.lists(st.floats(0, 1), min_size=2, max_size=2).map(sorted))
def test_word_is_true_of_the_whole_interval(bounds):
    """Whatever the word, every share within the bounds has it."""
    low, high = bounds
    found = word(Estimate((low + high) / 2 if low < high else low, low, high))

    for share in (low, (low + high) / 2, high):
        point = word(Estimate(share, share, share))
        assert found is None or point == found


def test_one_cold_call_decides_nothing():
    """A pilot that took much longer, or had another share, says that the next call may still be warming up."""
    one = [call(100, 20_000_000)]

    assert decides_holding(one, one[0], PRICE_NS, Claim())
    assert not decides_holding(one, call(100, int(20_000_000 * rules.COLD_CALL_FACTOR) + 1000), PRICE_NS, Claim())
    assert not decides_holding(one, call(10_000_000, 10_000_000), PRICE_NS, Claim())


def test_one_call_with_other_threads_decides_nothing():
    """They may be its own, and nobody tells for how long *they* were descheduled."""
    one = [call(100, 20_000_000, others=(OtherThread(7, 200_000),))]

    assert not decides_holding(one, one[0], PRICE_NS, Claim())


def test_an_undecided_claim_asks_for_more_calls():
    """The word may be plain while what is claimed of the share is not."""
    made = [call(held, 1_000_000 - held) for held in range(20_000, 30_000, 1_000)]

    assert decides_holding(made, made[0], PRICE_NS, Claim())
    assert not decides_holding(made, made[0], PRICE_NS, Claim(max_held_share=0.025))
    assert decides_holding(made, made[0], PRICE_NS, Claim(max_held_share=0.04))


def test_the_share_of_half_and_half_is_known_from_several_calls_only():
    """``49.9% [6.2%, 93.7%]`` decides the word, and is no figure."""
    half = call(10_000_000, 10_000_000)

    assert decides_holding([half], half, PRICE_NS, Claim())
    assert not knows_share([half], PRICE_NS)
    assert knows_share([half] * 7, PRICE_NS)
    assert not knows_share([half] * 6 + [call(15_000_000, 10_000_000)], PRICE_NS)
    assert not knows_share([], PRICE_NS)


@pytest.mark.parametrize("made", [call(20_000_000), call(10_000, 20_000_000), call(20_000_000, 1_000)])
def test_the_share_of_a_plain_word_is_known_as_soon_as_the_word(made):
    """Its bounds lie within the border's distance from the end."""
    assert decides_holding([made], made, PRICE_NS, Claim()) <= knows_share([made], PRICE_NS)
