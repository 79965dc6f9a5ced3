r"""A word counter to compare with, in four implementations that must return the same number.

    >>> count("Now is better than never.\n", "better")
    1

All of them follow one definition. A line ends with ``\n``, and a ``\r`` directly before it belongs to the end of the line.
A line is split at every single space, and at nothing else. The count is the number of these words that equal the
needle. ``ignore_case=True`` uses the folding rule of the PyO3 guide's first word counter instead: leading characters
that are not letters are skipped, the following characters, folded, must equal the needle, and then the word ends or a
character follows that is not a letter. The needle is not folded: one with a capital letter matches nothing.

- `count` uses all cores and releases the GIL.
- `count_sequential` uses one core and releases the GIL.
- `count_holding_gil` does the work of `count` and keeps the GIL.
- `count_python` is Python only.

These take a text: ``str``, ``bytes`` or any other contiguous buffer. `count_file` takes a path, as ``open`` does. Each
returns an ``int``.

Raises:
    UsageError: the needle is empty, or contains a space or a line end, which no word does. (A ``ValueError``.)
    TypeError: the text is not a text, or the needle is not of its kind (``str`` for ``str``, ``bytes`` otherwise).
    OSError: the file is missing or cannot be read; class and number are those that ``open`` raises.
"""

from __future__ import annotations

from pytest_gilcheck._native import reference_count as count
from pytest_gilcheck._native import reference_count_file as count_file
from pytest_gilcheck._native import reference_count_holding_gil as count_holding_gil
from pytest_gilcheck._native import reference_count_sequential as count_sequential
from pytest_gilcheck.reference.naive import count_python

__all__ = ["count", "count_file", "count_holding_gil", "count_python", "count_sequential"]
