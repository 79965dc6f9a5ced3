"""What is seen while calls run: the exact ledger, and the native waiter beside them. Never imports `run`."""

from __future__ import annotations

from pytest_gilcheck.observe.fold import call_span, knocks_beside, progress_beside
from pytest_gilcheck.observe.ledger import Block, clock_quality, exact_ledger, learn_giveway, waiter

__all__ = ["Block", "call_span", "clock_quality", "exact_ledger", "knocks_beside", "learn_giveway", "progress_beside", "waiter"]
