"""One question, how often does this word stand in this text, answered in five ways that look alike."""

import io

from word_count._word_count import parallel, sequential, sequential_released

__all__ = ["parallel", "python", "python_by_file", "sequential", "sequential_released"]


def python(text, needle):
    """Pure Python as the guide has it today: lines as `str.splitlines` finds them."""
    return sum(word == needle for line in text.splitlines() for word in line.split(" "))


def python_by_file(text, needle):
    """Pure Python as the guide had it first: lines as a file gives them, each with its end."""
    return sum(word == needle for line in io.StringIO(text, newline=None) for word in line.split(" "))
