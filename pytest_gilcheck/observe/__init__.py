"""Instruments that watch calls: the exact ledger, the native GIL waiter, the watch on attachment, and a trace. Never imports `run`."""

from __future__ import annotations

from pytest_gilcheck.observe.attachment import (
    WatchedAttachment,
    attached_calls,
    garbage_collector,
    pauses_beside_calls,
    state_of_this_thread,
    watched_attachment,
    why_not_recorded,
)
from pytest_gilcheck.observe.callee import is_native
from pytest_gilcheck.observe.fold import call_span, progress_beside, waits_beside_calls
from pytest_gilcheck.observe.ledger import (
    Block,
    clock_quality,
    exact_ledger,
    gil_waiter,
    learn_drop_request,
    without_ledger,
)
from pytest_gilcheck.observe.lines import PythonLines
from pytest_gilcheck.observe.places import KeptStacks, longest_hold_of, places, python_stacks, sleeps, stacks_of

__all__ = [
    "Block",
    "KeptStacks",
    "PythonLines",
    "WatchedAttachment",
    "attached_calls",
    "call_span",
    "clock_quality",
    "exact_ledger",
    "garbage_collector",
    "gil_waiter",
    "is_native",
    "learn_drop_request",
    "longest_hold_of",
    "pauses_beside_calls",
    "places",
    "progress_beside",
    "python_stacks",
    "sleeps",
    "stacks_of",
    "state_of_this_thread",
    "waits_beside_calls",
    "watched_attachment",
    "why_not_recorded",
    "without_ledger",
]
