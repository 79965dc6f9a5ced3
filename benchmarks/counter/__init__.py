"""Compares the reference counter with the usual ways of counting a word, and with what the machine can do."""
