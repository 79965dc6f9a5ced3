"""Measures whether the ledger's verdicts are true, and what they cost.

It checks real calls of known GIL behaviour and native specimens, on an idle and on a loaded machine, beside the two
tests that people write by hand. ``python -m benchmarks.ledger run`` measures, ``report`` makes the table.
"""
