"""Verifies that extension functions release the GIL."""
