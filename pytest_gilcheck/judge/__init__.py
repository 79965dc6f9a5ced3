"""From evidence to opinion. Pure: no clock, thread, file, pytest or native code."""

from __future__ import annotations

from pytest_gilcheck.judge.holding import held_share, is_decided
from pytest_gilcheck.judge.verdict import judge

__all__ = ["held_share", "is_decided", "judge"]
