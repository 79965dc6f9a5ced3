"""The checker of calls, blocks and agreements that users call, and the stages of a check that it runs."""
