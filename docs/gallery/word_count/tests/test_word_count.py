"""Whether the ways to count give the same result, and what they do to the GIL."""

import sys
from ast import literal_eval
from pathlib import Path

import pytest
import word_count
from hypothesis import find, settings

from pytest_gilcheck import reference, strategies

TEXT = "Now is better than never.\nAlthough never is often better than *right* now.\n" * 20_000

WAYS = [word_count.python_by_file, word_count.python, word_count.sequential, word_count.parallel]

README = Path(__file__).parents[1] / "README.md"


def rows_of_readme():
    """Return the rows of the README's table: text, word, and a cell for each of WAYS and for the reference."""
    lines = README.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    return [(literal_eval(text.strip("`")), word.strip("`"), cells) for text, word, *cells in rows]


@pytest.mark.parametrize(("text", "word", "cells"), rows_of_readme(), ids=ascii)
def test_each_way_counts_as_the_table_says(text, word, cells):
    expected = reference.count(text, word)
    counts = [way(text, word) for way in WAYS]

    # Bold: a result that differs from the reference's.
    assert cells == [*(str(n) if n == expected else f"**{n}**" for n in counts), str(expected)]


def test_the_first_ways_disagree_on_a_line_that_ends():
    """The guide's own benchmark compares them on a text in which no line ends with the word."""
    assert ("a\n", "a", ["**0**", "1", "1", "1", "1"]) in rows_of_readme()
    assert word_count.python_by_file("a\n", "a") == 0
    assert word_count.sequential("a\n", "a") == word_count.parallel("a\n", "a") == 1


def test_splitlines_ends_lines_at_nine_characters_that_rust_does_not():
    characters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF]
    differ = [c for c in characters if word_count.python(f"a{c}b", "b") != word_count.sequential(f"a{c}b", "b")]

    assert differ == list("\x0b\x0c\r\x1c\x1d\x1e\x85\u2028\u2029")


def test_todays_three_ways_disagree_and_texts_with_needle_finds_it():
    ways = (word_count.python, word_count.sequential, word_count.parallel)

    text, needle = find(
        strategies.texts_with_needle(max_size=1_000),
        lambda pair: len({way(*pair) for way in ways}) > 1,
        settings=settings(max_examples=2_000, deadline=None, database=None, derandomize=True),
    )

    assert len(text) <= 2, ascii(text)
    assert len({way(text, needle) for way in ways}) > 1


def test_sequential_released_counts_as_sequential_does():
    assert word_count.sequential_released(TEXT, "better") == word_count.sequential(TEXT, "better") == 40_000


def test_sequential_holds_the_gil(gilcheck):
    assert gilcheck(word_count.sequential, TEXT, "better").held


def test_sequential_released_releases_the_gil(gilcheck):
    assert gilcheck(word_count.sequential_released, TEXT, "better").released


def test_parallel_holds_the_gil_although_all_cores_work(gilcheck):
    assert gilcheck(word_count.parallel, TEXT, "better").held


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Return the path of a file that is large enough to take milliseconds."""
    path = tmp_path_factory.mktemp("texts") / "zen.txt"
    path.write_text(TEXT * 5, encoding="utf-8")
    return path


SEARCHES = [word_count.search, word_count.search_kept, word_count.search_detached, word_count.search_python]


@pytest.mark.parametrize("search", SEARCHES)
def test_every_search_counts_the_words_of_the_file(path, search):
    assert search(path, "better") == 200_000


@pytest.mark.parametrize("search", SEARCHES)
def test_every_search_says_that_a_file_is_missing(path, search):
    with pytest.raises(FileNotFoundError):
        search(path.with_name("missing.txt"), "better")


def test_search_releases_the_gil_only_while_it_counts(gilcheck, path):
    verdict = gilcheck.options(overlap=False)(word_count.search, path, "better")

    assert verdict.gil == "partial"


def test_search_kept_holds_the_gil_while_all_cores_count(gilcheck, path):
    assert gilcheck.options(overlap=False)(word_count.search_kept, path, "better").held


def test_search_detached_releases_it_while_it_reads_too(gilcheck, path):
    assert gilcheck.options(overlap=False)(word_count.search_detached, path, "better").released
