"""Are the ledger's verdicts true, and what do they cost?

Real calls of known GIL behaviour and native specimens, on an idle and on a loaded machine, side by side with
the two tests that people write by hand. ``python -m benchmarks.ledger run`` measures, ``report`` makes the table.
"""
