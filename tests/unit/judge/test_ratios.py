"""The word that rounds and controls decide, on built rounds."""

from __future__ import annotations

import dataclasses

import pytest
from built import MACHINE
from built_rounds import DISTURBED, MS, arm, locked_round, one_round
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import Claim, Estimate, Round
from pytest_gilcheck.judge.bounds import word_of
from pytest_gilcheck.judge.overlap import decides_overlap
from pytest_gilcheck.judge.ratios import Ratios
from pytest_gilcheck.judge.shortfall import losses


def test_word_when_one_round_was_made_then_a_twofold_speedup_is_not_believed():
    """One of seventy-five rounds of real calls, taken alone and widened by 15 %, said a wrong word."""
    assert word_of(Ratios.of([one_round(2 * MS)], MACHINE).speedup) is None
    assert word_of(Ratios.of([one_round(2 * MS)] * 2, MACHINE).speedup) == "overlaps"


@pytest.mark.parametrize(("competing_ns", "word"), [(2 * MS, "overlaps"), (4 * MS, "serialised"), (3_200_000, None)])
def test_word_when_rounds_agree_then_the_border_alone_decides(competing_ns, word):
    assert word_of(Ratios.of([one_round(competing_ns)] * 20, MACHINE).speedup) == word


@pytest.mark.parametrize("held_ns", [2 * MS, 3_200_000])
def test_controls_when_the_held_one_does_not_come_out_as_what_it_is_then_they_decide_nothing(held_ns):
    rounds = [one_round(2 * MS, held_ns=held_ns)] * 20

    assert not Ratios.of(rounds, MACHINE).separate
    assert not decides_overlap(rounds, [], Claim(), MACHINE, Estimate())


@pytest.mark.parametrize(("competing_ns", "word"), [(2 * MS, "overlaps"), (4 * MS, None)])
def test_controls_when_the_released_one_gains_nothing_then_a_call_that_does_still_overlaps(competing_ns, word):
    """Two threads that sleep, on a machine that gives them one core: nothing is to be said of those that do not gain."""
    ratios = Ratios.of([one_round(competing_ns, released_ns=4 * MS)] * 20, MACHINE)

    assert not ratios.separate
    assert ratios.word == word


@given(st.floats(0.89, 1), st.integers(2 * MS, 4 * MS))
def test_word_when_the_ledger_leaves_no_room_then_no_machine_is_needed_to_say_serialised(held, released_ns):
    """The control gained nothing for seconds on end; that a call which keeps the GIL is serialised was plain all the same."""
    ratios = Ratios.of([one_round(4 * MS, released_ns=released_ns)] * 20, MACHINE)

    assert ratios.bounded(Estimate(held, held, held, quantity="held share")).word == "serialised"


def test_word_when_competing_threads_were_kept_off_the_processor_then_serialised_is_not_said():
    """Four busy neighbours make released calls look serialised; the time off the processor bounds what that proves."""
    rounds = [one_round(4 * MS, delay_ns=4 * MS)] * 20

    assert word_of(Ratios.of(rounds, MACHINE).speedup) is None


def test_word_when_neighbours_hide_the_control_then_serialised_rests_on_the_accounts():
    """A lock was added on a runner with two busy neighbours: without their time the calls still need as long as alone."""
    ratios = Ratios.of([locked_round(3 * MS, released=DISTURBED)] * 20, MACHINE)

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
    assert Ratios.of([locked_round(3 * MS, released=released, **serial)] * 20, MACHINE).word is None


def test_speedup_when_there_are_more_threads_than_cores_then_they_keep_only_each_other_off():
    """Four threads on two cores: what each waits for is the others, and no bound may hope for four cores."""
    competing = arm(4 * MS, n_threads=4, cpu_ns=8 * MS, delay_ns=8 * MS)
    rounds = [
        Round(4, 2, 2, MS, arm(8 * MS), competing, arm(8 * MS), competing, arm(8 * MS, n_threads=4, cpu_ns=8 * MS))
    ] * 20

    ratios = Ratios.of(rounds, dataclasses.replace(MACHINE, n_cpus=2, cpu_quota=None))

    assert (ratios.speedup.low, ratios.speedup.high, ratios.word) == (2, 2, "overlaps")


@given(st.integers(0, 40 * MS))
def test_word_when_all_work_was_done_with_the_gil_in_hand_then_it_is_serialised_however_busy_the_machine(off_ns):
    wall_ns = 4 * MS + off_ns
    held = dataclasses.replace(arm(wall_ns, n_threads=2, cpu_ns=4 * MS, delay_ns=off_ns), held_cpu_ns=4 * MS)
    rounds = [dataclasses.replace(one_round(wall_ns), competing=held, held=held, released=DISTURBED)] * 20

    assert Ratios.of(rounds, MACHINE).word == "serialised"


def test_word_when_the_machine_hardly_lets_the_control_overlap_then_a_call_close_to_it_is_not_blamed():
    """Two halves of one core: the control reaches 1.3, the call 1.2."""
    rounds = [one_round(3_330_000, released_ns=3_080_000)] * 20

    assert word_of(Ratios.of(rounds, MACHINE).speedup) == "serialised"
    assert Ratios.of(rounds, MACHINE).word is None


@given(st.integers(0, 8 * MS))
def test_word_when_released_calls_were_kept_off_the_processor_then_serialised_is_never_said(delay_ns):
    competing = arm(2 * MS + delay_ns, n_threads=2, cpu_ns=4 * MS, delay_ns=delay_ns)
    rounds = [dataclasses.replace(one_round(2 * MS), competing=competing, released=competing)] * 20

    assert Ratios.of(rounds, MACHINE).word in ("overlaps", None)


@given(st.integers(MS, 8 * MS), st.integers(2, 50))
def test_efficiency_when_the_call_behaves_as_the_control_then_its_interval_contains_one(wall_ns, n):
    rounds = [one_round(wall_ns, released_ns=wall_ns)] * n
    efficiency = Ratios.of(rounds, MACHINE).efficiency

    assert efficiency.low is not None
    assert efficiency.high is not None
    assert efficiency.low <= 1 <= efficiency.high


@given(st.floats(0.01, 1), st.integers(2 * MS, 8 * MS), st.integers(0, 8 * MS), st.integers(3, 12))
def test_speedup_when_the_ledger_knows_the_held_share_then_its_bound_only_helps(held, competing_ns, delay_ns, n):
    rounds = [one_round(competing_ns + delay_ns, delay_ns=delay_ns)] * n
    alone = Ratios.of(rounds, MACHINE)

    bounded = alone.bounded(Estimate(held, held, held, quantity="held share")).speedup

    assert alone.speedup.low <= bounded.low <= bounded.value <= bounded.high <= alone.speedup.high
    assert alone.speedup.low > 1.1 / held or bounded.high <= max(1.1 / held, alone.speedup.low)


def test_word_when_a_held_call_had_one_slow_serial_arm_then_the_ledger_settles_it():
    """Three rounds, one of them with a serial arm half as long again: wall time alone would leave it open."""
    slow = dataclasses.replace(one_round(4 * MS), serial=arm(6 * MS))
    ratios = Ratios.of([one_round(4 * MS), slow, one_round(4 * MS)], MACHINE)

    assert (ratios.word, ratios.bounded(Estimate(1.0, 0.99, 1.0, quantity="held share")).word) == (None, "serialised")


@pytest.mark.parametrize("serial", [{"process_cpu_ns": 8 * MS}, {"cpu_ns": MS, "process_cpu_ns": MS}, {}])
@pytest.mark.parametrize("competing_ns", [2 * MS, 4 * MS])
def test_word_when_the_callee_has_threads_of_its_own_then_neighbours_leave_it_open(serial, competing_ns):
    """Beside two busy processes rapidfuzz with two workers said *overlaps*: four of its threads get more than two do.
    Nobody accounts for their time; six of ten rounds in which nobody kept the control off are not enough then."""
    calm = dataclasses.replace(one_round(competing_ns), serial=dataclasses.replace(arm(4 * MS), **serial))
    disturbed = dataclasses.replace(calm, released=DISTURBED, held=DISTURBED)
    half = Ratios.of([calm] * 6 + [disturbed] * 4, MACHINE)

    assert half.separate
    assert (half.word is None) is bool(serial)
    assert Ratios.of([calm] * 10, MACHINE).word is not None


@pytest.mark.parametrize(("competing_ns", "word"), [(3_480_000, None), (2_100_000, "overlaps"), (5_500_000, None)])
def test_word_when_two_threads_share_a_core_then_no_call_is_blamed_for_it(competing_ns, word):
    """The host put both processors on one core: PBKDF2 and a matrix product, which overlap elsewhere, reached 1.05 to 1.17 with
    twice the processor time, and were called *serialised* beside a control that works for so much time. One that does
    so much work reaches 1.2, too."""
    competing = arm(competing_ns, n_threads=2)
    rounds = [
        dataclasses.replace(one_round(competing_ns), competing=competing, released=arm(3_330_000, n_threads=2))
    ] * 9
    ratios = Ratios.of(rounds, MACHINE)

    assert ratios.separate
    assert ratios.word == word
    assert losses(rounds)["own_growth"] == pytest.approx(max(0, 1 - 3_330_000 / competing_ns) * 4 / 6.66, abs=0.01)


def test_word_when_calls_need_more_processor_time_than_alone_then_accounts_of_delay_are_not_enough():
    """Whoever shares a core takes from it what no scheduler tells; the control happened to be spared."""
    rounds = [locked_round(3 * MS, released=DISTURBED)] * 20
    grown = [dataclasses.replace(r, competing=dataclasses.replace(r.competing, cpu_ns=6 * MS)) for r in rounds]

    assert Ratios.of(rounds, MACHINE).word == "serialised"
    assert Ratios.of(grown, MACHINE).word is None


def test_word_when_the_host_shares_the_cores_then_a_lock_shows_by_where_the_time_went():
    """The released control gained nothing, but needed twice the processor time; the call slept for as long as it ran."""
    rounds = [dataclasses.replace(one_round(4 * MS), competing=arm(4 * MS, n_threads=2, cpu_ns=4 * MS))] * 9
    shared = [dataclasses.replace(r, released=arm(4 * MS, n_threads=2)) for r in rounds]
    stopped = [dataclasses.replace(r, released=arm(4 * MS, n_threads=2, cpu_ns=4 * MS)) for r in rounds]

    assert Ratios.of(shared, MACHINE).word == "serialised"
    assert Ratios.of(stopped, MACHINE).word is None
