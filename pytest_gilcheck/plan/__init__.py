"""What the machine is, and how much is measured: sized from the pilot before anything counts."""

from __future__ import annotations

from pytest_gilcheck.plan.size import n_competing_threads, round_size, size
from pytest_gilcheck.plan.survey import survey

__all__ = ["n_competing_threads", "round_size", "size", "survey"]
