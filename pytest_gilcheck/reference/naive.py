"""The definition of the word counter in Python: slow, short, and easy to check by reading."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import cache

from pytest_gilcheck import _native
from pytest_gilcheck.evidence import UsageError

Text = str | bytes | bytearray | memoryview


def count_python(text: Text, needle: str | bytes, *, ignore_case: bool = False) -> int:
    """Return the number of words of the text that match the needle; see `pytest_gilcheck.reference`.

    Words are compared as characters. A text that is not ``str`` is decoded as UTF-8. A byte that belongs to no character
    stands for itself, and is not a letter.

    Args:
        text: ``str``, ``bytes`` or any other contiguous buffer.
        needle: the word to look for; ``str`` for a ``str``, ``bytes`` otherwise.
        ignore_case: whether words are compared by the folding rule.

    Returns:
        The count.

    Raises:
        UsageError: the needle is empty, or contains a space or a line end.
        TypeError: the text is not a text, or the needle is not of its kind.
    """
    text, needle = as_characters(text, needle)
    check_needle(needle)
    matches = matches_folded if ignore_case else str.__eq__
    return sum(matches(word, needle) for line in lines(text) for word in line.split(" "))


def lines(text: str) -> Iterator[str]:
    """Yield the lines of the text without their ends; `str.splitlines` would also split at other characters."""
    *ended, last = text.split("\n")
    for line in ended:
        yield line.removesuffix("\r")
    yield last


def matches_folded(word: str, needle: str) -> bool:
    """Return whether the word matches by the folding rule."""
    begin = next((at for at, character in enumerate(word) if is_letter(character)), len(word))
    end = begin + len(needle)
    if "".join(map(fold, word[begin:end])) != needle:
        return False
    return not is_letter(word[end : end + 1])


def is_letter(character: str) -> bool:
    """Return whether a character is a letter (Unicode's *Alphabetic*); an empty string is not.

    The counter's own table decides. ``str.isalpha`` changes with the Python version, and leaves out vowel signs.
    """
    if not character:
        return False
    starts, stretches = _letters()
    place = bisect_right(starts, ord(character)) - 1
    return place >= 0 and ord(character) <= stretches[place][1]


def fold(character: str) -> str:
    """Return the first character of the character's lower case, by the counter's own table."""
    return _foldings().get(character, character)


def as_characters(text: Text, needle: str | bytes) -> tuple[str, str]:
    """Return text and needle as ``str``; raise `TypeError` where one of them is not of the right kind."""
    if isinstance(text, str):
        if not isinstance(needle, str):
            message = f"needle must be str, as the text is (needle.decode()), got {type(needle).__name__}: {needle!r}"
            raise TypeError(message)
        return text, needle
    try:
        view = memoryview(text)
    except TypeError:
        message = f"text must be str, bytes or another buffer, got {type(text).__name__}"
        raise TypeError(message) from None
    if not isinstance(needle, bytes):
        message = f"needle must be bytes, as the text is (needle.encode()), got {type(needle).__name__}: {needle!r}"
        raise TypeError(message)
    if view.nbytes and not view.c_contiguous:
        message = f"text must be a buffer without gaps, got a {type(text).__name__} with strides: pass bytes(text)"
        raise TypeError(message)
    return view.tobytes().decode("utf-8", "surrogateescape"), needle.decode("utf-8", "surrogateescape")


def check_needle(needle: str) -> None:
    """Raise `UsageError` for a needle that no word can match."""
    if not needle:
        message = f"needle {needle!r} is empty, which no word is or has: pass one word, without spaces and line ends"
        raise UsageError(message)
    for character, name in ((" ", "a space"), ("\n", "a line end")):
        if character in needle:
            message = f"needle {needle!r} has {name}, which no word has: pass one word, without spaces and line ends"
            raise UsageError(message)


@cache
def _letters() -> tuple[list[int], list[tuple[int, int]]]:
    stretches = _native.reference_letter_stretches()
    return [first for first, _ in stretches], stretches


@cache
def _foldings() -> dict[str, str]:
    return _native.reference_foldings()
