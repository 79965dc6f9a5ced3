"""Counts how often the gate fails regressions and passes unchanged projects; measures large JSON reports and workers."""
