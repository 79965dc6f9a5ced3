"""Runs calls in competing threads, under a deadline, beside a rival, in a child process. Never imports `observe`."""

from __future__ import annotations

from pytest_gilcheck.run.call import Call, refuse_what_returns_at_once
from pytest_gilcheck.run.crew import Crew, ThreadFailed, together
from pytest_gilcheck.run.deadline import Deadline, Rescue
from pytest_gilcheck.run.rival import rival
from pytest_gilcheck.run.rounds import Rounds, one_at_a_time
from pytest_gilcheck.run.solo import Solo, SoloRun

__all__ = [
    "Call",
    "Crew",
    "Deadline",
    "Rescue",
    "Rounds",
    "Solo",
    "SoloRun",
    "ThreadFailed",
    "one_at_a_time",
    "refuse_what_returns_at_once",
    "rival",
    "together",
]
