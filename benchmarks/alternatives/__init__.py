"""Other tools and ours on the same calls, whose held share is known by construction."""
