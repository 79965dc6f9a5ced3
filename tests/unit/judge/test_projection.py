"""The model that projections rest on, against simulated machines that have the cores."""

from __future__ import annotations

import pytest
from built import MACHINE
from hypothesis import given
from hypothesis import strategies as st
from simulation import GIL, US, World, short_rounds, true_speedup

from pytest_gilcheck.evidence import Estimate
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.projection import Law, projections
from pytest_gilcheck.judge.together import together

MS = 1_000 * US


def exactly(share):
    return Estimate(share, share, share)


def projected(world, call, held_share):
    """Return what is projected from two threads, by number of cores."""
    rounds = short_rounds(world, [call] * 2, n_rounds=5, n_calls=10)
    shared = together(rounds, MACHINE, exactly(held_share))
    return {one.n_cores: one for one in projections(shared, exactly(held_share))}


@pytest.mark.parametrize(
    ("world", "call", "held_share"),
    [
        (World(), [("run", MS)], 0.0),
        (World(), [("run", 900 * US), (GIL, 100 * US)], 0.1),
        (World(), [("run", 700 * US), (GIL, 300 * US)], 0.3),
        (World(), [(GIL, MS)], 1.0),
        (World(shared_bus=0.3), [("run", MS)], 0.0),
        (World(n_busy=1), [("run", MS)], 0.0),
    ],
)
def test_projection_when_a_simulated_machine_has_the_cores_then_it_is_within_a_tenth_and_its_bounds_hold(
    world, call, held_share
):
    one = projected(world, call, held_share)[8]

    truth = true_speedup(world, [call] * 8)
    assert one.speedup == pytest.approx(truth, rel=0.1)
    assert one.low / 1.1 <= truth <= one.high * 1.1


def test_projection_when_half_of_a_call_is_under_a_lock_then_there_is_none():
    """Two threads come to take turns and reach 1.98. Eight reach no more than 2."""
    assert projected(World(), [("run", 500 * US), ("lock", 500 * US)], 0.0) == {}


def test_projection_when_a_lock_serialises_the_calls_then_no_core_changes_that():
    found = projected(World(), [("lock", MS)], 0.0)

    assert found[8].speedup == pytest.approx(1, rel=0.1)
    assert found[128].speedup == found[8].speedup


def test_projection_when_threads_differ_then_there_is_none():
    rounds = short_rounds(World(), [[("run", 2 * MS)], [("run", MS)]], n_rounds=5, n_calls=10)

    assert projections(together(rounds, MACHINE, exactly(0.0)), exactly(0.0)) == ()


@given(st.floats(0, 1), st.floats(0, 2), st.integers(1, 128))
def test_law_when_more_threads_compete_then_no_more_than_all_of_them_run_and_no_ceiling_is_exceeded(
    share, slowed_by, n_threads
):
    law = Law(share, slowed_by)

    assert law.speedup(1) == pytest.approx(1)
    assert law.speedup(n_threads) <= n_threads * 1.0001
    assert share == 0 or law.speedup(n_threads) <= 1.0001 / share


@given(st.floats(0, 1), st.integers(2, 64))
def test_law_when_nothing_but_a_lock_is_shared_then_more_threads_do_not_do_less(share, n_threads):
    law = Law(share, 0.0)

    assert law.speedup(n_threads) >= law.speedup(n_threads - 1) - 1e-9
    assert rules.PROJECTED_CORES[0] > MACHINE.n_cpus
