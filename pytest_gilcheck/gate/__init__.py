"""What fails a run: unmet claims, a comparison with a baseline, a session without checks."""
