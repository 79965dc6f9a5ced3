"""A word is right or wrong by its case alone, and a promise is kept or not by its figure alone."""

import dataclasses

import pytest

from benchmarks.ledger.cases import Case, specimen_cases
from benchmarks.ledger.intervals import Interval
from benchmarks.ledger.measurement import Measurement
from benchmarks.ledger.price import Price
from benchmarks.ledger.report import render
from benchmarks.ledger.score import bars, length, mark, score, tallies

CASE = Case(id="a", package="p", setup="", call="f()", truth="held", independent_truth=True)


def measured(case=CASE, **changes):
    fields = {
        "python": "3.11.7",
        "case": case.id,
        "digest": case.digest,
        "witness": "ledger",
        "load": 0,
        "repeat": 0,
        "outcome": "ok",
    }
    return Measurement(**{**fields, "gil": case.truth, **changes})


def bar(rows, name):
    (row,) = [row for row in rows if row.name == name]
    return row


@pytest.mark.parametrize(
    ("truth", "witness", "outcome", "gil", "expected"),
    [
        ("held", "ledger", "ok", "held", "right"),
        ("held", "ledger", "ok", "partial", "wrong"),
        ("partial", "ledger", "ok", "held", "wrong"),
        ("held", "ledger", "ok", "inconclusive", "inconclusive"),
        ("held", "ledger", "ok", "not_applicable", "inconclusive"),
        ("held", "ledger", "crash", "", "failed"),
        ("held", "ledger", "absent", "", "absent"),
        ("held", "progress", "ok", "released", "wrong"),
        ("partial", "progress", "ok", "released", "wrong"),
        ("partial", "progress", "ok", "inconclusive", "inconclusive"),
        ("held", "ratio", "ok", "released", "wrong"),
        ("partial", "ratio", "ok", "held", "cannot say partial"),
        ("partial", "counter", "ok", "released", "cannot say partial"),
    ],
)
def test_mark_when_said_then_only_the_ledger_answers_for_partial(truth, witness, outcome, gil, expected):
    case = dataclasses.replace(CASE, truth=truth)

    assert mark(case, measured(case, witness=witness, outcome=outcome, gil=gil)) == expected


def test_mark_when_load_makes_another_word_of_a_call_then_both_are_right_beside_busy_processes():
    """A call that waits for its own threads with the GIL held waits for longer there."""
    case = dataclasses.replace(CASE, truth="released", also_under_load=("partial",))
    marks = [
        mark(case, measured(case, load=load, gil=gil)) for load in (0, 2) for gil in ("released", "partial", "held")
    ]

    assert marks == ["right", "wrong", "wrong", "right", "right", "wrong"]


def test_score_when_a_case_was_changed_since_then_its_measurement_is_left_out():
    assert score([CASE], [measured(digest="another"), measured(case=dataclasses.replace(CASE, id="gone"))]) == []


def test_tallies_when_counted_then_witness_and_load_are_apart_and_absent_ones_no_part():
    leaning = dataclasses.replace(CASE, id="b", independent_truth=False)
    rows = tallies(
        score(
            [CASE, leaning],
            [
                measured(gil="released", seconds=1.0),
                measured(leaning, gil="released", seconds=3.0),
                measured(load=4),
                measured(witness="ratio", outcome="absent"),
            ],
        )
    )

    assert [
        (t.witness, t.load, t.n, t.n_wrong, t.n_wrong_independent, t.n_independent, t.median_seconds) for t in rows
    ] == [
        ("ledger", 0, 2, 2, 1, 1, 2.0),
        ("ledger", 4, 1, 0, 0, 1, None),
    ]


@pytest.mark.parametrize(("n_inconclusive", "verdict"), [(0, "met"), (1, "met"), (2, "missed")])
@pytest.mark.parametrize(("load", "of", "name"), [(0, 50, "inconclusive, idle"), (2, 20, "inconclusive, loaded")])
def test_bars_when_inconclusive_then_idle_two_and_loaded_five_in_a_hundred_are_met(
    n_inconclusive, verdict, load, of, name
):
    some = [measured(repeat=i, load=load, gil="inconclusive" if i < n_inconclusive else "held") for i in range(of)]

    assert bar(bars(score([CASE], some)), name).verdict == verdict


def test_bars_when_one_verdict_is_wrong_then_the_promise_is_missed_and_rivals_do_not_count():
    rows = bars(score([CASE], [measured(), measured(witness="ratio", gil="released")]))
    assert bar(rows, "wrong verdicts, all loads").verdict == "met"

    rows = bars(score([CASE], [measured(), measured(repeat=1, gil="released")]))
    assert bar(rows, "wrong verdicts, all loads") == bar(
        rows, "wrong verdicts, truth written before measuring"
    ).__class__("wrong verdicts, all loads", "0", "1 of 2 (50.0%)", "missed")


def test_bars_when_the_progress_witness_is_wrong_then_its_own_promise_is_missed():
    name = "wrong verdicts of the progress witness, all loads"
    undecided = measured(witness="progress", gil="inconclusive")
    wrong = measured(witness="progress", repeat=1, gil="released")

    assert bar(bars(score([CASE], [measured()])), name).verdict == "not measured"
    assert bar(bars(score([CASE], [measured(), undecided])), name).verdict == "met"
    rows = bars(score([CASE], [measured(), undecided, wrong]))
    assert (bar(rows, name).measured, bar(rows, name).verdict) == ("1 of 2 (50.0%)", "missed")
    assert bar(rows, "wrong verdicts, all loads").verdict == "met"


def test_report_when_the_progress_witness_was_asked_then_its_words_stand_beside_the_ledgers():
    released = dataclasses.replace(CASE, id="b", truth="released")
    some = [
        measured(),
        measured(released),
        measured(witness="progress", gil="inconclusive"),
        measured(released, witness="progress"),
    ]
    scored = score([CASE, released], some)

    page = render([], bars(scored), scored)

    assert "| this tool | 0 | 2 | 2 (100.0%) | 2 | 0 |" in page
    assert "| this tool, progress witness alone | 0 | 2 | 1 (50.0%) | 1 | 0 |" in page
    assert "| released | 0 | 1 | 1 | 0 | 0 | 0 |" in page
    assert "| held | 0 | 1 | 0 | 0 | 1 | 0 |" in page


def test_bars_when_an_inconclusive_verdict_gives_no_reason_then_it_is_counted():
    silent = measured(gil="inconclusive")
    speaking = measured(gil="inconclusive", repeat=1, reasons=(("borderline", "0.04 to 0.06"),))

    assert bar(bars(score([CASE], [silent, speaking])), "inconclusive without a reason").measured == "1 of 2 (50.0%)"
    assert bar(bars(score([CASE], [speaking])), "inconclusive without a reason").verdict == "met"


@pytest.mark.parametrize(("off", "verdict"), [(0.0049, "met"), (0.0051, "missed")])
def test_bars_when_a_share_is_off_then_the_border_for_its_length_decides(off, verdict):
    (case,) = [c for c in specimen_cases() if c.nominal_ns == 1_000_000 and c.expected_held_share == 0.5]
    rows = bars(score([case], [measured(case, held_share=0.5 - off)]))

    assert bar(rows, "held share against construction, calls of 1 ms").verdict == verdict
    assert bar(rows, "held share against construction, calls of 5 ms").verdict == "not measured"


def test_bars_when_a_long_call_took_two_then_the_promise_of_one_is_missed():
    once = measured(n_calls=1, span_ns=10_000_000)
    short = measured(repeat=1, n_calls=9, span_ns=9_999_999)
    twice = measured(repeat=2, n_calls=2, span_ns=10_000_000)
    name = "calls that a verdict needs, calls of 10 ms and more, idle"

    assert bar(bars(score([CASE], [once, short])), name).verdict == "met"
    assert bar(bars(score([CASE], [once, short, twice])), name).measured == "1 in 1 of 2, at most 2"


def test_bars_when_nothing_was_measured_then_nothing_is_met():
    assert {row.verdict for row in bars([])} == {"not measured"}


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [(Interval(2, 1.9, 3.0), "met"), (Interval(3, 2.9, 3.1), "inconclusive"), (Interval(4, 3.1, 5), "missed")],
)
def test_bars_when_a_price_has_bounds_then_both_must_lie_on_one_side(interval, verdict):
    price = Price(interval, interval, interval, Interval(0, -1, 1), Interval(0, -1, 1), 120, 900, 20, 0, 12, 8)

    assert bar(bars([], price), "added to a release/take pair by recording, in clock readings").verdict == verdict
    assert bar(bars([], price), "added once the hooks are out, in clock readings").verdict == "met"


@pytest.mark.parametrize(
    ("removed", "n_left", "verdict"),
    [
        (Interval(0.03, 0.01, 0.3), 0, "met"),
        (Interval(0.03, 0.01, 0.3), 1, "missed"),
        (Interval(0.2, 0.1, 0.3), 0, "missed"),
    ],
)
def test_bars_when_the_hooks_are_out_then_neither_one_nor_its_price_may_be_left(removed, n_left, verdict):
    price = Price(*[Interval(1, 1, 1)] * 3, removed, Interval(0, 0, 0), 120, 900, 20, n_left, 12, 8)

    assert bar(bars([], price), "added once the hooks are out, in clock readings").verdict == verdict


@pytest.mark.parametrize(
    ("ns", "words"), [(20_000, "20 µs"), (1_000_000, "1 ms"), (2_500_000_000, "2.5 s"), (7, "7 ns")]
)
def test_length_when_written_then_it_has_the_unit_that_fits(ns, words):
    assert length(ns) == words


def test_render_when_a_verdict_is_wrong_then_it_is_listed_with_what_was_seen():
    scored = score(
        [CASE], [measured(gil="released", held_share=0.01, held_share_low=0.0, held_share_high=0.02, detail="a|b\nc")]
    )
    page = render(["one machine"], bars(scored), scored)

    assert "| ledger | a | 3.11.7 | 0 | held | released | held 0.0100 [0.0000, 0.0200] |  |  | a\\|b c |" in page
    assert "| wrong verdicts, all loads | 0 | 1 of 1 (100.0%) | missed |" in page
    assert "## No verdict at all\n\nnone" in page
