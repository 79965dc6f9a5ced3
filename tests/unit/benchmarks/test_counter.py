"""The counter's benchmark: what is a bar, when is it met, who denies it, and what is said of it."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import pytest

from benchmarks.counter import cores, report
from benchmarks.counter.rows import Row, in_turn, row


@pytest.mark.parametrize(
    ("figure", "at_most", "limit", "times", "met"),
    [
        (3.6, False, "", 2.0, "yes"),
        (1.8, False, "memory", 1.0, "yes"),
        (0.9, False, "memory", 0.5, "memory"),
        (0.9, False, "", 0.5, "no"),
        (0.9, True, "", 2.0, "yes"),
        (3.6, True, "", 0.5, "no"),
    ],
)
def test_a_bar_is_met_from_its_own_side(figure, at_most, limit, times, met):
    measured = Row("bar", "case", figure, figure, figure, bound=1.8, at_most=at_most, limit=limit)

    assert measured.times_the_bar == pytest.approx(times)
    assert measured.met == met


def test_a_row_without_a_bar_is_neither_met_nor_missed():
    measured = Row("bar", "case", 0.1, 0.1, 0.1)

    assert measured.times_the_bar is None
    assert measured.met == ""


@pytest.mark.parametrize(
    ("reading_s", "spinning_s", "met"),
    [
        (0.5, 1.0, "no"),
        (1.2, 1.0, "memory"),
        # What others took of the cores must pass neither for the memory's limit nor for the counter's fault.
        (0.5, 1.5, "inconclusive: other processes used the cores"),
        (1.2, 1.5, "inconclusive: other processes used the cores"),
    ],
)
def test_a_shortfall_is_put_on_memory_only_where_the_cores_were_there(monkeypatch, reading_s, spinning_s, met):
    """A count of 1 s on all cores and 1.5 s on one, beside who only reads and who only spins."""
    seconds = [[each] * 3 for each in (1.0, 1.5, reading_s, 1.3, spinning_s, 2.0)]
    monkeypatch.setattr(cores, "in_turn", lambda sides, n_rounds: seconds[: len(sides)])
    monkeypatch.setattr(cores, "spinning_for", lambda seconds, n_chunks: 1)

    rows = list(cores.against_one({"zen": "a" * 10}, 3))

    assert [row.figure for row in rows] == [1.5] * 5
    assert {row.met for row in rows} == {met}


def test_sides_run_in_turn_and_the_first_round_does_not_count():
    calls = []
    times = in_turn([lambda: calls.append("a"), lambda: calls.append("b"), lambda: calls.append("c")], 3)

    assert "".join(calls) == "cbaabccbaabc"
    assert [len(side) for side in times] == [3, 3, 3]


def test_a_ratio_is_the_median_over_rounds_between_its_quartiles():
    bar_row = row("bar", "case", [[1.0, 1.0, 1.0], [1.0, 2.0, 30.0]], 2, speed="fast")

    assert (bar_row.low, bar_row.figure, bar_row.high) == (1.0, 2.0, 30.0)
    assert bar_row.columns == {"medians": "1e+03 ms against 2e+03 ms", "speed": "fast"}
    assert bar_row.met == "yes"


def test_each_bar_has_a_table_of_its_own_and_a_miss_is_bold():
    rows = [
        Row("first", "a", 2.0, 1.5, 2.5, {"medians": "1 ms against 2 ms"}, 3),
        Row("second", "b", 4.0, 4.0, 4.0),
    ]

    assert report.tables(rows).splitlines() == [
        "first:",
        "",
        "| case | figure | quartiles | medians | bar met |",
        "| --- | --- | --- | --- | --- |",
        "| a | 2 | 1.5 to 2.5 | 1 ms against 2 ms | **no** |",
        "",
        "second:",
        "",
        "| case | figure | quartiles |",
        "| --- | --- | --- |",
        "| b | 4 | 4 to 4 |",
    ]


@pytest.mark.skipif(find_spec("pygal") is None, reason="pygal is not installed: it draws the plot")
def test_the_plot_shows_what_has_a_bar(tmp_path):
    rows = [Row("first", "with `a` bar", 2.0, 1.5, 2.5, bound=3), Row("second", "for information", 4.0, 4.0, 4.0)]
    report.plot(rows, tmp_path / "bars.svg")
    drawn = (tmp_path / "bars.svg").read_text()

    assert "with a bar" in drawn
    assert "for information" not in drawn
    # Else every later import that fails would warn.
    assert all(hasattr(finder, "find_spec") for finder in sys.meta_path)
