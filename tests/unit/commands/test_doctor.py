"""``gilcheck doctor`` and a check say the same of a machine."""

from dataclasses import replace

import pytest
from built import MACHINE

from pytest_gilcheck.commands.doctor import HINT, NO, YES, about_wall_clock
from pytest_gilcheck.plan import can_overlap


@pytest.mark.parametrize(
    ("n_cpus", "quota", "answers"),
    [
        (1, None, [NO]),
        (8, 1.0, [NO]),
        (8, 0.5, [NO]),
        (1, 4.0, [NO]),
        (8, 1.5, [YES, HINT]),
        (2, None, [YES]),
        (8, 2.0, [YES]),
        (8, None, [YES]),
    ],
)
def test_doctor_when_cores_are_few_then_it_answers_as_a_check_does(n_cpus, quota, answers):
    """A quota of 1.5 cores was too few for the one and enough for the other."""
    machine = replace(MACHINE, n_cpus=n_cpus, cpu_quota=quota, load_1min=None)

    found = list(about_wall_clock(machine))

    assert [answer for answer, _ in found] == answers
    assert can_overlap(machine) == (found[0][0] == YES)
