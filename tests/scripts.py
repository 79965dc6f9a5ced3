"""What scripts begin with that tests run in processes of their own."""

# Children answer with their exit status: os._exit skips whatever the parent had planned.
PRELUDE = """
import json, os, signal, subprocess, sys, threading
from pytest_gilcheck import _native, check, specimens
from pytest_gilcheck.observe import exact_ledger
MS = 1_000_000
"""
