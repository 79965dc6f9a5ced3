"""What the Python blocks of every page may use without importing it."""

import mylib
import word_count

#: Has the word "zen" 10,000 times.
TEXT = ("zen " + "word " * 100 + "\n") * 10_000

__all__ = ["TEXT", "mylib", "word_count"]
