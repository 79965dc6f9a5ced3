"""Laws of the wall-clock verdict, on built rounds."""

from __future__ import annotations

import dataclasses

import pytest
from built import BENCH, observation
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import Arm, Claim, Estimate, Round
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.bounds import interval, speedup_of, word_of
from pytest_gilcheck.judge.overlap import is_enough, rates_met, wall_clock
from pytest_gilcheck.judge.ratios import Ratios
from pytest_gilcheck.judge.shortfall import losses, shortfall

MS = 1_000_000


def arm(wall_ns: int, *, n_threads: int = 1, cpu_ns: int | None = None, delay_ns: int = 0, waiting_ns: int = 0) -> Arm:
    cpu_ns = wall_ns * n_threads if cpu_ns is None else cpu_ns
    return Arm(
        wall_ns,
        wall_ns * n_threads,
        cpu_ns,
        cpu_ns,
        delay_ns,
        waiting_ns,
        n_voluntary=0,
        together_ns=0,
        able_ns=wall_ns,
    )


def one_round(crew_ns: int, *, released_ns: int = 2 * MS, held_ns: int = 4 * MS, delay_ns: int = 0) -> Round:
    return Round(
        n_threads=2,
        n_calls=2,
        n_control_calls=2,
        control_ns=MS,
        serial=arm(4 * MS),
        crew=arm(crew_ns, n_threads=2, cpu_ns=4 * MS, delay_ns=delay_ns),
        control=arm(4 * MS),
        released=arm(released_ns, n_threads=2, cpu_ns=4 * MS),
        held=arm(held_ns, n_threads=2, cpu_ns=4 * MS),
    )


walls = st.integers(10_000, 10**10)


@given(walls, walls, st.integers(0, 10**10), st.integers(0, 10**10))
def test_speedup_when_threads_were_delayed_then_its_bounds_contain_what_was_found(
    serial, crew, serial_delay, crew_delay
):
    low, found, high = speedup_of(
        arm(serial, delay_ns=serial_delay), arm(crew, n_threads=2, cpu_ns=crew // 2, delay_ns=crew_delay), 2
    )

    assert 0 <= low <= found <= high


@given(walls, walls, st.integers(0, 10**8), st.integers(0, 10**8))
def test_speedup_when_delay_grows_then_its_upper_bound_does_not_shrink(serial, crew, delay, more):
    def high(delay_ns: int) -> float:
        return speedup_of(arm(serial), arm(crew, n_threads=2, cpu_ns=crew // 3, delay_ns=delay_ns), 2)[2]

    assert high(delay + more) >= high(delay)


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=80), st.randoms())
def test_interval_when_rounds_come_in_another_order_then_it_is_the_same(values, random):
    bounds = [(value, value, value) for value in values]
    shuffled = random.sample(bounds, len(bounds))

    assert interval(bounds, "x") == interval(shuffled, "x")


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=rules.ENOUGH_ROUNDS - 1))
def test_interval_when_rounds_are_few_then_it_contains_all_of_them_widened(values):
    estimate = interval([(value, value, value) for value in values], "x")

    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.low < min(values)
    assert estimate.high > max(values)


@given(st.lists(st.floats(0.5, 2), min_size=1, max_size=rules.ENOUGH_ROUNDS - 2), st.booleans())
def test_interval_when_one_more_round_is_as_those_before_then_it_does_not_grow(values, is_control):
    """The fewer rounds, the more they are widened."""
    fewer, more = ([(value, value, value) for value in [*values, *values[:n]]] for n in (0, 1))

    narrow, wide = interval(more, "x", is_control=is_control), interval(fewer, "x", is_control=is_control)

    assert wide.low <= narrow.low <= narrow.high <= wide.high


def test_word_when_one_round_was_made_then_a_twofold_speedup_is_not_believed():
    """One of seventy-five rounds of real calls, taken alone and widened by 15 %, said a wrong word."""
    assert word_of(Ratios.of([one_round(2 * MS)], BENCH).speedup) is None
    assert word_of(Ratios.of([one_round(2 * MS)] * 2, BENCH).speedup) == "overlaps"


@pytest.mark.parametrize(("crew_ns", "word"), [(2 * MS, "overlaps"), (4 * MS, "serialised"), (3_200_000, None)])
def test_word_when_rounds_agree_then_the_border_alone_decides(crew_ns, word):
    assert word_of(Ratios.of([one_round(crew_ns)] * 20, BENCH).speedup) == word


@pytest.mark.parametrize("held_ns", [2 * MS, 3_200_000])
def test_controls_when_the_held_one_does_not_come_out_as_what_it_is_then_they_decide_nothing(held_ns):
    rounds = [one_round(2 * MS, held_ns=held_ns)] * 20

    assert not Ratios.of(rounds, BENCH).separate
    assert not is_enough(rounds, Claim(), BENCH, Estimate())


@pytest.mark.parametrize(("crew_ns", "word"), [(2 * MS, "overlaps"), (4 * MS, None)])
def test_controls_when_the_released_one_gains_nothing_then_a_call_that_does_still_overlaps(crew_ns, word):
    """Two threads that sleep, on a machine that gives them one core: nothing is to be said of those that do not gain."""
    ratios = Ratios.of([one_round(crew_ns, released_ns=4 * MS)] * 20, BENCH)

    assert not ratios.separate
    assert ratios.word == word


@given(st.floats(0.89, 1), st.integers(2 * MS, 4 * MS))
def test_word_when_the_ledger_leaves_no_room_then_no_machine_is_needed_to_say_serialised(held, released_ns):
    """The control gained nothing for seconds on end; that a call which keeps the GIL is serialised was plain all the same."""
    ratios = Ratios.of([one_round(4 * MS, released_ns=released_ns)] * 20, BENCH)

    assert ratios.bounded(Estimate(held, held, held, quantity="held share")).word == "serialised"


def test_word_when_the_crew_was_kept_off_the_processor_then_serialised_is_not_said():
    """Four busy neighbours make released calls look serialised; the time off the processor bounds what that proves."""
    rounds = [one_round(4 * MS, delay_ns=4 * MS)] * 20

    assert word_of(Ratios.of(rounds, BENCH).speedup) is None


@given(st.lists(st.tuples(st.integers(1, 10**7), st.integers(0, 10**7)), min_size=1, max_size=20))
def test_speedup_when_one_thread_is_kept_off_then_only_its_own_time_counts(turns):
    """What neighbours took of a single thread is known to the nanosecond: it may not widen the bounds."""
    quiet = [speedup_of(arm(busy), arm(busy, n_threads=2), 2) for busy, _ in turns]
    disturbed = [
        speedup_of(arm(busy + off, cpu_ns=busy, delay_ns=off), arm(busy, n_threads=2), 2) for busy, off in turns
    ]

    assert [(low, high) for low, _, high in quiet] == [(low, high) for low, _, high in disturbed]


def locked_round(off_ns: int, *, released: Arm, **serial: int | None) -> Round:
    """Two threads that sleep for each other, each kept off the processor for half of `off_ns`; the controls, too."""
    wall_ns = 4 * MS + off_ns
    return dataclasses.replace(
        one_round(wall_ns),
        serial=dataclasses.replace(arm(4 * MS), **serial),
        crew=arm(wall_ns, n_threads=2, cpu_ns=4 * MS, delay_ns=off_ns),
        released=released,
    )


DISTURBED = arm(5 * MS, n_threads=2, cpu_ns=4 * MS, delay_ns=4 * MS)


def test_word_when_neighbours_hide_the_control_then_serialised_rests_on_the_accounts():
    """A lock was added on a runner with two busy neighbours: without their time the calls still need as long as alone."""
    ratios = Ratios.of([locked_round(3 * MS, released=DISTURBED)] * 20, BENCH)

    assert not ratios.separate
    assert ratios.word == "serialised"


@pytest.mark.parametrize(
    ("serial", "released"),
    [
        # A thread of the callee's own worked, or one slept alone: their delays are nobody's account.
        ({"process_cpu_ns": 6 * MS}, DISTURBED),
        ({"cpu_ns": 2 * MS, "process_cpu_ns": 2 * MS}, DISTURBED),
        ({"delay_ns": None}, DISTURBED),
        # The cores were taken away by somebody whom no account shows: the control could not have overlapped either.
        ({}, arm(4 * MS, n_threads=2, cpu_ns=4 * MS)),
        ({}, arm(3_500_000, n_threads=2, cpu_ns=4 * MS)),
    ],
)
def test_word_when_time_off_the_processor_is_not_accounted_for_then_serialised_is_not_said(serial, released):
    assert Ratios.of([locked_round(3 * MS, released=released, **serial)] * 20, BENCH).word is None


def test_speedup_when_there_are_more_threads_than_cores_then_they_keep_only_each_other_off():
    """Four threads on two cores: what each waits for is the others, and no bound may hope for four cores."""
    crew = arm(4 * MS, n_threads=4, cpu_ns=8 * MS, delay_ns=8 * MS)
    rounds = [Round(4, 2, 2, MS, arm(8 * MS), crew, arm(8 * MS), crew, arm(8 * MS, n_threads=4, cpu_ns=8 * MS))] * 20

    ratios = Ratios.of(rounds, dataclasses.replace(BENCH, n_cpus=2, cpu_quota=None))

    assert (ratios.speedup.low, ratios.speedup.high, ratios.word) == (2, 2, "overlaps")


@given(st.integers(0, 40 * MS))
def test_word_when_all_work_was_done_with_the_gil_in_hand_then_it_is_serialised_however_busy_the_machine(off_ns):
    wall_ns = 4 * MS + off_ns
    held = dataclasses.replace(arm(wall_ns, n_threads=2, cpu_ns=4 * MS, delay_ns=off_ns), held_cpu_ns=4 * MS)
    rounds = [dataclasses.replace(one_round(wall_ns), crew=held, held=held, released=DISTURBED)] * 20

    assert Ratios.of(rounds, BENCH).word == "serialised"


def test_word_when_the_machine_hardly_lets_the_control_overlap_then_a_call_close_to_it_is_not_blamed():
    """Two halves of one core: the control reaches 1.3, the call 1.2."""
    rounds = [one_round(3_330_000, released_ns=3_080_000)] * 20

    assert word_of(Ratios.of(rounds, BENCH).speedup) == "serialised"
    assert Ratios.of(rounds, BENCH).word is None


@given(st.integers(0, 8 * MS))
def test_word_when_released_calls_were_kept_off_the_processor_then_serialised_is_never_said(delay_ns):
    crew = arm(2 * MS + delay_ns, n_threads=2, cpu_ns=4 * MS, delay_ns=delay_ns)
    rounds = [dataclasses.replace(one_round(2 * MS), crew=crew, released=crew)] * 20

    assert Ratios.of(rounds, BENCH).word in ("overlaps", None)


def test_interval_when_five_rounds_were_quiet_then_the_others_do_not_widen_it():
    disturbed = [(0.4, 0.9, 2.0)] * 15

    estimate = interval([*disturbed, *[(1.9, 1.92, 1.95)] * rules.ENOUGH_QUIET_ROUNDS], "x")

    assert 1.9 / 1.2 < estimate.low < 1.9
    assert interval([*disturbed, *[(1.9, 1.92, 1.95)] * (rules.ENOUGH_QUIET_ROUNDS - 1)], "x").low == pytest.approx(0.4)


@pytest.mark.parametrize(("n_quiet", "n_disturbed", "are_taken_alone"), [(3, 3, True), (3, 4, False), (2, 2, False)])
def test_interval_when_half_of_few_rounds_were_quiet_then_three_are_enough(n_quiet, n_disturbed, are_taken_alone):
    bounds = [*[(1.9, 1.92, 1.95)] * n_quiet, *[(0.4, 0.9, 2.0)] * n_disturbed]

    assert (interval(bounds, "x").low > 1.25) is are_taken_alone


@given(st.integers(MS, 8 * MS), st.integers(2, 50))
def test_efficiency_when_the_call_behaves_as_the_control_then_its_interval_contains_one(wall_ns, n):
    rounds = [one_round(wall_ns, released_ns=wall_ns)] * n
    efficiency = Ratios.of(rounds, BENCH).efficiency

    assert efficiency.low is not None
    assert efficiency.high is not None
    assert efficiency.low <= 1 <= efficiency.high


def test_claim_when_the_interval_straddles_it_then_it_is_undecided():
    ratios = Ratios.of([one_round(2 * MS)] * 20, BENCH)

    assert rates_met(Claim(min_speedup=1.5), ratios.speedup, ratios.efficiency) is True
    assert rates_met(Claim(min_speedup=2.5), ratios.speedup, ratios.efficiency) is False
    wide = dataclasses.replace(ratios.speedup, low=1.0, high=3.0)
    assert rates_met(Claim(min_speedup=1.5), wide, ratios.efficiency) is None


@given(st.integers(0, 8 * MS), st.integers(0, 8 * MS), st.integers(0, 8 * MS))
def test_losses_when_anything_is_lost_then_each_is_a_share(cpu_ns, delay_ns, waiting_ns):
    crew = arm(4 * MS, n_threads=2, cpu_ns=cpu_ns, delay_ns=delay_ns, waiting_ns=waiting_ns)
    rounds = [dataclasses.replace(one_round(4 * MS), crew=crew)]

    assert all(0 <= share <= 1 for share in losses(rounds).values())


@given(st.integers(1, 100), st.integers(0, 8 * MS))
def test_shortfall_when_hardly_anything_is_held_then_waiting_for_the_gil_is_not_the_cause(percent, waiting_ns):
    """A holder that was kept off the processor made others wait; the call, which holds one hundredth, is not to blame."""
    crew = arm(8 * MS, n_threads=2, cpu_ns=4 * MS, waiting_ns=waiting_ns)
    rounds = [dataclasses.replace(one_round(8 * MS), crew=crew)] * 9
    share = Estimate(percent / 100, percent / 100, percent / 100, quantity="held share")

    cause = shortfall(observation(rounds=tuple(rounds)), rounds, "partial", share)

    assert cause.slug != "held-tail" or percent > 10


@given(st.floats(0.01, 1), st.integers(2 * MS, 8 * MS), st.integers(0, 8 * MS), st.integers(3, 12))
def test_speedup_when_the_ledger_knows_the_held_share_then_its_bound_only_helps(held, crew_ns, delay_ns, n):
    rounds = [one_round(crew_ns + delay_ns, delay_ns=delay_ns)] * n
    alone = Ratios.of(rounds, BENCH)

    bounded = alone.bounded(Estimate(held, held, held, quantity="held share")).speedup

    assert alone.speedup.low <= bounded.low <= bounded.value <= bounded.high <= alone.speedup.high
    assert alone.speedup.low > 1.1 / held or bounded.high <= max(1.1 / held, alone.speedup.low)


def test_word_when_a_held_call_had_one_slow_serial_arm_then_the_ledger_settles_it():
    """Three rounds, one of them with a serial arm half as long again: wall time alone would leave it open."""
    slow = dataclasses.replace(one_round(4 * MS), serial=arm(6 * MS))
    ratios = Ratios.of([one_round(4 * MS), slow, one_round(4 * MS)], BENCH)

    assert (ratios.word, ratios.bounded(Estimate(1.0, 0.99, 1.0, quantity="held share")).word) == (None, "serialised")


def test_cause_when_the_word_lies_at_the_border_and_the_shortfall_does_not_then_it_is_told():
    """A call that brings threads of its own: 1.01 [0.95, 1.25], while the control reached 1.99."""
    rounds = [
        dataclasses.replace(one_round(wall_ns), serial=dataclasses.replace(arm(4 * MS), process_cpu_ns=7 * MS))
        for wall_ns in (3_100_000, 4 * MS) * 10
    ]

    found = wall_clock(observation(rounds=tuple(rounds)), "released", Estimate(0, 0, 0, quantity="held share"))

    assert found.word == "inconclusive"
    assert [reason.slug for reason in found.reasons] == ["overlap-borderline", "own-thread-pool"]
    assert "brings threads of its own" in found.sentence


def pooled(round_: Round) -> Round:
    """Its call brings a thread of its own."""
    return dataclasses.replace(round_, serial=dataclasses.replace(arm(4 * MS), process_cpu_ns=7 * MS))


@pytest.mark.parametrize("released_ns", [2 * MS, 4 * MS])
def test_cause_when_the_callee_spins_on_then_it_is_told_although_no_control_could_overlap(released_ns):
    """OpenBLAS' threads keep both processors for 20 ms after the call: only "free a core" was said."""
    rounds = [pooled(one_round(4 * MS, released_ns=released_ns))] * 9

    found = wall_clock(observation(rounds=tuple(rounds)), "released", Estimate(0, 0, 0, quantity="held share"))

    assert "own-thread-pool" in [reason.slug for reason in found.reasons]
    assert ("no-spare-cores" in [reason.slug for reason in found.reasons]) is (released_ns == 4 * MS)


@pytest.mark.parametrize(
    ("crew_ns", "cpu_ns", "slugs"),
    [
        (2_300_000, 4_550_000, ["memory-bandwidth"]),  # 0.87 of the control, and a tenth of the time is found again
        (2_300_000, 4_300_000, []),  # as much is lost, half of it to sleep: nothing stands out
        (2_150_000, 4_250_000, []),  # 0.93: hardly anything is lost
        (2_300_000, 4 * MS, ["inner-lock"]),
    ],
)
def test_cause_when_a_tenth_is_lost_then_it_is_told_if_there_is_one(crew_ns, cpu_ns, slugs):
    crew = arm(crew_ns, n_threads=2, cpu_ns=cpu_ns)
    rounds = [dataclasses.replace(one_round(crew_ns), crew=crew)] * 20

    found = wall_clock(observation(rounds=tuple(rounds)), "released", Estimate(0, 0, 0, quantity="held share"))

    assert [reason.slug for reason in found.reasons] == slugs


@pytest.mark.parametrize("serial", [{"process_cpu_ns": 8 * MS}, {"cpu_ns": MS, "process_cpu_ns": MS}, {}])
@pytest.mark.parametrize("crew_ns", [2 * MS, 4 * MS])
def test_word_when_the_callee_has_threads_of_its_own_then_neighbours_leave_it_open(serial, crew_ns):
    """Beside two busy processes rapidfuzz with two workers said *overlaps*: four of its threads get more than two do.
    Nobody accounts for their time; six of ten rounds in which nobody kept the control off are not enough then."""
    calm = dataclasses.replace(one_round(crew_ns), serial=dataclasses.replace(arm(4 * MS), **serial))
    disturbed = dataclasses.replace(calm, released=DISTURBED, held=DISTURBED)
    half = Ratios.of([calm] * 6 + [disturbed] * 4, BENCH)

    assert half.separate
    assert (half.word is None) is bool(serial)
    assert Ratios.of([calm] * 10, BENCH).word is not None


@pytest.mark.parametrize(("crew_ns", "word"), [(3_480_000, None), (2_100_000, "overlaps"), (5_500_000, None)])
def test_word_when_two_threads_share_a_core_then_no_call_is_blamed_for_it(crew_ns, word):
    """The host put both processors on one core: PBKDF2 and a matrix product, which overlap elsewhere, reached 1.05 to 1.17 with
    twice the processor time, and were called *serialised* beside a control that works for so much time. One that does
    so much work reaches 1.2, too."""
    crew = arm(crew_ns, n_threads=2)
    rounds = [dataclasses.replace(one_round(crew_ns), crew=crew, released=arm(3_330_000, n_threads=2))] * 9
    ratios = Ratios.of(rounds, BENCH)

    assert ratios.separate
    assert ratios.word == word
    assert losses(rounds)["own_growth"] == pytest.approx(max(0, 1 - 3_330_000 / crew_ns) * 4 / 6.66, abs=0.01)


def test_word_when_calls_need_more_processor_time_than_alone_then_accounts_of_delay_are_not_enough():
    """Whoever shares a core takes from it what no scheduler tells; the control happened to be spared."""
    rounds = [locked_round(3 * MS, released=DISTURBED)] * 20
    grown = [dataclasses.replace(r, crew=dataclasses.replace(r.crew, cpu_ns=6 * MS)) for r in rounds]

    assert Ratios.of(rounds, BENCH).word == "serialised"
    assert Ratios.of(grown, BENCH).word is None


def test_word_when_the_host_shares_the_cores_then_a_lock_is_told_by_where_the_time_went():
    """The released control gained nothing, but needed twice the processor time; the call slept for as long as it ran."""
    rounds = [dataclasses.replace(one_round(4 * MS), crew=arm(4 * MS, n_threads=2, cpu_ns=4 * MS))] * 9
    shared = [dataclasses.replace(r, released=arm(4 * MS, n_threads=2)) for r in rounds]
    stopped = [dataclasses.replace(r, released=arm(4 * MS, n_threads=2, cpu_ns=4 * MS)) for r in rounds]

    assert Ratios.of(shared, BENCH).word == "serialised"
    assert Ratios.of(stopped, BENCH).word is None


def test_cause_when_memory_is_shared_on_top_of_a_core_then_it_is_told():
    """What the control needs more, too, explains most of the growth, but not that the call falls behind it."""
    crew = arm(2_700_000, n_threads=2)
    rounds = [dataclasses.replace(one_round(2_700_000), crew=crew, released=arm(2_400_000, n_threads=2))] * 20

    found = wall_clock(observation(rounds=tuple(rounds)), "released", Estimate(0, 0, 0, quantity="held share"))

    assert losses(rounds)["own_growth"] < rules.NAMED_LOSS_SHARE
    assert [reason.slug for reason in found.reasons] == ["memory-bandwidth"]
