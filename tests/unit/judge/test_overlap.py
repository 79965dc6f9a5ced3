"""The opinion on the rounds: claims and causes."""

from __future__ import annotations

import dataclasses

import pytest
from built import MACHINE, observation
from built_rounds import MS, arm, one_round

from pytest_gilcheck.evidence import Claim, Estimate, Round
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.claim import claim_met, limits_of
from pytest_gilcheck.judge.overlap import wall_clock
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
