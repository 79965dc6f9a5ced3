"""Tables of checks and agreements, on the terminal and in Markdown."""

import gc
from dataclasses import replace

import pytest
from built import RACE, call, entries, observation
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import Agreement, Claim, Verdict
from pytest_gilcheck.judge import judge
from pytest_gilcheck.report.markdown import markdown
from pytest_gilcheck.report.tables import tables
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
