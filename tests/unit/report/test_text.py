"""Lines for people: the report on one check, and the table."""

import json
import re
from dataclasses import replace

import pytest
from built import BLIND, RACE, agreements, call, observation, observations, verdict_on, verdicts
from built_rounds import one_round
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import (
    CheckFailed,
    Claim,
    Estimate,
    GilEvent,
    GilTimeline,
    GilWaits,
    Inconclusive,
    Instrument,
    NotApplicable,
    Progress,
    Reason,
)
from pytest_gilcheck.gate.claims import require
from pytest_gilcheck.gate.session import Session
from pytest_gilcheck.report import agreement as agreement_text
from pytest_gilcheck.report import findings
from pytest_gilcheck.report.check import report_lines
from pytest_gilcheck.report.markdown import markdown
from pytest_gilcheck.report.tables import counts, tables
from pytest_gilcheck.report.text import claim_text, count_text, limit_text
from pytest_gilcheck.store.json_report import AgreementEntry, CheckEntry, to_line

HALF = call(
    10_000_000, 10_000_000, timeline=GilTimeline((GilEvent(10_000_000, "release", 0), GilEvent(20_000_000, "take", 0)))
)


def lines_on(observed, **more):
    """The lines of the report."""
    return list(report_lines(observed, verdict_on(observed), **more))


@given(observations, verdicts)
def test_report_of_any_records_begins_with_the_verdict(observed, verdict):
    """Whatever was saved can be shown."""
    lines = list(report_lines(observed, verdict, verbosity=2))

    assert f": {verdict.word.replace('_', ' ')}" in lines[0]


def test_report_shows_every_figure_there_is():
    """And what is only information, as such."""
    observed = observation(
        *[HALF] * 7,
        gil_waits=GilWaits(1, 9, 9_500_000, 0, 2),
        progress=Progress(1, 40, 9_000_000, 20_000_000),
        claim=Claim(gil="released", releases=0.9),
        notes=(Reason("tracer", detail="a debugger"), Reason("profiler")),
    )

    text = "\n".join(lines_on(observed, verbosity=1))

    for part in (
        "f: partial",
        "held          50.0 %",
        "instrument    ledger, exact; 7 calls",
        "longest hold  10 ms",
        "releases      released 1x by the function, 2x by the interpreter",
        "longest wait  another thread waited up to 9.5 ms",
        "time          20 ms of wall time, 20 ms of its thread's processor time",
        "progress      a background Python thread ran for 45.0 % of the call",
        "tracer: a debugger",
        "  profiler",
        "claim         FAILED: expected released, found partial",
        "FAILED: released 50.0 % [49.9, 50.1] of the call, required",
        "█" * 24 + "·" * 24,
    ):
        assert part in text


def test_report_when_it_says_everything_then_it_does_not_say_how_to_see_more():
    """`overlap inconclusive (-v says why)` stood in the report of -v, and `efficiency unknown of what ...` below it."""
    observed = observation(
        *[call(1_000, 20_000_000)] * 7, gil_waits=GilWaits(1, 9, 0, 0, 0), rounds=(one_round(3_000_000),) * 2
    )
    unknown = Estimate(0.6, 0.01, 2.0, quantity="efficiency")
    verdict = replace(verdict_on(observed), overlap="inconclusive", efficiency=unknown)

    plain, verbose = ("\n".join(report_lines(observed, verdict, verbosity=n)) for n in (0, 1))

    assert "-v says why" in plain
    assert "-v says why" not in verbose
    assert "efficiency" not in verbose
    assert "longest wait  no other thread waited for the GIL" in verbose


def test_report_without_evidence_shows_reasons_and_no_figure():
    """Nothing is invented."""
    text = "\n".join(lines_on(observation(instrument=BLIND), verbosity=1))

    assert "ledger-no-slot" in text and "not-measured" in text
    assert "held  " not in text and "longest" not in text


@pytest.mark.parametrize(("n", "text"), [(0, "0"), (1, "1"), (2.5, "2.5"), (12345, "12,345")])
def test_counts_are_whole_where_they_are(n, text):
    """Medians may lie between two."""
    assert count_text(n) == text


def test_every_part_of_a_claim_is_worded():
    """So that a failure says what was claimed."""
    claim = Claim("held", 0.9, 1.5, 0.8, 0.1, 5_000_000)

    assert (
        claim_text(claim)
        == "expected held, releases >= 0.9, held share <= 0.1, longest hold <= 5 ms, speed-up >= 1.5, efficiency >= 0.8"
    )
    assert claim_text(Claim()) == "nothing"


@pytest.mark.parametrize(
    ("claim", "text"),
    [
        (Claim(gil="released"), "FAILED: expected released, found held"),
        (Claim(releases=0.9), "FAILED: released 0 % of the call, required at least 90 %"),
        (Claim(max_held_share=1.0), "held 100 % of the call, allowed at most 100 % (met)"),
        (Claim(longest_hold_ns=5_000_000), "FAILED: longest hold 20 ms, allowed at most 5 ms"),
        (Claim(min_speedup=1.5), "inconclusive: speed-up not measured, required at least 1.5"),
    ],
)
def test_a_limit_stands_beside_what_was_measured(claim, text):
    """``releases at least 0.9: found 0: NOT met, margin -0.9`` was a riddle."""
    (limit,) = verdict_on(observation(call(20_000_000), claim=claim)).limits

    assert limit_text(limit) == text


def test_a_limit_that_is_just_missed_does_not_look_met():
    """89.97 % is not 90 %."""
    calls = [call(10_030, 89_970)] * 7
    (limit,) = verdict_on(observation(*calls, claim=Claim(releases=0.9))).limits

    assert "released 89.97 %" in limit_text(replace(limit, low=limit.found, high=limit.found))


@given(
    st.lists(st.tuples(observations, verdicts), min_size=1, max_size=3),
    st.lists(agreements, max_size=3),
    st.integers(20, 250),
    st.booleans(),
)
def test_table_of_any_checks_and_agreements_is_made(checks, compared, width, colour):
    """Names of any length, in any width."""
    rows = [CheckEntry(observed.name, verdict, observed) for observed, verdict in checks]
    rows += [AgreementEntry(agreement) for agreement in compared]

    assert len(list(tables(rows, width=width, colour=colour))) > len(rows)


@given(st.lists(agreements.map(AgreementEntry), max_size=3))
def test_every_report_takes_any_agreement(entries):
    """Whatever a function is called or its answers look like, a line stays a line."""
    n_differ = sum(entry.agreement.word == "differ" for entry in entries)

    assert len(list(findings.github(entries))) == n_differ
    assert all("\n" not in line for line in findings.github(entries))
    assert len(json.loads("".join(findings.gitlab(entries)))) == n_differ
    rows = [line for line in markdown(entries) if line.startswith("| ")]
    assert len(rows) == len(entries) + 1
    for entry in entries:
        assert next(agreement_text.report_lines(entry.agreement)).startswith(entry.name.split("\n")[0])
        assert (
            dict(agreement_text.junit_properties(entry.agreement))[f"gilcheck.{entry.name}.agreement"]
            == entry.agreement.word
        )


def test_a_long_difference_is_cut_where_a_line_must_do():
    """And kept whole where it is told at length."""
    difference = replace(RACE.difference, inputs=f"({'x' * 5_000},)")

    assert len(difference.brief()) < 300
    assert difference.inputs in agreement_text.message(replace(RACE, difference=difference))


def test_counts_name_both_kinds():
    """``-qq`` and ``show -q``."""
    observed = observation(call(20_000_000))
    check, agree = (
        CheckEntry("f", verdict_on(observed), observed),
        AgreementEntry(replace(RACE, word="agree", difference=None)),
    )

    assert counts([check]) == "gilcheck: 1 check: 1 held"
    assert (
        counts([check, agree, agree, AgreementEntry(RACE)])
        == "gilcheck: 1 check: 1 held; 3 agreements: 2 agree, 1 DIFFER"
    )
    assert counts([agree]) == "gilcheck: 1 agreement: 1 agree"


@pytest.mark.parametrize(("agreement", "is_reported"), [("agree", True), ("differ", True), ("not_checked", False)])
def test_a_verdict_copies_what_came_of_comparing_answers(agreement, is_reported):
    """The judge adds no opinion, the report a line."""
    observed = observation(call(20_000_000), agreement=agreement)

    assert verdict_on(observed).agreement == agreement
    assert (
        any(line.startswith(f"  agreement     results {agreement}") for line in lines_on(observed, verbosity=1))
        is is_reported
    )
    assert ("results differ" in verdict_on(observed).diagnosis) is (agreement == "differ")


@pytest.mark.parametrize("width", [60, 80, 100, 160])
@pytest.mark.parametrize("name", ["f", "test_" + "long" * 30, "test[" + "ü" * 90 + "]"])
def test_table_keeps_to_the_width_and_loses_nothing(width, name):
    """Names are folded, figures are not cut."""
    observed = observation(*[HALF] * 7, name=name, gil_waits=GilWaits(1, 9, 9_000_000, 0, 2))

    lines = list(tables([CheckEntry(observed.name, verdict_on(observed), observed)], width=width, colour=False))

    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    # Where a long name leaves no room, the last columns go first.
    for part in ("partial", "50.0 %", "10 ms"):
        assert part in text
    # The figures stand in the first line; the name goes on below it.
    assert "".join(line.split()[0] for line in lines[1:]) == name
    assert "\x1b" not in text


def test_table_is_coloured_where_asked():
    """Escape sequences only on terminals that have them."""
    observed = observation(*[HALF] * 7)

    assert "\x1b[" in "\n".join(
        tables([CheckEntry(observed.name, verdict_on(observed), observed)], width=100, colour=True)
    )


def test_a_claim_that_is_met_says_nothing():
    """And one that is not says what was found."""
    held = observation(call(20_000_000), claim=Claim(gil="held"))
    require(verdict_on(held), held.claim)

    with pytest.raises(CheckFailed, match=r"f: expected released, found held\. Holds the GIL"):
        observed = observation(call(20_000_000), claim=Claim(gil="released"))
        require(verdict_on(observed), observed.claim)


def test_a_claim_without_evidence_is_inconclusive_with_its_slugs():
    """Neither passed nor failed."""
    observed = observation(claim=Claim(gil="released"))

    with pytest.raises(Inconclusive, match="not-measured") as raised:
        require(verdict_on(observed), observed.claim)
    assert raised.value.slugs == ("not-measured",)


def test_without_a_gil_a_claim_is_not_applicable():
    """Told from inconclusive."""
    observed = observation(claim=Claim(gil="released"), instrument=Instrument("none", "none", Reason("no-gil")))

    with pytest.raises(NotApplicable):
        require(verdict_on(observed), observed.claim)


def test_gate_fails_where_nothing_was_checked():
    """A gate that checked nothing fails; one that nobody asked for does not."""
    session = Session()
    assert "no check ran" in session.gate_failures(checking=True)[0].message
    assert session.gate_failures(checking=False) == []

    observed = observation(call(20_000_000))
    session.journal.extend([to_line(CheckEntry("f", verdict_on(observed), observed))])
    assert session.gate_failures(checking=True) == []
    session.close()


def test_an_agreement_counts_as_a_check_that_ran():
    """A suite that only compares answers has checked something."""
    session = Session()
    session.journal.extend([to_line(AgreementEntry(RACE))])

    assert session.gate_failures(checking=True) == []
    session.close()


def test_a_verdict_in_one_line_says_what_is_inconclusive():
    """``released (...), inconclusive (...)`` had to be read twice."""
    verdict = replace(verdict_on(observation(call(1_000, 10**7))), overlap="inconclusive")

    assert re.fullmatch(r"<Verdict on f: released \(held share .*\), overlap inconclusive \(.*\)>", repr(verdict))
