"""The figures of an arm, from the time stamps of its threads."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pytest_gilcheck.run.arms import _delay, _held_cpu

MS = 1_000_000


def thread_run(**changes):
    figures = {"opened_ns": 0, "end_ns": 4 * MS, "late_ns": 0, "cpu_ns": 4 * MS, "delay_ns": 0, "after_ns": 0}
    return SimpleNamespace(**{**figures, "held_ns": 4 * MS, "waiting_ns": 0, **changes})


@pytest.mark.parametrize(
    ("changes", "held_cpu_ns"),
    [
        ({}, 4 * MS),
        # It may have used all of it while the GIL was free.
        ({"held_ns": MS, "cpu_ns": 3 * MS}, 0),
        # It ran for 4 ms, and was without the GIL for 3: for at least one it held the GIL while it ran.
        ({"held_ns": MS}, MS),
        # Two threads hold in turn. The time of the other one is waiting, and a late start is neither.
        ({"end_ns": 10 * MS, "late_ns": 2 * MS, "waiting_ns": 4 * MS}, 4 * MS),
        # The processor time is read a little after the end: the figure is never more than the time held.
        ({"cpu_ns": 4 * MS + 5_000}, 4 * MS),
        ({"held_ns": None}, None),
        ({"waiting_ns": None}, None),
    ],
)
def test_held_cpu_when_time_without_the_gil_is_known_then_it_is_the_rest_of_the_processor_time(changes, held_cpu_ns):
    assert _held_cpu(thread_run(**changes)) == held_cpu_ns


@pytest.mark.parametrize(
    ("changes", "last_ns", "delay_ns"),
    [
        ({"delay_ns": MS}, 4 * MS, MS),
        ({"delay_ns": MS, "after_ns": 3 * MS}, 4 * MS, MS),  # no thread still worked
        ({"delay_ns": MS, "after_ns": 3 * MS}, 5 * MS, 2 * MS),
        ({"delay_ns": MS, "after_ns": 3 * MS}, 9 * MS, 4 * MS),
        ({"delay_ns": None, "after_ns": 3 * MS}, 9 * MS, None),
    ],
)
def test_delay_when_a_thread_is_preempted_at_its_end_then_it_counts_while_others_work(changes, last_ns, delay_ns):
    assert _delay(thread_run(**changes), last_ns) == delay_ns
