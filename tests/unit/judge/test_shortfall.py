"""Laws of what competing threads lose their time to."""

from __future__ import annotations

import dataclasses

import pytest
from built import observation
from built_rounds import MS, arm, locked_round, one_round
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import Estimate, ReadyThreads
from pytest_gilcheck.judge.shortfall import hides_a_pool, losses, ready_pool, shortfall


@given(st.integers(0, 8 * MS), st.integers(0, 8 * MS), st.integers(0, 8 * MS))
def test_losses_when_anything_is_lost_then_each_is_a_share(cpu_ns, delay_ns, waiting_ns):
    competing = arm(4 * MS, n_threads=2, cpu_ns=cpu_ns, delay_ns=delay_ns, waiting_ns=waiting_ns)
    rounds = [dataclasses.replace(one_round(4 * MS), competing=competing)]

    assert all(0 <= share <= 1 for share in losses(rounds).values())


@given(st.integers(1, 100), st.integers(0, 8 * MS))
def test_shortfall_when_hardly_anything_is_held_then_waiting_for_the_gil_is_not_the_cause(percent, waiting_ns):
    """A holder that was kept off the processor made others wait; the call, which holds one hundredth, is not to blame."""
    competing = arm(8 * MS, n_threads=2, cpu_ns=4 * MS, waiting_ns=waiting_ns)
    rounds = [dataclasses.replace(one_round(8 * MS), competing=competing)] * 9
    share = Estimate(percent / 100, percent / 100, percent / 100, quantity="held share")

    cause = shortfall(observation(rounds=tuple(rounds)), rounds, "partial", share)

    assert cause.slug != "held-tail" or percent > 10


@pytest.mark.parametrize(
    ("ready", "n_ready"),
    [
        (ReadyThreads(60, 40, 84, 0), 2.1),
        (ReadyThreads(60, 10, 20, 0), None),  # two now and then: one hands its work to the other
        (ReadyThreads(5, 5, 10, 0), None),  # too few looks
        (None, None),
    ],
)
def test_pool_when_two_threads_are_ready_in_many_looks_then_the_call_has_threads_of_its_own(ready, n_ready):
    found = ready_pool(ready)
    assert (None if found is None else dict(found.values)["n_ready"]) == n_ready


def test_shortfall_when_threads_of_the_callee_work_then_sleep_is_no_lock():
    """A pool that was kept off the processor was said to be a lock, or threads that differ."""
    locked = locked_round(0, released=arm(2 * MS, n_threads=2, cpu_ns=4 * MS))
    helped = dataclasses.replace(
        locked, serial=dataclasses.replace(locked.serial, process_cpu_ns=round(1.4 * locked.serial.cpu_ns))
    )
    alone, beside = (
        shortfall(observation(rounds=(r,)), [r], "released", Estimate(0.0, 0.0, 0.0)) for r in (locked, helped)
    )
    assert alone.slug == "inner-lock"
    assert beside.slug != "inner-lock"
    assert hides_a_pool([helped])
    assert not hides_a_pool([locked])
