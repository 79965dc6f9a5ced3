"""What fails a run: comparison with a baseline, and everything that a finished session delivers."""
