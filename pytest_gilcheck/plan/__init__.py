"""Surveys the machine, and sizes a check from its first call."""

from __future__ import annotations

from pytest_gilcheck.plan.size import can_overlap, n_competing_threads, round_size, size
from pytest_gilcheck.plan.survey import own_ready_ns, ready_ns, stolen_ns, survey

__all__ = [
    "can_overlap",
    "n_competing_threads",
    "own_ready_ns",
    "ready_ns",
    "round_size",
    "size",
    "stolen_ns",
    "survey",
]
