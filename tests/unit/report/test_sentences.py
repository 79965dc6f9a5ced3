"""What slugs and values say, in sentences."""

import dataclasses
import inspect
import re
from pathlib import Path

import pytest
from built import BLIND, call, observation, observations, reasons, verdict_on, verdicts
from built_rounds import MS, arm, one_round
from hypothesis import given

import pytest_gilcheck
from pytest_gilcheck.evidence import GilWaits, Inconclusive, Instrument, Progress, Reason
from pytest_gilcheck.judge import judge
from pytest_gilcheck.report import reasons as reason_texts
from pytest_gilcheck.report.reasons import detail
from pytest_gilcheck.report.sentences import with_text

RELEASED = [call(1_000, 20 * MS)] * 7
HELD = [call(20 * MS)]
PARTIAL = [call(10 * MS, 10 * MS)] * 7


def progress(share):
    """A background thread that ran for this share of the call."""
    return Progress(n_calls=1, n_background_runs=10, background_ns=round(share * 20 * MS), span_ns=20 * MS)


@given(reasons)
def test_detail_of_any_reason_is_a_text(reason):
    """Values of another version are shown as they are; a sentence that is there already stays."""
    assert isinstance(detail(reason), str)
    assert not reason.detail or detail(reason) == reason.detail
    assert reason.detail or not reason.values or detail(dataclasses.replace(reason, slug="of-another-version"))


def test_detail_when_a_slug_has_values_then_they_make_a_sentence():
    """Every reason that the package writes with values has its sentence."""
    package = Path(inspect.getfile(pytest_gilcheck)).parent
    sources = [path.read_text(encoding="utf-8") for path in package.rglob("*.py")]
    written = {slug for source in sources for slug in re.findall(r'Reason\.of\(\s*"([a-z-]+)"', source)}

    assert {"borderline", "budget-too-small", "result-not-sent"} <= written
    assert written - {"no-gil"} <= set(reason_texts._SENTENCES)  # its text is a value


def test_detail_when_a_native_reason_brings_its_text_then_it_stands_as_it_is():
    assert detail(Reason.of("ledger-no-slot", text="no slot was found")) == "no slot was found"


def test_why_there_is_no_record_of_attachment_is_said_in_one_of_three_ways():
    slug = "attachment-not-recorded"

    contradicted = detail(Reason.of(slug, n_contradicting=3, n_compared=2100))
    missing = detail(Reason.of(slug, n_missing=4, n_calls=7))
    refused = detail(Reason.of(slug, text="a native module was loaded"))

    assert contradicted.startswith("3 of 2,100 samples contradict the record")
    assert missing.startswith("the record of 4 of 7 calls is not complete")
    assert refused == "a native module was loaded"


@given(observations)
def test_text_of_any_observation_is_complete_and_changes_nothing_else(observed):
    """Words and figures are the judge's."""
    verdict = judge(observed)
    worded = with_text(verdict, observed)

    assert worded.diagnosis
    assert worded.reasons == verdict.reasons
    assert [dataclasses.replace(note, detail="") for note in worded.notes] == [
        dataclasses.replace(note, detail="") for note in verdict.notes
    ]
    assert with_text(worded, observed) == worded


@given(observations, verdicts)
def test_text_when_there_is_one_then_it_stays(observed, verdict):
    """Reports of older versions keep their sentences."""
    assert not verdict.diagnosis or with_text(verdict, observed).diagnosis == verdict.diagnosis


def test_text_when_a_figure_was_not_measured_then_it_says_why():
    with pytest.raises(Inconclusive, match="speed-up was not measured: no wall-clock rounds were run"):
        _ = verdict_on(observation(*RELEASED)).speedup > 1
    alone = observation(*RELEASED, notes=(Reason("one-thread"),))
    with pytest.raises(Inconclusive, match="speed-up was not measured: one thread competes with nobody"):
        _ = verdict_on(alone).speedup > 1


def test_diagnosis_when_the_word_is_open_and_the_loss_is_not_then_it_names_both():
    """A call that brings threads of its own: 1.01 [0.95, 1.25], while the control reached 1.99."""
    rounds = [
        dataclasses.replace(one_round(wall_ns), serial=dataclasses.replace(arm(4 * MS), process_cpu_ns=7 * MS))
        for wall_ns in (3_100_000, 4 * MS) * 10
    ]

    diagnosis = verdict_on(observation(*RELEASED, rounds=tuple(rounds))).diagnosis

    assert "Calls reach less than the machine allows (efficiency" in diagnosis
    assert "brings threads of its own" in diagnosis


@pytest.mark.parametrize(
    ("observed", "says"),
    [
        (observation(*RELEASED), "Releases the GIL for > 99.9 % of the call"),
        (observation(*PARTIAL), "holds it for 50.0 %, at most 10 ms at a time"),
        (observation(*HELD), "Holds the GIL from start to end"),
        (observation(*HELD, gil_waits=GilWaits(1, 9, 6 * MS, 0, 3)), "releases it only when the interpreter asks"),
        (observation(*HELD, gil_waits=GilWaits(1, 9, 19 * MS, 0, 1)), "Holds the GIL from start to end"),
        (observation(*HELD, gil_waits=GilWaits(1, 9, 19 * MS, 0, 0)), "Another thread waited up to 19 ms"),
        (observation(*[call(20 * MS, 1_000, n_releases_by_function=1)] * 7), "Releases the GIL once, yet holds it"),
        (observation(*[call(5 * MS, 5 * MS, n_releases_by_function=5_000)] * 7), "releases the GIL 5,000 times a call"),
        (observation(instrument=BLIND, progress=progress(0.99)), "Background threads ran"),
        (observation(), "does not decide"),
        (observation(instrument=Instrument("none", "none", Reason("no-gil"))), "without a GIL"),
    ],
)
def test_the_sentence_says_what_to_do_about_it(observed, says):
    """One sentence for each kind of finding."""
    assert says in verdict_on(observed).diagnosis
