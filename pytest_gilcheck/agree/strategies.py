r"""Hypothesis strategies for texts on which code that reads words goes wrong.

Plain random text hardly ever contains the word that is looked for, is never a megabyte long, and has no `\r\n`. These
strategies draw the needle first and build the text around it, out of few parts. They shrink well.
"""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

#: The characters of words. First letters: examples shrink to the first one. Then characters that other tools take for the
#: end of a word or of a line, then characters of two to four bytes, accents, and letters with an odd case.
LETTERS: Final = "abAkKiI"
CLOSE_TO_SEPARATORS: Final = "\r\t\f\v\x1c\x85\u2028\u2029\xa0\u3000\0"
BEYOND_ASCII: Final = "éÉßſΣσς\u0301\u0345\u212aİ\u0131漢\ufeff😀𐐀𐐨"
NO_LETTERS: Final = "-*.,'1_"
LONE_SURROGATES: Final = "\ud800\udcff\udfff"

#: What may stand between two words: separators of this project's counter, and characters that it takes for no separator.
SEPARATORS: Final = (" ", "\n", "\r\n", "  ", "   ", "\n\n", "\r\r\n", "\r", "\x85", "\u2028", "\t", " \n ", "")

#: Sizes at which readers cut a text: those of vector registers, pages, and the blocks of common buffered readers.
BORDERS: Final = (32, 64, 4096, 8192, 1 << 16, 1 << 18, 1 << 19, 1 << 20)

#: How often a text is repeated. Most are small: a large one costs as much as thousands of those.
_REPETITIONS: Final = (1,) * 16 + (2, 40, 1000, 50_000)

#: One text of ten is moved so that a needle lies where readers cut.
_AT_A_BORDER: Final = (False,) * 9 + (True,)

DEFAULT_MAX_SIZE: Final = 2 << 20


def _characters(*, surrogates: bool) -> st.SearchStrategy[str]:
    kinds = [LETTERS[:2], LETTERS, NO_LETTERS, CLOSE_TO_SEPARATORS, BEYOND_ASCII]
    if surrogates:
        kinds.append(LONE_SURROGATES)
    return st.one_of([st.sampled_from(kind) for kind in kinds])


@st.composite
def _overlapping(draw: st.DrawFn) -> str:
    unit: str = draw(st.text(LETTERS[:2], min_size=1, max_size=3))
    return unit * draw(st.integers(2, 9)) + unit[: draw(st.integers(0, len(unit) - 1))]


def needles(*, surrogates: bool = False) -> st.SearchStrategy[str]:
    """Return a strategy of words of one to many characters, without spaces and line feeds.

    Some of them overlap themselves (``abab``), contain characters that other tools take for separators, or are longer
    than a vector register. They shrink to ``"a"``.

    Args:
        surrogates: whether words may contain lone surrogates, which UTF-8 cannot encode.

    Returns:
        A strategy of ``str``.
    """
    return st.one_of(
        st.text(LETTERS[:2], min_size=1, max_size=3),
        st.text(_characters(surrogates=surrogates), min_size=1, max_size=12),
        _overlapping(),
        st.sampled_from(("zen", "better", "implementation", "a-word-that-is-longer-than-one-vector-register-can-hold")),
    )


@st.composite
def _text_around(draw: st.DrawFn, needle: str, *, surrogates: bool, max_size: int) -> str:
    near_misses = [needle, needle + needle, needle + "a", "a" + needle, needle[:-1], needle[1:], needle.swapcase(),
                   f"*{needle}*", f"{needle},", f"{needle}\u0301", f"{needle}\r"]  # fmt: skip
    words = st.one_of(st.just(needle), st.sampled_from(near_misses), needles(surrogates=surrogates))
    pairs = draw(st.lists(st.tuples(words, st.one_of(st.just(" "), st.sampled_from(SEPARATORS))), max_size=12))
    text: str = "".join(word + separator for word, separator in pairs)
    # Most texts end as files do. Examples shrink towards a text that ends with its last word.
    if not draw(st.booleans()):
        text = text.rstrip(" \r\n")
    if draw(st.sampled_from(_AT_A_BORDER)):
        border = draw(st.sampled_from([border for border in BORDERS if border <= max_size] or [0]))
        text = _to_border(border - draw(st.integers(0, len(needle) + 2))) + text
    repetitions: int = draw(st.sampled_from(_REPETITIONS))
    return text * max(1, min(repetitions, max_size // max(1, len(text))))


def _to_border(size: int) -> str:
    return ("and so on " * (size // 10 + 1))[-size:] if size > 0 else ""


def texts(*, surrogates: bool = False, max_size: int = DEFAULT_MAX_SIZE) -> st.SearchStrategy[str]:
    r"""Return a strategy of texts: words between separators of every kind.

    They contain empty lines, runs of spaces, ``\r\n``, lone ``\r``, U+0085, U+2028, accents, and letters of four bytes. Large
    ones repeat a smaller one. In some of them the last words lie across the sizes at which readers cut. They shrink
    to ``""``.

    Args:
        surrogates: whether texts may contain lone surrogates, which UTF-8 cannot encode.
        max_size: the length of the largest texts in characters, approximately.

    Returns:
        A strategy of ``str``.
    """
    return needles(surrogates=surrogates).flatmap(
        lambda needle: _text_around(needle, surrogates=surrogates, max_size=max_size)
    )


def texts_with_needle(
    *, surrogates: bool = False, max_size: int = DEFAULT_MAX_SIZE
) -> st.SearchStrategy[tuple[str, str]]:
    """Return a strategy of pairs of a text and a word to look for in it: the two arguments of a function.

    The text often contains the word, and often something close to it: the word doubled, cut short, in another case, or with
    punctuation. Pairs shrink to ``("", "a")``, and to ``("a", "a")`` where the text must contain the word.

    Args:
        surrogates: whether both may contain lone surrogates, which UTF-8 cannot encode.
        max_size: the length of the largest texts in characters, approximately.

    Returns:
        A strategy of ``(text, word)``.
    """
    return needles(surrogates=surrogates).flatmap(
        lambda needle: st.tuples(_text_around(needle, surrogates=surrogates, max_size=max_size), st.just(needle))
    )
