"""Laws of what threads surely lost to each other, over schedules of a simulated machine that knows the truth."""

from __future__ import annotations

import dataclasses
import os

import pytest
from built import MACHINE
from built_rounds import one_round
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulation import GIL, US, World, short_rounds

from pytest_gilcheck.evidence import Estimate
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.least_losses import least_losses
from pytest_gilcheck.judge.shortfall import sure_shortfall

MS = 1_000 * US
TIMES = int(os.environ.get("GILCHECK_STRESS", "1"))
WORLDS = st.builds(
    World,
    n_busy=st.integers(0, 4),
    slice_ns=st.sampled_from([700 * US, 1_500 * US, 3 * MS, 4 * MS]),
    shared_bus=st.sampled_from([0.0, 0.0, 0.5]),
    is_sticky=st.booleans(),
    wakes_first=st.booleans(),
    handed_over_share=st.sampled_from([0.0, 0.5, 1.0]),
    seed=st.integers(0, 1_000),
)
LENGTHS = st.sampled_from([200 * US, MS, 5 * MS])
HALF_HELD = Estimate(0.5, 0.5, 0.5)


def lost(world, *calls, n_rounds=5, is_read=True):
    span_ns = max(sum(ns for _, ns in call) for call in calls)
    rounds = short_rounds(
        world,
        list(calls),
        n_rounds=n_rounds,
        n_calls=max(3, 10 * MS // span_ns),
        n_stamp_calls=max(1, 400 * US // span_ns),
        is_read=is_read,
    )
    return least_losses(rounds, MACHINE)


@settings(max_examples=25 * TIMES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(WORLDS, LENGTHS, st.sampled_from([1.0, 1.0, 0.3]), st.booleans())
def test_losses_when_calls_do_not_keep_each_other_out_then_neither_waits_nor_sleeps(world, ns, factor, is_read):
    least = lost(world, [("run", ns)], [("run", max(1, round(ns * factor / (50 * US))) * 50 * US)], is_read=is_read)
    assert least["waiting"] < rules.NAMED_LOSS_SHARE, least
    assert least["asleep"] < rules.NAMED_LOSS_SHARE, least


@settings(max_examples=25 * TIMES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(WORLDS, LENGTHS, st.sampled_from([0.02, 0.05]), st.sampled_from(["lock", GIL]), st.booleans())
def test_losses_when_a_short_part_is_exclusive_then_the_holders_delay_is_not_counted(world, ns, share, kind, is_read):
    """Whoever is kept off the processor in that part keeps the others out for long. On free cores they would hardly wait."""
    part_ns = max(50 * US, round(ns * share / (50 * US)) * 50 * US)
    call = [("run", max(ns, 20 * part_ns) - part_ns), (kind, part_ns)]
    least = lost(world, call, call, is_read=is_read)
    assert least["waiting"] < rules.NAMED_LOSS_SHARE, least
    assert least["asleep"] < rules.NAMED_LOSS_SHARE, least


@settings(max_examples=25 * TIMES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(WORLDS, LENGTHS, st.sampled_from(["lock", GIL]))
def test_losses_when_calls_wait_for_one_thing_then_the_other_is_never_named(world, ns, kind):
    least = lost(world, [(kind, ns)], [(kind, ns)])
    assert least["asleep" if kind == GIL else "waiting"] < rules.NAMED_LOSS_SHARE, least


@pytest.mark.parametrize("ns", [MS, 5 * MS])
@pytest.mark.parametrize(
    ("kind", "gil", "slug"), [("lock", "released", "inner-lock"), (GIL, "held", "serialised-by-gil")]
)
def test_shortfall_when_others_are_busy_then_the_cause_is_named(ns, kind, gil, slug):
    named = []
    for seed in range(4):
        least = lost(World(n_busy=2, seed=seed), [(kind, ns)], [(kind, ns)], n_rounds=12)
        named.append(sure_shortfall([one_round(4 * MS)], least, gil, Estimate(0.0, 0.0, 0.0)))
    assert all(reason is None or reason.slug == slug for reason in named), named
    assert sum(reason is not None for reason in named) >= 3, named


def test_shortfall_when_half_of_a_call_holds_then_its_part_is_named_beside_two_busy_processes():
    call = [("run", MS), (GIL, MS)]
    least = [lost(World(n_busy=2, seed=seed), call, call, n_rounds=8) for seed in range(4)]
    reasons = [sure_shortfall([one_round(4 * MS)], shares, "partial", HALF_HELD) for shares in least]
    assert sum(reason is not None and reason.slug == "held-tail" for reason in reasons) >= 3, least


def test_losses_when_other_threads_work_then_nothing_is_sure():
    rounds = short_rounds(World(n_busy=1), [[("lock", MS)]] * 2, n_rounds=6, n_calls=10, n_stamp_calls=1)
    assert least_losses(rounds, MACHINE)["asleep"] > rules.NAMED_LOSS_SHARE
    helped = [
        dataclasses.replace(r, one_each=dataclasses.replace(r.one_each, process_cpu_ns=2 * r.one_each.cpu_ns))
        for r in rounds
    ]
    assert least_losses(helped, MACHINE) == {}


def test_losses_when_time_was_stolen_then_nothing_is_sure():
    rounds = short_rounds(World(n_busy=1), [[("lock", MS)]] * 2, n_rounds=6, n_calls=10, n_stamp_calls=1)
    stolen = [dataclasses.replace(r, stolen_ns=r.wall_ns) for r in rounds]
    assert least_losses(stolen, MACHINE) == {}


def test_losses_when_a_call_sleeps_alone_then_its_sleep_is_nobodys():
    call = [("run", MS), ("sleep", MS), ("lock", MS)]
    assert lost(World(n_busy=2), call, call)["asleep"] == 0.0
