"""Every counter equals the naive twin, on any text, for any chunks and number of threads."""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pytest_gilcheck import _native, reference
from pytest_gilcheck.agree.strategies import texts_with_needle
from pytest_gilcheck.reference import naive

PAIRS = texts_with_needle(surrogates=True, max_size=20_000)
LAW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

NATIVE = [reference.count, reference.count_sequential, reference.count_holding_gil]


@LAW
@given(pair=PAIRS, ignore_case=st.booleans())
@example(pair=("a\n", "a"), ignore_case=False)
@example(pair=("a\r\na\r", "a"), ignore_case=False)
@example(pair=("a\r\r\na\r", "a\r"), ignore_case=False)
@example(pair=("a\x85a\u2028a\x0ca", "a"), ignore_case=False)
@example(pair=("a\ud800 a", "a\ud800"), ignore_case=True)
@example(pair=("\ud83d\ude00 😀", "😀"), ignore_case=False)
@example(pair=("\u212aind İs", "kind"), ignore_case=True)
def test_every_counter_equals_the_naive_twin(pair: tuple[str, str], *, ignore_case: bool) -> None:
    """Parallel, sequential, holding the GIL; `str`, `bytes`, a writable buffer."""
    text, needle = pair
    expected = reference.count_python(text, needle, ignore_case=ignore_case)
    as_bytes, word = text.encode("utf-8", "surrogatepass"), needle.encode("utf-8", "surrogatepass")

    for count in NATIVE:
        assert count(text, needle, ignore_case=ignore_case) == expected
        assert count(as_bytes, word, ignore_case=ignore_case) == expected
        assert count(bytearray(as_bytes), word, ignore_case=ignore_case) == expected
    assert reference.count_python(as_bytes, word, ignore_case=ignore_case) == expected


@LAW
@given(text=st.binary(max_size=200), needle=st.binary(min_size=1, max_size=4), ignore_case=st.booleans())
def test_count_when_the_bytes_are_not_utf8_then_it_equals_the_naive_twin(
    text: bytes, needle: bytes, *, ignore_case: bool
) -> None:
    """Any bytes are a text."""
    needle = needle.replace(b" ", b"_").replace(b"\n", b"_")
    for whole in (text, text + b" " + needle + b"\n" + text):
        expected = reference.count_python(whole, needle, ignore_case=ignore_case)
        assert reference.count(whole, needle, ignore_case=ignore_case) == expected


@LAW
@given(pair=PAIRS, ignore_case=st.booleans())
def test_count_file_equals_the_count_of_its_contents(pair: tuple[str, str], *, ignore_case: bool) -> None:
    """The text is written to a file and counted from there."""
    text, needle = pair
    path = Path(_scratch.name)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))

    expected = reference.count(text, needle, ignore_case=ignore_case)
    as_bytes = needle.encode("utf-8", "surrogatepass")
    assert reference.count_file(path, needle, ignore_case=ignore_case) == expected
    assert reference.count_file(path, as_bytes, ignore_case=ignore_case) == expected


@LAW
@given(pair=PAIRS, ignore_case=st.booleans())
def test_counts_add_up_over_lines(pair: tuple[str, str], *, ignore_case: bool) -> None:
    """A text's count is the sum of its lines' counts."""
    text, needle = pair
    by_line = sum(reference.count(line, needle, ignore_case=ignore_case) for line in naive.lines(text))

    assert reference.count(text, needle, ignore_case=ignore_case) == by_line


@settings(LAW, max_examples=50)
@given(pair=PAIRS, ignore_case=st.booleans(), chunk_bytes=st.integers(1, 100), n_threads=st.integers(1, 4))
def test_count_is_the_same_for_all_chunks_and_threads(
    pair: tuple[str, str], *, ignore_case: bool, chunk_bytes: int, n_threads: int
) -> None:
    """The count does not depend on where chunks are cut, or on the number of threads."""
    text, needle = pair
    in_chunks = _native.reference_count_in_chunks(text, needle, chunk_bytes, n_threads, ignore_case)

    assert in_chunks == reference.count_sequential(text, needle, ignore_case=ignore_case)


@settings(LAW, max_examples=15)
@given(texts_with_needle())
def test_count_when_the_text_has_megabytes_then_it_is_the_sum_of_its_parts(pair: tuple[str, str]) -> None:
    """Several threads count texts of this size."""
    text, needle = pair
    copies = _native.REFERENCE_PARALLEL_FROM // (len(text) + 1) + 2
    long = (text + "\n") * copies

    assert reference.count(long, needle) == copies * reference.count(text + "\n", needle)


@LAW
@given(text=st.binary(max_size=2_000))
def test_reading_looks_at_each_byte(text: bytes) -> None:
    """Counting is compared with reading, which must not leave anything out."""
    for all_cores in (False, True):
        assert _native.reference_read(text, all_cores) == text.isascii()
        assert _native.reference_read("a" * _native.REFERENCE_PARALLEL_FROM, all_cores)


def test_spinning_does_the_same_work_on_all_cores_as_on_one() -> None:
    """Counting is compared with spinning too."""
    assert _native.reference_spin(20, 1_000, True) == _native.reference_spin(20, 1_000, False)


def test_letters_are_those_of_the_interpreter_where_it_knows_them() -> None:
    """Every letter of Python's own table is a letter of the counter's, and its other letters are of known kinds.

    Vowel signs, letter-like numbers and circled letters are alphabetic without being letters to Python;
    characters newer than this Python are unassigned to it.
    """
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if character.isalpha():
            assert naive.is_letter(character), hex(code)
        elif naive.is_letter(character):
            assert unicodedata.category(character) in {"Nl", "Mn", "Mc", "So", "Cn"}, hex(code)


def test_folding_is_that_of_the_interpreter_where_it_knows_the_character() -> None:
    """The counter's table against Python's own lower case."""
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        folded = naive.fold(character)
        known = {unicodedata.category(character), unicodedata.category(folded)}
        if "Cn" not in known:
            assert folded == character.lower()[0], hex(code)


@pytest.fixture(autouse=True, scope="module")
def _scratch_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One file for all examples: function-scoped paths and `@given` do not go together."""
    _scratch.name = str(tmp_path_factory.mktemp("counter") / "text")


class _scratch:  # noqa: N801
    name = ""
