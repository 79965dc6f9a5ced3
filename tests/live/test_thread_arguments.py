"""Arguments for each thread are made once in a check, in that thread, which alone uses and disposes of them."""

import sqlite3
import threading
from collections import Counter

import pytest

from pytest_gilcheck import check, specimens

MS = 1_000_000


class Bound:
    """Knows the thread that made it, and records which threads use it and dispose of it."""

    records: list

    def __init__(self, index):
        self.index = index
        self.owner = threading.get_ident()
        self.records.append(("made", index, self.owner, self.owner))

    def __call__(self):
        self.records.append(("used", self.index, self.owner, threading.get_ident()))
        specimens.releases(MS)

    def __del__(self):
        self.records.append(("gone", self.index, self.owner, threading.get_ident()))


@pytest.fixture
def records():
    Bound.records = []
    return Bound.records


def use(bound):
    """Be the call that is checked."""
    bound()


def test_arguments_when_made_for_threads_then_each_thread_makes_uses_and_disposes_of_its_own(records):
    verdict = check.options(threads=3, budget="60ms", args_for=lambda index: (Bound(index),))(use)

    assert verdict.gil in ("released", "inconclusive")
    assert {owner == there for _, _, owner, there in records} == {True}
    n = Counter((what, index) for what, index, _, _ in records)
    competed = "one-cpu" not in verdict.reasons and "budget-too-small" not in verdict.reasons
    made = {("made", index): 1 for index in range(3 if competed else 1)}
    assert {key: count for key, count in n.items() if key[0] == "made"} == made
    assert {index for what, index in n if what == "used"} == {index for _, index in made}
    assert {index: count for (what, index), count in n.items() if what == "gone"} == {index: 1 for _, index in made}
    # Single calls, and those of the serial arm, are made by the threads whose arguments they take.
    assert len({owner for _, _, owner, _ in records}) == len(made)
    assert threading.get_ident() not in {there for _, _, _, there in records}


def test_arguments_when_lines_are_looked_for_then_the_same_ones_are_used(records):
    def held(bound):
        bound()
        specimens.holds(2 * MS)

    verdict = check.options(overlap=False, args_for=lambda index: (Bound(index),))(held)

    assert verdict.where is not None or verdict.gil == "inconclusive"
    assert Counter(what for what, _, _, _ in records)["made"] == 1
    assert {owner == there for _, _, owner, there in records} == {True}


class Opened:
    """A connection that is closed with this object.

    sqlite3 refuses everything, closing too, in any thread but the one that opened the connection. An error within
    `__del__` fails the test run.
    """

    def __init__(self):
        self.connection = sqlite3.connect(":memory:")

    def __del__(self):
        self.connection.close()


def test_arguments_when_they_are_connections_of_sqlite3_then_no_thread_is_refused():
    def summed(opened):
        return opened.connection.execute(
            "with recursive c(x) as (select 1 union all select x+1 from c where x<5000) select sum(x) from c"
        ).fetchone()

    verdict = check.options(budget="60ms", args_for=lambda _index: (Opened(),))(summed)

    assert verdict.result == (12_497_500 + 5000,)


def test_args_for_when_it_fails_for_the_first_thread_then_its_index_is_named():
    def args_for(index):
        raise LookupError(f"no file for {index}")

    with pytest.raises(LookupError, match="no file for 0") as raised:
        check.options(args_for=args_for)(specimens.releases)

    assert "args_for(0)" in "".join(raised.value.__notes__)
