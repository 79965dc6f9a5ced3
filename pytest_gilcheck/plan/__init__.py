"""Surveys the machine, and sizes a check from its first call."""

from __future__ import annotations

from pytest_gilcheck.plan.size import can_overlap, n_competing_threads, round_size, size
from pytest_gilcheck.plan.survey import ready_ns, stolen_ns, survey

__all__ = ["can_overlap", "n_competing_threads", "ready_ns", "round_size", "size", "stolen_ns", "survey"]
