"""Findings for GitHub, GitLab and JUnit: which checks have one, and what tells two of them apart."""

import json

import pytest
from built import RACE, call, observation, verdict_on

from pytest_gilcheck.evidence import Claim
from pytest_gilcheck.report.findings import found, github, github_failure, gitlab, junit_properties
from pytest_gilcheck.store.json_report import AgreementEntry, CheckEntry

RELEASED, HELD, NOTHING = [call(0, 20_000_000)] * 7, [call(20_000_000)] * 7, []


def check(calls, test="t.py::test_it", claim=None, **more):
    """A check of a test."""
    observed = observation(*calls, claim=claim or Claim())
    return CheckEntry(more.pop("name", observed.name), verdict_on(observed), observed, test, "t.py", 3, **more)


def fingerprints(entries):
    return [finding["fingerprint"] for finding in json.loads("".join(gitlab(entries)))]


@pytest.mark.parametrize(
    ("entries", "severities"),
    [
        ([check(RELEASED)], []),
        ([check(NOTHING)], ["warning"]),
        ([check(RELEASED, claim=Claim(gil="held"))], ["error"]),
        ([check(RELEASED, failed=True), check(HELD, failed=True)], ["error"]),
        ([check(HELD, failed=True, claim=Claim(gil="released")), check(RELEASED, failed=True)], ["error"]),
        ([check(RELEASED, failed=True), AgreementEntry(RACE, "t.py::test_it", failed=True)], ["error"]),
        ([check(RELEASED, failed=True), check(RELEASED, "t.py::test_other", failed=True)], ["error", "error"]),
    ],
)
def test_failed_test_has_one_error_for_what_is_wrong(entries, severities):
    """Each unmet claim and each difference has its own; where there is none, one says why the test failed."""
    assert [one.severity for one in found(entries)] == severities


def test_failed_test_is_reported_with_its_own_reason():
    """A call that was released did not fail its test."""
    (line,) = github([check(RELEASED, failed=True, failure="Inconclusive: f: whether calls overlap is inconclusive")])

    assert line.endswith("::test failed: Inconclusive: f: whether calls overlap is inconclusive")
    assert "released" not in line


def test_two_checks_of_one_name_have_two_fingerprints_and_two_junit_names():
    """And the same check has the same one in the next run."""
    claim = Claim(gil="held")
    two = [check(RELEASED, claim=claim, ordinal=n) for n in (1, 2)]

    assert len(set(fingerprints(two))) == 2
    assert fingerprints(two) == fingerprints([check(RELEASED * 2, claim=claim, ordinal=n) for n in (1, 2)])
    names = [name for entry in two for name, _ in junit_properties(entry.verdict, entry.ordinal)]
    assert len(names) == len(set(names))


def test_failure_of_the_gate_stands_at_its_test():
    """With percent signs and line ends as GitHub wants them."""
    line = github_failure("WORSE: held share 0.1% -> 100%", "t.py", 3, "sub/")

    assert line == "::error file=sub/t.py,line=3,title=gilcheck::WORSE: held share 0.1%25 -> 100%25"
    assert github_failure("no check ran", None, None) == "::error title=gilcheck::no check ran"
