"""Runs calls in competing threads, under a deadline, beside a background thread, in a child process. Never imports `observe`."""

from __future__ import annotations

from pytest_gilcheck.run.background import SWITCH_INTERVAL, background_thread
from pytest_gilcheck.run.call import Call, refuse_what_returns_at_once
from pytest_gilcheck.run.competing import (
    CompetingThreads,
    ThreadFailed,
    idents_of_other_checks,
    is_within_a_checked_call,
    start_barrier,
)
from pytest_gilcheck.run.deadline import Deadline, Rescue
from pytest_gilcheck.run.ready_threads import counted_ready
from pytest_gilcheck.run.rounds import OutOfTime, Rounds, one_at_a_time
from pytest_gilcheck.run.solo import Solo, SoloRun, watch_others

__all__ = [
    "SWITCH_INTERVAL",
    "Call",
    "CompetingThreads",
    "Deadline",
    "OutOfTime",
    "Rescue",
    "Rounds",
    "Solo",
    "SoloRun",
    "ThreadFailed",
    "background_thread",
    "counted_ready",
    "idents_of_other_checks",
    "is_within_a_checked_call",
    "one_at_a_time",
    "refuse_what_returns_at_once",
    "start_barrier",
    "watch_others",
]
