"""Surveys the machine, and sizes a check from its first call."""

from __future__ import annotations

from pytest_gilcheck.plan.size import n_competing_threads, round_size, size
from pytest_gilcheck.plan.survey import stolen_ns, survey

__all__ = ["n_competing_threads", "round_size", "size", "stolen_ns", "survey"]
