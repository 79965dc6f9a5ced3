r"""Are the answers still right? A word counter to check against, in four ways that must give one number.

    >>> count("Now is better than never.\n", "better")
    1

Meaning, kept by all of them: a line ends with ``\n``, and a ``\r`` directly before it belongs to the line's end.
A line is cut at every single space; nothing else separates. `count` is how many of these words equal the
needle. ``ignore_case=True`` is the folding rule of the PyO3 guide's first word counter instead: leading
characters that are no letters are skipped, the following ones, folded, must be the needle's, then the word ends
or goes on with a character that is no letter. The needle is taken as it is: one with a capital matches nothing.

`count` (all cores, no GIL), `count_sequential` (one core, no GIL), `count_holding_gil` (the work of `count`, the
GIL kept) and `count_python` (Python alone) take a text: ``str``, ``bytes`` or any other buffer without gaps.
`count_file` takes a path, as ``open`` does.

Raises:
    UsageError: the needle is empty or has a space or a line end: no word is or has. (A ``ValueError``.)
    TypeError: the text is no text, or the needle not of its kind (``str`` for ``str``, ``bytes`` for the rest).
    OSError: the file is missing or cannot be read; the same class and number as ``open`` raises.
"""

from __future__ import annotations

from pytest_gilcheck._native import reference_count as count
from pytest_gilcheck._native import reference_count_file as count_file
from pytest_gilcheck._native import reference_count_holding_gil as count_holding_gil
from pytest_gilcheck._native import reference_count_sequential as count_sequential
from pytest_gilcheck.reference.naive import count_python

__all__ = ["count", "count_file", "count_holding_gil", "count_python", "count_sequential"]
