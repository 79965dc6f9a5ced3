"""What users call: the checker of calls, blocks and agreements, and the functions that put the stages of a check in a row."""
