"""What is seen while calls run: the exact ledger, and the native waiter beside them. Never imports `run`."""

from __future__ import annotations

from pytest_gilcheck.observe.fold import call_span, progress_beside, waits_beside_calls
from pytest_gilcheck.observe.ledger import Block, clock_quality, exact_ledger, learn_drop_request, waiter
from pytest_gilcheck.observe.lines import PythonLines, is_native
from pytest_gilcheck.observe.places import places, python_stacks, stacks_of

__all__ = [
    "Block",
    "PythonLines",
    "call_span",
    "clock_quality",
    "exact_ledger",
    "is_native",
    "learn_drop_request",
    "places",
    "progress_beside",
    "python_stacks",
    "stacks_of",
    "waiter",
    "waits_beside_calls",
]
