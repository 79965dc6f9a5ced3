"""Do the ways to count give one answer, and what do they do to the GIL?"""

import pytest
import word_count
from hypothesis import find, settings

from pytest_gilcheck import reference, strategies

TEXT = "Now is better than never.\nAlthough never is often better than *right* now.\n" * 20_000

WAYS = [word_count.python_by_file, word_count.python, word_count.sequential, word_count.parallel]

# Text, needle, and what each way answers, in the order of WAYS; last the reference.
ANSWERS = [
    ("a b c\nb a c\n", "b", (2, 2, 2, 2), 2),
    ("a\n", "a", (0, 1, 1, 1), 1),
    ("a\r\n", "a", (0, 1, 1, 1), 1),
    ("a\r", "a", (0, 1, 0, 1), 0),
    ("a\rb", "b", (1, 1, 0, 0), 0),
    ("a\x0cb", "b", (0, 1, 0, 0), 0),
    ("a\x85b", "b", (0, 1, 0, 0), 0),
    ("a\u2028b", "b", (0, 1, 0, 0), 0),
]


@pytest.mark.parametrize(("text", "needle", "answers", "expected"), ANSWERS, ids=ascii)
def test_the_ways_answer_as_the_documentation_says(text, needle, answers, expected):
    assert tuple(way(text, needle) for way in WAYS) == answers
    assert reference.count(text, needle) == expected


def test_the_first_ways_disagree_on_a_line_that_ends():
    """The guide's own benchmark compared them on a text where no line ends with the word."""
    ways = (word_count.python_by_file, word_count.sequential, word_count.parallel)

    assert {way("a\n", "a") for way in ways} == {0, 1}


def test_todays_three_ways_disagree_and_texts_with_needle_finds_it():
    ways = (word_count.python, word_count.sequential, word_count.parallel)

    text, needle = find(
        strategies.texts_with_needle(max_size=1_000),
        lambda pair: len({way(*pair) for way in ways}) > 1,
        settings=settings(max_examples=2_000, deadline=None, database=None, derandomize=True),
    )

    assert len(text) <= 4
    assert len({way(text, needle) for way in ways}) > 1


def test_sequential_released_counts_as_sequential_does():
    assert word_count.sequential_released(TEXT, "better") == word_count.sequential(TEXT, "better") == 40_000


def test_sequential_holds_the_gil(gilcheck):
    assert gilcheck(word_count.sequential, TEXT, "better").held


def test_sequential_released_lets_go(gilcheck):
    assert gilcheck(word_count.sequential_released, TEXT, "better").released


def test_parallel_holds_the_gil_although_all_cores_work(gilcheck):
    assert gilcheck(word_count.parallel, TEXT, "better").held
