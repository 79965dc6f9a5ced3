"""The table of what can be required of a check agrees with the records that it names."""

from dataclasses import fields

import pytest

from pytest_gilcheck.evidence import BaselineEntry, Claim, Verdict
from pytest_gilcheck.evidence.requirement import CLAIMABLE, COMPARED, REQUIREMENTS

VERDICT, ENTRY = ({field.name for field in fields(record)} for record in (Verdict, BaselineEntry))


def test_every_field_of_a_claim_has_one_row():
    assert sorted(requirement.claim for requirement in CLAIMABLE.values()) == sorted(f.name for f in fields(Claim))


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda row: row.name or row.figure)
def test_a_row_can_be_claimed_or_compared_and_names_fields_that_exist(requirement):
    assert requirement.name or requirement.is_compared
    assert bool(requirement.name) is bool(requirement.claim)
    assert not requirement.name or requirement.figure in VERDICT
    assert not requirement.is_compared or requirement.figure in ENTRY
    assert (requirement.unit == "word") is (requirement.sense == "is") is bool(requirement.words)


def test_only_releases_bounds_what_a_figure_leaves():
    assert [requirement.name for requirement in REQUIREMENTS if requirement.bounds_the_rest] == ["releases"]


def test_a_field_is_compared_once():
    assert len(set(COMPARED)) == len(COMPARED)
