"""The option that asks one witness of the GIL alone."""

import json

import pytest

CHECKS = """
@pytest.mark.gilcheck(expect="held", overlap=False, inconclusive="skip", name="plain")
def test_plain():
    specimens.holds(2 * MS)

@pytest.mark.gilcheck(expect="held", overlap=False, inconclusive="skip", instrument="ledger", name="marked")
def test_marked():
    specimens.holds(2 * MS)

def test_options(gilcheck):
    gilcheck.options(overlap=False, instrument="progress", name="options")(specimens.holds, 2 * MS)
"""


def witnesses(path):
    """Return the name and grade of the instrument of each check, and its reasons, by the check's name."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    found = [line["check"]["verdict"] for line in lines if "check" in line]
    return {one["name"]: (one["instrument"]["name"], one["instrument"]["grade"], one["reasons"]) for one in found}


@pytest.mark.parametrize(
    ("arguments", "ini", "environment"),
    [
        (["--gilcheck-instrument=progress"], "", ""),
        ([], "gilcheck_instrument = progress", ""),
        ([], "gilcheck_instrument = ledger", "--gilcheck-instrument=progress"),
    ],
    ids=["command line", "ini", "environment over ini"],
)
def test_instrument_when_given_for_the_run_then_the_nearer_value_counts(
    project, pytester, monkeypatch, arguments, ini, environment
):
    monkeypatch.setenv("PYTEST_ADDOPTS", environment)

    result = project(CHECKS, "--gilcheck", "--gilcheck-json=seen.json", *arguments, ini=ini)

    assert result.ret == 0
    seen = witnesses(pytester.path / "seen.json")
    for name in ("plain", "options"):
        witness, grade, reasons = seen[name]
        assert (witness, grade) == ("progress", "bounded")
        assert "ledger-not-asked" in reasons
    assert seen["marked"] == ("ledger", "exact", seen["marked"][2])
    assert "ledger-not-asked" not in seen["marked"][2]


def test_instrument_when_it_is_no_witness_then_it_is_refused_with_the_words(project):
    result = project(CHECKS, "--gilcheck", "--gilcheck-instrument=stopwatch")

    assert result.ret == 4
    result.stderr.fnmatch_lines(["*--gilcheck-instrument: expected one of ledger, progress, got 'stopwatch'*"])


def test_instrument_when_the_ledger_is_required_and_missing_then_the_test_fails_with_the_reason(project):
    """No other witness is asked in its place."""
    result = project(
        """
@pytest.fixture(autouse=True)
def none(monkeypatch):
    from pytest_gilcheck import _native
    def refuse(interval_us):
        raise _native.LedgerUnavailable("ledger-no-slot", "the interpreter calls nothing through a slot")
    monkeypatch.setattr(_native, "open_ledger", refuse)

def test_it(gilcheck):
    verdict = gilcheck.options(overlap=False)(specimens.releases, 2 * MS)
    assert verdict.released

def test_block(gilcheck):
    with gilcheck.span("block") as span:
        specimens.releases(2 * MS)
    assert span.gil == "inconclusive"
    assert "ledger-required" in span.reasons
""",
        "--gilcheck",
        "--gilcheck-instrument=ledger",
    )

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*Inconclusive*ledger-no-slot*the interpreter calls nothing through a slot*"])
