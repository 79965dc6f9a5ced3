"""Everything that knows pytest: hooks, options, marker, fixtures, the state of a session and of its tests, the terminal.

No other folder imports pytest.
"""
