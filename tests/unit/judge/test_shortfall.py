"""Laws of what competing threads lose their time to."""

from __future__ import annotations

import dataclasses

from built import observation
from built_rounds import MS, arm, one_round
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import Estimate
from pytest_gilcheck.judge.shortfall import losses, shortfall


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
