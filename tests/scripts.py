"""What scripts begin with that tests run in processes of their own."""

# Children answer with their exit status: os._exit skips whatever the parent had planned.
PRELUDE = """
import json, os, signal, subprocess, sys, threading
from pytest_gilcheck import _native, check, specimens
from pytest_gilcheck.observe import exact_ledger
MS = 1_000_000
"""

# What must hold for the checks in `checkers` when no thread can be started.
SAYS_THAT_THREADS_ARE_MISSING = """
for checker in checkers:
    try:
        verdict = checker(specimens.holds, 5 * MS)
    except Exception as error:
        assert "thread" in str(error), repr(error)
    else:
        assert verdict.gil in ("held", "inconclusive"), verdict
assert not _native.ledger_is_recording()
"""
