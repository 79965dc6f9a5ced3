"""From evidence to opinion. Pure: no clock, thread, file, pytest or native code."""

from __future__ import annotations

from pytest_gilcheck.judge.holding import held_share, is_decided
from pytest_gilcheck.judge.overlap import is_enough
from pytest_gilcheck.judge.rules import ROUND_LOOKS
from pytest_gilcheck.judge.verdict import judge

__all__ = ["ROUND_LOOKS", "held_share", "is_decided", "is_enough", "judge"]
