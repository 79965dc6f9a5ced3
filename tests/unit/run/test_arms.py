"""What a round makes of the stamps of its threads."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pytest_gilcheck.run.rounds import _delay, _held_cpu

MS = 1_000_000


def thread_run(**changes):
    figures = {"opened_ns": 0, "end_ns": 4 * MS, "late_ns": 0, "cpu_ns": 4 * MS, "delay_ns": 0, "after_ns": 0}
    return SimpleNamespace(**{**figures, "held_ns": 4 * MS, "waiting_ns": 0, **changes})


@pytest.mark.parametrize(
    ("changes", "held_cpu_ns"),
    [
        ({}, 4 * MS),
        # All of it may have been used while the GIL was free.
        ({"held_ns": MS, "cpu_ns": 3 * MS}, 0),
        # Of 4 ms on the processor 3 fit into the time without the GIL, in which it also slept or not: one did not.
        ({"held_ns": MS}, MS),
        # Two threads that hold in turn: what the other held is waiting, and what it began late is neither.
        ({"end_ns": 10 * MS, "late_ns": 2 * MS, "waiting_ns": 4 * MS}, 4 * MS),
        # The processor time is read a little after the end: never more than was held.
        ({"cpu_ns": 4 * MS + 5_000}, 4 * MS),
        ({"held_ns": None}, None),
        ({"waiting_ns": None}, None),
    ],
)
def test_held_cpu_is_what_cannot_have_been_used_without_the_gil(changes, held_cpu_ns):
    assert _held_cpu(thread_run(**changes)) == held_cpu_ns


@pytest.mark.parametrize(
    ("changes", "last_ns", "delay_ns"),
    [
        ({"delay_ns": MS}, 4 * MS, MS),
        ({"delay_ns": MS, "after_ns": 3 * MS}, 4 * MS, MS),  # nobody was left to wait for it
        ({"delay_ns": MS, "after_ns": 3 * MS}, 5 * MS, 2 * MS),
        ({"delay_ns": MS, "after_ns": 3 * MS}, 9 * MS, 4 * MS),
        ({"delay_ns": None, "after_ns": 3 * MS}, 9 * MS, None),
    ],
)
def test_delay_after_the_end_counts_while_others_still_work(changes, last_ns, delay_ns):
    assert _delay(thread_run(**changes), last_ns) == delay_ns
