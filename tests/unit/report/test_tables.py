"""Tables of checks and agreements, on the terminal and in Markdown."""

import gc
from dataclasses import replace

import pytest
from built import RACE, call, entries, observation
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import Agreement, Claim, Estimate, Verdict
from pytest_gilcheck.judge import judge
from pytest_gilcheck.report.markdown import markdown
from pytest_gilcheck.report.tables import row_name, tables
from pytest_gilcheck.store.json_report import AgreementEntry, CheckEntry

#: Names that fold, are wide, have several lines, or cannot be encoded.
ODD_NAMES = ["", "a\n", "\n\n", "计" * 40, "\ud800", "x" * 200, "one two " * 9]


def held(name="f", **more):
    """A check of a call that holds the GIL."""
    evidence = observation(call(20_000_000), name=name, **more)
    return CheckEntry(name, judge(evidence), evidence)


@pytest.mark.parametrize("report", [lambda items: tables(items, width=80, colour=False), markdown])
@given(st.lists(entries, max_size=5))
def test_checks_come_before_agreements_in_whichever_order_they_are_read(report, items):
    """A report has them in the order in which their tests ended."""
    agreements = [entry for entry in items if isinstance(entry, AgreementEntry)]
    checks = [entry for entry in items if isinstance(entry, CheckEntry)]

    assert list(report(items)) == list(report([*checks, *agreements]))


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_name_has_a_row_that_keeps_to_the_width(name):
    """The figures stand in its first line."""
    lines = list(tables([held(name), AgreementEntry(replace(RACE, name=name))], width=60, colour=False))

    assert sum("held 100 %" in " ".join(line.split()) for line in lines) == 1
    assert sum("DIFFER" in line for line in lines) == 1


@pytest.mark.parametrize(
    ("claim", "has_margin"), [(Claim(), False), (Claim(max_held_share=0.5), True)], ids=["no limit", "a limit"]
)
def test_the_column_of_margins_is_there_where_a_check_has_a_limit(claim, has_margin):
    """Nobody is shown a column of dashes."""
    heading, *_ = tables([held(), held(claim=claim)], width=120, colour=False)

    assert ("margin" in heading) is has_margin


@pytest.mark.parametrize(
    ("name", "test", "shown"),
    [
        ("zlib.compress", None, "zlib.compress"),
        ("zlib.compress", "tests/test_x.py::test_a[1]", "test_a[1]\n  zlib.compress"),
        ("zlib.compress", "tests/test_x.py::TestZ::test_a", "TestZ::test_a\n  zlib.compress"),
        ("test_a", "tests/test_x.py::test_a[1]", "test_a[1]"),
        ("tests/test_x.py::test_a", "tests/test_x.py::test_a", "test_a"),
        ("test_x.py::test_a", "tests/test_x.py::test_a", "test_a"),
        ("f", "README.md", "README.md\n  f"),
    ],
)
def test_a_row_is_named_by_its_test_and_its_function(name, test, shown):
    """Rows of different tests looked the same."""
    assert row_name(replace(held(name), test=test)) == shown


def test_names_break_between_words_and_figures_stay_at_80_columns():
    """The longest hold was dropped, and names were cut in two."""
    entries = [
        replace(held("zlib.compress"), test=f"tests/test_x.py::test_zlib_releases_the_gil_for_all_{what}[{n}]")
        for n, what in enumerate(["levels_and_sizes", "modes"])
    ]

    heading, *rows = tables(entries, width=80, colour=False)

    assert heading.split()[:5] == ["check", "GIL", "held", "max", "hold"]
    for row in rows:
        assert row.split()[0].endswith(("_", "]", "zlib.compress"))
    assert sum("held  100 %  20 ms" in row for row in rows) == 2


@pytest.mark.parametrize("claim", [Claim(), Claim(min_speedup=1.5)])
def test_overlap_that_is_inconclusive_is_shown_where_somebody_asked(claim):
    """No column of dashes, and none of what nobody asked for."""
    entry = held(claim=claim)
    entry = replace(entry, verdict=replace(entry.verdict, overlap="inconclusive"))

    heading, row = tables([entry], width=120, colour=False)

    assert ("overlap" in heading) is ("inconclusive" in row) is (claim.min_speedup is not None)


def test_markdown_shows_no_figure_of_what_is_undecided():
    """A speed-up stood there as a plain number although overlap was inconclusive."""
    entry = held()
    verdict = replace(
        entry.verdict, gil="inconclusive", overlap="inconclusive", speedup=Estimate(1.13, 0.9, 1.4, quantity="speed-up")
    )

    row = next(line for line in markdown([replace(entry, verdict=verdict)]) if line.startswith("| f"))

    assert row == "| f | inconclusive | - | - | inconclusive | - | - |"


def n_alive():
    """Number of verdicts and agreements that somebody keeps."""
    gc.collect()
    return sum(isinstance(thing, (Verdict, Agreement)) for thing in gc.get_objects())


@pytest.mark.parametrize("report", [lambda items: tables(items, width=80, colour=False), markdown])
@pytest.mark.parametrize("kind", ["checks", "agreements"])
def test_one_entry_at_a_time_is_kept(report, kind):
    """A session of ten thousand checks has their timelines on disk."""
    numbers = []

    def one_by_one():
        before = n_alive()
        for _ in range(20):
            yield held() if kind == "checks" else AgreementEntry(replace(RACE, n_calls=7))
        numbers.append(n_alive() - before)

    assert len(list(report(one_by_one()))) > 20
    assert numbers <= [1]  # the reader's own variable
