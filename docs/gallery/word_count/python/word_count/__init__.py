"""Count how often a word occurs in a text or a file, in ways that look alike."""

import io
from pathlib import Path

from word_count._word_count import (
    parallel,
    search,
    search_detached,
    search_kept,
    sequential,
    sequential_released,
)

__all__ = [
    "parallel",
    "python",
    "python_by_file",
    "search",
    "search_detached",
    "search_kept",
    "search_python",
    "sequential",
    "sequential_released",
]


def python(text, needle):
    """Count in pure Python, as the guide does today: lines are those of `str.splitlines`."""
    return sum(word == needle for line in text.splitlines() for word in line.split(" "))


def python_by_file(text, needle):
    """Count in pure Python, as the guide did at first: lines are those of a file, each with its end."""
    return sum(word == needle for line in io.StringIO(text, newline=None) for word in line.split(" "))


def search_python(path, needle):
    """Read a file and count in pure Python."""
    return python(Path(path).read_text(encoding="utf-8"), needle)
