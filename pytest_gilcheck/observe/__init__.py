"""Instruments that watch calls: the exact ledger, the native GIL waiter, and a trace. Never imports `run`."""

from __future__ import annotations

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
from pytest_gilcheck.observe.places import KeptStacks, longest_hold_of, places, python_stacks, stacks_of

__all__ = [
    "Block",
    "KeptStacks",
    "PythonLines",
    "call_span",
    "clock_quality",
    "exact_ledger",
    "gil_waiter",
    "is_native",
    "learn_drop_request",
    "longest_hold_of",
    "places",
    "progress_beside",
    "python_stacks",
    "stacks_of",
    "waits_beside_calls",
    "without_ledger",
]
