"""From evidence to opinion. Pure: no clock, thread, file, pytest or native code, and no prose but slugs and values."""

from __future__ import annotations

from pytest_gilcheck.judge.attachment import (
    attachment_witness,
    decides_attachment,
    knows_attached_share,
    others_attach,
)
from pytest_gilcheck.judge.holding import decides_holding, held_share, knows_share, others_matter
from pytest_gilcheck.judge.overlap import decides_overlap, wants_serial_arm, wants_short_round
from pytest_gilcheck.judge.places import is_same_hold
from pytest_gilcheck.judge.rules import ENOUGH_BATCHES, ROUND_LOOKS
from pytest_gilcheck.judge.shortfall import hides_a_pool
from pytest_gilcheck.judge.verdict import judge

__all__ = [
    "ENOUGH_BATCHES",
    "ROUND_LOOKS",
    "attachment_witness",
    "decides_attachment",
    "decides_holding",
    "decides_overlap",
    "held_share",
    "hides_a_pool",
    "is_same_hold",
    "judge",
    "knows_attached_share",
    "knows_share",
    "others_attach",
    "others_matter",
    "wants_serial_arm",
    "wants_short_round",
]
