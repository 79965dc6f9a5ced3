"""Everything that knows pytest: hooks, options, marker, fixtures, state of session and test, what pytest's terminal shows.

No other folder imports pytest.
"""
