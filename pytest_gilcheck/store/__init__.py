"""JSON reports on disk: their form, the journal of a session, reading and merging, baselines, older versions."""
