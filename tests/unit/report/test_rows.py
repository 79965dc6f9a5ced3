"""A table of any length."""

import gc
from dataclasses import replace

import pytest
from built import RACE, call, observation
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pytest_gilcheck.evidence import Agreement, Verdict
from pytest_gilcheck.judge import judge
from pytest_gilcheck.report.rows import Rows
from pytest_gilcheck.report.tables import tables
from pytest_gilcheck.store.json_report import AgreementEntry, Check

HEADINGS = ("check", "GIL", "longest hold")
#: Also folded, wide, of several lines, and such as a file or a terminal could stumble over.
cells = st.text(max_size=30) | st.sampled_from(["", "a\n", "\n\n", "计" * 40, "\ud800", "x" * 200, "one two " * 9])


def at_once(rows, width):
    """The plain way: one table of everything."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(HEADINGS[0], overflow="fold")
    for heading in HEADINGS[1:]:
        table.add_column(heading, no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console(width=width, color_system=None, highlight=False)
    with console.capture() as captured:
        console.print(table)
    return captured.get().rstrip("\n").split("\n")


@given(st.lists(st.tuples(cells, cells, cells), max_size=12), st.integers(1, 5), st.integers(20, 120))
def test_slices_make_the_same_lines_as_one_table(rows, n_rows, width):
    """Widths are those of all rows, and headings are told once."""
    with Rows(HEADINGS, width=width, colour=False) as made:
        for row in rows:
            made.append(row)
        in_slices = list(made.lines(range(3), at_once=n_rows))

    assert in_slices == at_once(rows, width)


@given(st.lists(st.lists(st.text(max_size=9), max_size=2), max_size=5))
def test_what_is_told_below_is_all_there(told):
    """Of each row, in order."""
    with Rows(HEADINGS, width=80, colour=False) as made:
        for lines in told:
            made.append(("f", "held", "-"), below=lines)

        assert list(made.below()) == [line for lines in told for line in lines]


def n_alive():
    """Verdicts and agreements that somebody keeps."""
    gc.collect()
    return sum(isinstance(thing, (Verdict, Agreement)) for thing in gc.get_objects())


@pytest.mark.parametrize(("kind", "n_lines"), [("checks", 1), ("agreements", 3)])
def test_while_a_table_is_made_there_is_one_entry_at_a_time(kind, n_lines):
    """A session of ten thousand has them on disk."""
    found = []

    def one_by_one():
        before = n_alive()
        for _ in range(20):
            seen = observation(call(20_000_000))
            yield Check("f", judge(seen), seen) if kind == "checks" else AgreementEntry(replace(RACE, n_calls=7))
        found.append(n_alive() - before)

    lines = list(tables(one_by_one(), width=80, colour=False))

    assert len(lines) == 1 + 20 * n_lines
    assert found <= [1]  # the reader's own variable


def test_many_rows_wait_on_disk():
    """What they take in memory has an end."""
    with Rows(HEADINGS, width=80, colour=False) as made:
        for n in range(5_000):
            made.append((f"test_{n:040}", "held", "-"))

        assert made._file._rolled
        assert len(list(made.lines(range(3)))) == 5_001
