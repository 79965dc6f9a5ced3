"""How the table of other tools is written. What they answer is measured, not tested."""

import pytest

from benchmarks.alternatives.__main__ import CASES, cell


@pytest.mark.parametrize(
    ("answers", "truth", "expected"),
    [
        ([("held", 1.0), ("held", 0.9)], "held", "held 2 (0.9 to 1)"),
        ([("held", 1.0), ("released", 1.6)], "released", "**held** 1, released 1 (1 to 1.6)"),
        ([("inconclusive", None)], "released", "inconclusive 1"),
        ([("-", None)], "held", "- 1"),
        ([("released", 0.5)] * 3, "partial", "**released** 3 (0.5 to 0.5)"),
    ],
    ids=["right", "one wrong", "open", "cannot answer", "has no such word"],
)
def test_cell_when_a_word_is_wrong_then_it_is_bold(answers, truth, expected):
    assert cell(answers, truth) == expected


def test_cases_when_they_are_asked_about_then_every_word_is_right_for_one():
    assert {truth for _, truth in CASES.values()} == {"held", "partial", "released"}
