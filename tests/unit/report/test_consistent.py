"""Figures of one report do not contradict each other: laws over built observations."""

import re
from dataclasses import replace
from itertools import groupby
from statistics import median

from built import call, estimates, observation
from built_rounds import one_round
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import GilEvent, GilEventPlace, GilTimeline, GilWaits, HoldPlace, Place, Places
from pytest_gilcheck.evidence.requirement import DECIDED_WORDS
from pytest_gilcheck.judge import judge
from pytest_gilcheck.judge.rules import TIMELINE_SLACK
from pytest_gilcheck.judge.timeline import WIDTH
from pytest_gilcheck.report.check import report_lines
from pytest_gilcheck.report.figures import WIDEST_FACTOR
from pytest_gilcheck.report.markdown import markdown
from pytest_gilcheck.report.sentences import with_text
from pytest_gilcheck.report.tables import tables
from pytest_gilcheck.store.json_report import CheckEntry

UNITS = {"s": 1e9, "ms": 1e6, "µs": 1e3, "ns": 1}
LIB = "/home/me/demo.so"


@st.composite
def recorded_calls(draw):
    """A call that holds and releases in turn, with its events."""
    parts = draw(st.lists(st.tuples(st.integers(20, 10**7), st.integers(20, 10**7)), min_size=1, max_size=9))
    ends_released = draw(st.booleans())
    now, events, holds = 0, [], []
    for index, (held_ns, free_ns) in enumerate(parts):
        now += held_ns
        holds.append(held_ns)
        if index == len(parts) - 1 and not ends_released:
            break
        events.append(GilEvent(now, "release", 0))
        now += free_ns
        events.append(GilEvent(now, "take", 0))
    held_ns = sum(holds)
    return call(
        held_ns,
        now - held_ns,
        longest_hold_ns=max(holds),
        n_releases_by_function=len(events) // 2,
        timeline=draw(st.sampled_from([None, GilTimeline(tuple(events))])),
    )


@st.composite
def scaled(draw, one):
    """The same call once more: some parts of it took longer, and its own timeline was not kept."""
    factor = draw(st.floats(0.2, 5))
    held_ns, free_ns = round(one.held_ns * factor), round((one.span_ns - one.held_ns) * draw(st.floats(0.2, 5)))
    return call(
        held_ns,
        free_ns,
        longest_hold_ns=round(one.longest_hold_ns * factor),
        n_releases_by_function=one.n_releases_by_function,
    )


def _place(line):
    return Place("/home/me/src/lib.rs", line, "demo::work", LIB)


@st.composite
def diagnosed(draw):
    """A pass whose holds may have been drawn out by an interrupt."""
    events = (GilEventPlace("release", (_place(31),)), GilEventPlace("take", (_place(33),)))
    lengths = draw(st.lists(st.integers(1, 10**10), min_size=2, max_size=2))
    return Places(
        events, (HoldPlace(None, None, 0, 1, lengths[0]), HoldPlace(0, 1, None, 1, lengths[1])), root="/home/me"
    )


@st.composite
def observed_calls(draw):
    first = draw(recorded_calls())
    more = draw(st.lists(scaled(first), max_size=8))
    waits = st.builds(GilWaits, n_calls=st.just(1), n_waits=st.just(9), longest_wait_ns=st.integers(0, 10**11))
    return observation(
        first,
        *more,
        gil_waits=draw(st.none() | waits),
        places=draw(st.none() | diagnosed()),
        rounds=tuple([one_round(3_000_000)] * draw(st.integers(1, 2))),
    )


@st.composite
def reports(draw):
    """Observation, verdict and full report; figures of the wall clock may be anything."""
    observed = draw(observed_calls())
    verdict = judge(observed)
    if draw(st.booleans()):
        wild = estimates(st.floats(0, 1e7))
        verdict = replace(
            verdict,
            overlap=draw(st.sampled_from(["overlaps", "serialised", "inconclusive"])),
            speedup=draw(wild),
            efficiency=draw(wild),
        )
    verdict = with_text(verdict, observed)
    return observed, verdict, "\n".join(report_lines(observed, verdict, verbosity=1))


def duration_after(text, before):
    """The durations that follow a phrase, in nanoseconds."""
    found = re.findall(rf"{before}\s*([\d.,]+) (s|ms|µs|ns)\b", text)
    return [float(figure.replace(",", "")) * UNITS[unit] for figure, unit in found]


@given(reports())
def test_bounds_contain_the_figure_before_them_and_are_close(report):
    """No interval is wider than a factor of 20."""
    *_, text = report
    figures = re.findall(r"([<>]? ?[\d.]+)(?: %)? \[([\d.]+), ([\d.]+)\]", text)

    for value, low, high in figures:
        assert float(low) <= float(value.strip("<> ")) <= float(high) <= WIDEST_FACTOR * float(low)
    for low, high in re.findall(r"\[([\d.]+), ([\d.]+)\]", text):
        assert float(high) <= WIDEST_FACTOR * float(low) or low == high
    assert not re.search(r"\d\.?\d*e[+-]\d", text)


@given(reports())
def test_timeline_shows_no_longer_hold_than_the_report_says(report):
    """600 ns were drawn as held where the longest hold was 216 ns."""
    _, verdict, text = report
    bar = re.search(r"\|([█·▒w?]+)\|", text)
    if bar is None:
        return
    (longest_ns,) = duration_after(text, "longest hold ")
    slice_ns = verdict.span_ns / WIDTH
    drawn_ns = max((len(list(row)) for sign, row in groupby(bar[1]) if sign == "█"), default=0) * slice_ns

    assert drawn_ns <= (1 + TIMELINE_SLACK) * longest_ns * 1.01 + slice_ns
    assert longest_ns * 0.99 <= (1 + TIMELINE_SLACK) * (drawn_ns + 2 * slice_ns) + slice_ns


@given(reports())
def test_every_hold_and_wait_that_is_said_agrees_with_the_longest(report):
    """1.8 ms were said to be held at a line where the longest hold was 4.75 µs; a wait of 33 µs for a call of 124 ns."""
    observed, verdict, text = report
    longest = duration_after(text, "longest hold ")
    if not longest:
        return
    at_lines = duration_after(text, "held for ")
    span_ns = median(one.span_ns for one in observed.calls)

    assert len(set(at_lines) - set(longest)) == 0
    assert longest[0] <= span_ns * 1.01 + 1
    assert all(waited <= span_ns * 1.01 + 1 for waited in duration_after(text, "waited up to "))
    assert verdict.where is None or verdict.where.longest_hold_ns == verdict.longest_hold_ns


@given(reports())
def test_one_figure_is_written_in_one_way(report):
    """The first line and the figures below it."""
    _, verdict, text = report
    first, *rest = text.split("\n")
    share = next((line for line in rest if line.startswith("  held          ")), None)
    if share is None or verdict.gil not in ("held", "partial") or not verdict.n_calls:
        return

    assert re.search(r"for ([<>]? ?[\d.]+ %)", first)[1] == re.match(r"  held          ([<>]? ?[\d.]+ %)", share)[1]


@given(reports())
def test_a_table_and_a_markdown_report_have_the_figures_of_the_report(report):
    """A reader who opens the report of a row finds the row's figures."""
    observed, verdict, text = report
    entry = CheckEntry("f", verdict, observed)
    headings, row = (re.split(r"\s{2,}", line.strip()) for line in tables([entry], width=240, colour=False))
    table = dict(zip(headings, row, strict=True))
    *_, of_headings, _, of_row = (line for line in markdown([entry]) if line.startswith("|"))
    marked = dict(zip(of_headings.split(" | "), of_row.replace("\\", "").split(" | "), strict=True))
    if verdict.gil not in DECIDED_WORDS:
        assert "held" not in table and table.get("max hold", "-") == marked["held"] == marked["max hold"] == "-"
        return

    assert re.search(rf"  held          {re.escape(marked['held'])} of the call", text)
    assert marked["held"].startswith(table["held"])
    if "max hold" in table and table["max hold"] != "-":
        assert f"  longest hold  {table['max hold']}" in text
        assert marked["max hold"] == table["max hold"]
    if "longest wait" in table and table["longest wait"] != "-":
        assert f"waited up to {table['longest wait']}" in text


@given(reports())
def test_no_sentence_is_said_twice(report):
    """One was said up to three times."""
    *_, text = report
    joined = " ".join(text.split())
    sentences = [part for part in re.split(r"(?<=[.:]) |; ", joined) if len(part) > 50]

    assert len(sentences) == len(set(sentences))
