"""What is true of a call, and what an answer counts as."""

import pytest

from benchmarks.living.cases import Public, specimens
from benchmarks.living.cells import Answer, Cell, plan
from benchmarks.living.neighbours import NOBODY
from benchmarks.living.report import bars, mark, render

BY_ID = {case.id: case for case in specimens()}
HALF = BY_ID["holds_then_releases(10, 10)"]
OWN_POOL = "own pool"


def cell(case=HALF, neighbour="nobody"):
    return Cell(case, neighbour, 0)


def test_truth_when_a_specimen_has_both_parts_then_its_bounds_hold_the_share_of_its_work():
    """Whatever lives beside it: time in which the call waits does not count."""
    for case in BY_ID.values():
        low, high = case.truth().bounds
        assert low <= case.held_ns / (case.held_ns + case.released_ns) <= high
        assert case.truth().word == Cell(case, "spinning thread", 2).truth.word


def test_truth_when_the_work_is_done_in_a_pool_then_its_bounds_are_wider():
    """A thread has to be woken, and a pool makes objects."""
    alone, in_pool = cell().truth.bounds, cell(neighbour=OWN_POOL).truth.bounds

    assert in_pool[0] < alone[0] and alone[1] < in_pool[1]


def test_plan_when_a_hand_over_makes_another_word_of_a_call_then_it_is_left_out():
    """Of 1 ms of work in a pool, half a millisecond may be the hand-over."""
    planned = {(c.case.id, c.neighbour) for c in plan(BY_ID.values(), ["nobody", OWN_POOL], [0], 0)}

    assert ("holds(1)", "nobody") in planned and ("holds(50)", OWN_POOL) in planned
    assert ("holds(1)", OWN_POOL) not in planned


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"gil": "partial", "share": (0.49, 0.5, 0.51), "grade": "exact"}, "right"),
        ({"gil": "held", "share": (1.0, 1.0, 1.0), "grade": "exact"}, "WRONG"),
        ({"gil": "partial", "share": (0.6, 0.6, 0.6), "grade": "exact"}, "EXCLUDES THE TRUTH"),
        ({"gil": "partial", "share": (0.6, 0.6, 0.6), "grade": "bounded"}, "right"),
        ({"gil": "inconclusive", "share": (0.0, 0.5, 1.0), "grade": "exact"}, "inconclusive"),
        ({"gil": "inconclusive", "share": (0.6, 0.7, 1.0), "grade": "exact"}, "EXCLUDES THE TRUTH"),
        ({"outcome": "timeout"}, "TIMEOUT"),
        ({"outcome": "absent"}, "absent"),
    ],
)
def test_mark_when_an_answer_came_then_it_counts_as_the_gravest_that_it_is(fields, expected):
    """An interval is right or wrong whatever the word."""
    assert mark(Answer(cell(), **{"outcome": "ok", **fields})) == expected


def test_mark_when_only_the_word_is_known_then_no_interval_excludes_the_truth():
    """The share of a public function is a reading on one machine."""
    answer = Answer(cell(Public("f", "", "f()", "held")), "ok", "held", (0.99, 1.0, 1.0), "exact")

    assert mark(answer) == "right"


def test_bars_when_nothing_was_checked_then_they_are_missed():
    """A benchmark of nothing would meet them all."""
    assert not any(met for _, _, _, met in bars([]))


def test_bars_when_one_word_is_wrong_then_that_bar_alone_is_missed():
    """The page names the cell."""
    right = Answer(cell(), "ok", "partial", (0.49, 0.5, 0.51), "exact")
    wrong = Answer(cell(), "ok", "held", (0.49, 0.5, 0.51), "exact")

    assert [name for name, _, _, met in bars([right, wrong]) if not met] == ["wrong words"]
    assert "- WRONG: holds_then_releases(10, 10) beside nobody, load 0" in render([right, wrong])


def test_truth_when_load_makes_another_word_of_a_call_then_both_are_right_beside_others():
    """The call holds for longer where others want the processors: neither word is wrong there, and one is where it is alone."""
    case = Public("f", "", "f()", "released", also_under_load=("partial",))

    def is_wrong(gil, neighbour, load):
        return Answer(Cell(case, neighbour, load), "ok", gil).is_wrong

    assert is_wrong("partial", NOBODY, 0)
    assert not is_wrong("partial", NOBODY, 2) and not is_wrong("partial", "spinning thread", 0)
    assert not is_wrong("released", NOBODY, 2)
    assert is_wrong("held", NOBODY, 2)
