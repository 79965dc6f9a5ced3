"""The opinion on the rounds: claims and causes."""

from __future__ import annotations

import dataclasses

import pytest
from built import MACHINE, observation
from built_rounds import DISTURBED, MS, arm, one_round
from simulation import US, World, short_rounds

from pytest_gilcheck.evidence import Claim, Estimate, Round
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.claim import claim_met, limits_of
from pytest_gilcheck.judge.overlap import decides_overlap, wall_clock, wants_short_round
from pytest_gilcheck.judge.ratios import Ratios
from pytest_gilcheck.judge.shortfall import losses


def test_claim_when_the_interval_straddles_it_then_it_is_inconclusive():
    ratios = Ratios.of([one_round(2 * MS)] * 20, MACHINE)

    wide = dataclasses.replace(ratios.speedup, low=1.0, high=3.0)

    def met(least, speedup):
        return claim_met(limits_of(Claim(min_speedup=least), {"speedup": speedup, "efficiency": ratios.efficiency}))

    assert met(1.5, ratios.speedup) is True
    assert met(2.5, ratios.speedup) is False
    assert met(1.5, wide) is None


def test_cause_when_the_word_lies_at_the_border_and_the_shortfall_does_not_then_it_is_named():
    """A call that brings threads of its own: 1.01 [0.95, 1.25], while the control reached 1.99."""
    rounds = [
        dataclasses.replace(one_round(wall_ns), serial=dataclasses.replace(arm(4 * MS), process_cpu_ns=7 * MS))
        for wall_ns in (3_100_000, 4 * MS) * 10
    ]

    found = wall_clock(observation(rounds=tuple(rounds)), "released", Estimate(0, 0, 0, quantity="held share"))

    assert found.word == "inconclusive"
    assert [reason.slug for reason in found.reasons] == ["overlap-borderline", "own-thread-pool"]
    assert {"efficiency", "cores_used"} <= set(dict(found.reasons[1].values))


def pooled(round_: Round) -> Round:
    """Its call brings a thread of its own."""
    return dataclasses.replace(round_, serial=dataclasses.replace(arm(4 * MS), process_cpu_ns=7 * MS))


@pytest.mark.parametrize("released_ns", [2 * MS, 4 * MS])
def test_cause_when_the_callee_spins_on_then_it_is_named_although_no_control_could_overlap(released_ns):
    """OpenBLAS' threads keep both processors for 20 ms after the call: only "free a core" was said."""
    rounds = [pooled(one_round(4 * MS, released_ns=released_ns))] * 9

    found = wall_clock(observation(rounds=tuple(rounds)), "released", Estimate(0, 0, 0, quantity="held share"))

    assert "own-thread-pool" in [reason.slug for reason in found.reasons]
    assert ("no-spare-cores" in [reason.slug for reason in found.reasons]) is (released_ns == 4 * MS)


@pytest.mark.parametrize(
    ("competing_ns", "cpu_ns", "slugs"),
    [
        (2_300_000, 4_550_000, ["memory-bandwidth"]),  # 0.87 of the control, and a tenth of the time is found again
        (2_300_000, 4_300_000, []),  # as much is lost, half of it to sleep: nothing stands out
        (2_150_000, 4_250_000, []),  # 0.93: hardly anything is lost
        (2_300_000, 4 * MS, ["inner-lock"]),
    ],
)
def test_cause_when_a_tenth_is_lost_then_it_is_named_if_there_is_one(competing_ns, cpu_ns, slugs):
    competing = arm(competing_ns, n_threads=2, cpu_ns=cpu_ns)
    rounds = [dataclasses.replace(one_round(competing_ns), competing=competing)] * 20

    found = wall_clock(observation(rounds=tuple(rounds)), "released", Estimate(0, 0, 0, quantity="held share"))

    assert [reason.slug for reason in found.reasons] == slugs


def test_cause_when_memory_is_shared_on_top_of_a_core_then_it_is_named():
    """What the control needs more, too, explains most of the growth, but not that the call falls behind it."""
    competing = arm(2_700_000, n_threads=2)
    rounds = [dataclasses.replace(one_round(2_700_000), competing=competing, released=arm(2_400_000, n_threads=2))] * 20

    found = wall_clock(observation(rounds=tuple(rounds)), "released", Estimate(0, 0, 0, quantity="held share"))

    assert losses(rounds)["own_growth"] < rules.NAMED_LOSS_SHARE
    assert [reason.slug for reason in found.reasons] == ["memory-bandwidth"]


SHARE = Estimate(0, 0, 0, quantity="held share")
FREE = [[("run", MS)]] * 2
LOCKED = [[("lock", 100 * US)]] * 2
#: Rounds of a busy machine: the controls show that it is, and nothing else.
BUSY = (
    dataclasses.replace(one_round(5 * MS, delay_ns=4 * MS), released=DISTURBED, control=DISTURBED, held=DISTURBED),
) * 3


def stamped(calls, n_busy=1):
    span_ns = sum(ns for _, ns in calls[0])
    made = short_rounds(
        World(n_busy=n_busy), calls, n_rounds=5, n_calls=12 * MS // span_ns, n_stamp_calls=max(1, 400 * US // span_ns)
    )
    whole = [
        dataclasses.replace(
            r,
            serial=dataclasses.replace(r.serial, stamps=s.serial.stamps),
            competing=dataclasses.replace(r.competing, stamps=s.one_each.stamps),
        )
        for r, s in zip(BUSY, made, strict=False)
    ]
    return tuple(whole), tuple(made[len(whole) :])


@pytest.mark.parametrize(("calls", "word", "n_busy"), [(FREE, "overlaps", 1), (LOCKED, "serialised", 0)])
def test_word_when_no_core_is_left_then_what_calls_lose_together_decides_it(calls, word, n_busy):
    rounds, short = stamped(calls, n_busy)

    found = wall_clock(observation(rounds=rounds, short_rounds=short), "released", SHARE)

    assert (found.word, found.decided_by, found.machine_decides) == (word, "together", False)
    assert decides_overlap(rounds, short, Claim(), MACHINE, SHARE)


def test_claim_of_speed_when_only_the_moments_decide_the_word_then_it_stays_that_of_this_machine():
    rounds, short = stamped(FREE)

    assert not decides_overlap(rounds, short, Claim(min_speedup=1.5), MACHINE, SHARE)


def test_cause_when_calls_lose_together_to_a_lock_then_it_is_named_beside_busy_processes():
    rounds, short = stamped(LOCKED, 0)

    found = wall_clock(observation(rounds=rounds, short_rounds=short), "released", SHARE)

    assert [reason.slug for reason in found.reasons] == ["inner-lock"]


def test_word_when_wall_time_and_the_moments_contradict_each_other_then_it_is_inconclusive_and_names_both():
    """Rounds whose wall time shows a plain overlap, with stamps of calls under a lock."""
    _, short = stamped(LOCKED, 0)
    rounds = tuple(
        dataclasses.replace(
            one_round(2 * MS),
            serial=dataclasses.replace(arm(4 * MS), stamps=s.serial.stamps),
            competing=dataclasses.replace(arm(2 * MS, n_threads=2), stamps=s.one_each.stamps),
        )
        for s in (*short, *short) * 3
    )

    found = wall_clock(observation(rounds=rounds), "released", SHARE)

    assert (found.word, found.decided_by) == ("inconclusive", "")
    assert "witnesses-conflict" in [reason.slug for reason in found.reasons]
    assert {"speedup", "together"} <= set(dict(found.reasons[0].values))


def test_short_round_when_the_machine_is_busy_then_it_is_wanted_until_it_has_had_its_part_of_the_time():
    rounds, short = stamped(FREE)

    assert wants_short_round(rounds, (), MACHINE)
    assert not wants_short_round(rounds, short * 100, MACHINE)
    assert not wants_short_round((), (), MACHINE)


def test_short_round_when_the_machine_is_left_alone_or_threads_have_no_accounts_then_it_is_not_wanted():
    assert not wants_short_round([one_round(2 * MS)], (), MACHINE)
    assert not wants_short_round(BUSY, (), MACHINE)


def test_figures_when_rounds_had_fewer_threads_than_were_asked_for_then_they_are_not_those_of_the_check():
    observed = observation(rounds=(one_round(2 * MS),) * 20)
    observed = dataclasses.replace(observed, plan=dataclasses.replace(observed.plan, n_threads=64))

    found = wall_clock(observed, "released", SHARE)

    assert found.word == "overlaps"
    assert not found.speedup.measured
    assert found.speedup.why_not == "budget-too-small"
