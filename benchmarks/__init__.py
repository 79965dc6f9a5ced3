"""The project's own benchmarks: what the documentation promises, measured."""
