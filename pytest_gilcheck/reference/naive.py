"""The counter's meaning as Python: slow, short, and right by reading."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import cache

from pytest_gilcheck import _native
from pytest_gilcheck.evidence import UsageError

Text = str | bytes | bytearray | memoryview


def count_python(text: Text, needle: str | bytes, *, ignore_case: bool = False) -> int:
    """How many words of the text match the needle? The definition; Python alone, and nothing faster.

    Errors as in `pytest_gilcheck.reference`. Words are compared as characters: text that is no ``str`` is read as
    UTF-8, and a byte that belongs to no character there stands for itself and is no letter.
    """
    text, needle = as_characters(text, needle)
    check_needle(needle)
    matches = matches_folded if ignore_case else str.__eq__
    return sum(matches(word, needle) for line in lines(text) for word in line.split(" "))


def lines(text: str) -> Iterator[str]:
    """Which lines does the text have, without their ends? (`str.splitlines` knows more ends than this meaning.)"""
    *ended, last = text.split("\n")
    for line in ended:
        yield line.removesuffix("\r")
    yield last


def matches_folded(word: str, needle: str) -> bool:
    """Does the word match by the folding rule?"""
    begin = next((at for at, character in enumerate(word) if is_letter(character)), len(word))
    end = begin + len(needle)
    if "".join(map(fold, word[begin:end])) != needle:
        return False
    return not is_letter(word[end : end + 1])


def is_letter(character: str) -> bool:
    """Is it a letter (Unicode's *Alphabetic*)? An empty string is none.

    By the counter's own table and not by ``str.isalpha``, whose answer changes with the Python version and leaves
    out vowel signs.
    """
    if not character:
        return False
    starts, stretches = _letters()
    place = bisect_right(starts, ord(character)) - 1
    return place >= 0 and ord(character) <= stretches[place][1]


def fold(character: str) -> str:
    """What is compared in its place? The first character of its lower case, by the counter's own table."""
    return _foldings().get(character, character)


def as_characters(text: Text, needle: str | bytes) -> tuple[str, str]:
    """Which characters are meant? Both as ``str``, whatever they came as."""
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
    """Can a word match it at all? Raises `UsageError` if not."""
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
