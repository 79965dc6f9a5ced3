"""Measures how often the wall-clock verdict is wrong or inconclusive, and what it costs."""
