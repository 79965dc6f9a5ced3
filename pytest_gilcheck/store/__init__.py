"""JSON reports on disk: their form, the journal of a session, streams, baselines, merging."""
