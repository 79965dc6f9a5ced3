"""The census: its rows can be read and repeated, and what two runs found is compared fairly."""

import ast
import shlex

import pytest

pytest.importorskip("tomllib", reason="the census reads TOML, which Python 3.11 can")

from benchmarks.census import measurement
from benchmarks.census.driver import _found, batches
from benchmarks.census.measurement import Found, Sized, compared, knows_less
from benchmarks.census.page import words
from benchmarks.census.rows import Row, read_rows, select
from benchmarks.census.worker import _named

ROWS = read_rows()


def found(*sizes, package="p", statement="f(x)", version="1"):
    return Found(package, version, statement, tuple(Sized(size, "ok", word) for size, word in sizes))


def test_rows_when_read_then_there_are_as_many_functions_of_as_many_packages_as_promised():
    assert len(ROWS) >= 300
    assert len({row.package for row in ROWS}) > 80


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.package}: {row.statement}"[:60])
def test_row_when_read_then_it_is_python_and_its_sizes_grow(row):
    ast.parse(row.setup)
    assert "\n" not in row.command(row.sizes[0])
    ast.parse(row.statement)
    assert list(row.sizes) == sorted(set(row.sizes))
    assert row.sizes[0] >= 1


def test_command_when_split_by_the_shell_then_it_has_the_row_in_it():
    row = Row("p", "f('a', x)", 'import p\nx = "it\'s"', (1, 2))

    words = shlex.split(row.command(2))

    assert words == ["gilcheck", "--no-overlap", "-s", "n = 2", "-s", "import p", "-s", 'x = "it\'s"', row.statement]


def test_rows_when_two_are_the_same_then_they_are_named(tmp_path):
    file = tmp_path / "functions.toml"
    file.write_text("[p]\nsetup = ''\ncalls = [['f()', '', 1], ['f()', 'x = 1', 1]]\n", encoding="utf-8")

    with pytest.raises(ValueError, match=r"twice: \[\('p', 'f\(\)'\)\]"):
        read_rows(file)


def test_select_when_a_package_has_no_rows_then_it_is_named():
    with pytest.raises(ValueError, match="no rows of nmpy"):
        select(ROWS, ["nmpy"])


def test_batches_when_a_package_has_many_rows_then_no_row_is_lost_and_none_has_a_stranger():
    several = list(batches(ROWS))

    assert [row for batch in several for row in batch] == ROWS
    assert all(len({row.package for row in batch}) == 1 for batch in several)


def test_found_when_written_then_it_is_read_again(tmp_path):
    file = tmp_path / "results.jsonl"
    one = Found("p", "1", "f(x)", (Sized(1, "ok", "held", 1.0, 10, 0, "here", ("short",)), Sized(2, "no answer")))

    measurement.write(file, [one])

    assert measurement.read(file) == {one.key: one}
    assert not one.is_whole


def test_compared_when_a_word_changes_at_one_size_then_the_others_are_the_same():
    n_both, (change,) = compared([found((1, "held"), (9, "released"))], [found((1, "held"), (9, "held"), version="2")])

    assert n_both == 2
    assert (change.size, change.word_before, change.word_after, change.after.version) == (9, "released", "held", "2")


@pytest.mark.parametrize(
    "other", [found((1, "inconclusive")), found((2, "held")), found((1, "held"), statement="g(x)")]
)
def test_compared_when_a_word_is_missing_or_open_then_it_is_not_compared(other):
    assert compared([found((1, "released"))], [other]) == (0, [])


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(1, "held")], "held"),
        ([(1, "held"), (1000, "held")], "held, 1 to 1,000"),
        ([(1, "held"), (10, "released"), (1000, "released")], "held at 1, released at 10 and 1,000"),
        ([(1, "held"), (10, "released"), (20, "held")], "held at 1, released at 10, held at 20"),
    ],
)
def test_words_when_they_change_with_the_size_then_each_has_its_sizes(sizes, expected):
    assert words(found(*sizes)) == expected


def test_found_of_an_answer_when_the_process_died_then_the_size_that_killed_it_says_so():
    row = Row("standard library", "f(n)", "", (1, 10, 100))
    answer = {"size": 1, "outcome": "ok", "gil": "held"}

    one = _found(row, {"answers": [answer], "problem": "wait status 11: Segmentation fault", "died": True})

    assert [(sized.size, sized.gil) for sized in one.sizes] == [(1, "held"), (100, "failed")]
    assert one.sizes[1].outcome == "wait status 11: Segmentation fault"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("work.c:9 (work)", "work.c:9 (work)"), ("the statement", ""), ("code", ""), ("an unknown place", "")],
)
def test_place_when_it_is_the_rows_own_statement_then_the_table_has_none(text, expected):
    """Three rows had the place `code`: what was called is the statement's code object."""
    assert _named(text) == expected


@pytest.mark.parametrize(
    ("again", "expected"),
    [
        (found((1, "held"), (9, "inconclusive")), False),
        (found((1, "inconclusive"), (9, "inconclusive")), True),
        (found((1, "held"), (9, "released")), False),
        (found((1, "inconclusive"), (9, "inconclusive"), version="2"), False),
        (found((9, "released")), False),
        (found(), True),
    ],
)
def test_row_when_asked_again_and_more_of_it_is_open_then_it_knows_less(again, expected):
    """A second run beside busy processes left rows open that the first had decided in part.

    A run in which both ends have the same word has no sizes between them, and knows no less.
    """
    assert knows_less(again, found((1, "inconclusive"), (3, "partial"), (9, "released"))) is expected
    assert not knows_less(again, None)
