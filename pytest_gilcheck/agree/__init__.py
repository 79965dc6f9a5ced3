"""Compares results under competing threads, on inputs that hypothesis draws."""
