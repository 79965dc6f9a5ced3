"""The answer on one call: at most six lines of 80 columns, the most telling first."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence.reason import CONCERNS, concerning
from pytest_gilcheck.evidence.requirement import DECIDED_ATTACHMENTS, DECIDED_WORDS
from pytest_gilcheck.report import asleep, where
from pytest_gilcheck.report.advice import advice
from pytest_gilcheck.report.figures import duration, of_rest, percent, says_something, share_bounds
from pytest_gilcheck.report.names import cut, cut_name
from pytest_gilcheck.report.text import limit_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_gilcheck.evidence import Claim, Observation, Reason, Verdict

#: No line of the answer is wider, and it has no more lines.
WIDTH = 80
N_LINES = 6

#: The name of a check keeps so many columns of the first line at least.
_SHORTEST_NAME = 16

#: Letters of `Verdict.timeline` -> signs of the drawing.
_SIGNS = {"H": "█", "r": "·", "m": "▒", "w": "w", "?": "?"}
_ASCII_SIGNS = {"H": "#", "r": ".", "m": "+", "w": "w", "?": "?"}
_LEGEND = {"H": "held", "r": "released", "m": "both", "w": "waiting", "?": "not recorded"}


def drawn(timeline: str, encoding: str | None = "utf-8") -> str:
    """Return the timeline drawn in shades, or in ASCII signs where the encoding has no shades."""
    shades = "".join(_SIGNS.get(letter, letter) for letter in timeline)
    try:
        shades.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "".join(_ASCII_SIGNS.get(letter, letter) for letter in timeline)
    return shades


def answer(observation: Observation, verdict: Verdict, *, encoding: str | None = "utf-8") -> Iterator[tuple[str, bool]]:
    """Return the answer, line by line.

    Args:
        observation: What was measured.
        verdict: The verdict with its sentences.
        encoding: Encoding of where the lines go, which decides the signs of the timeline.

    Yields:
        tuple[str, bool]: A line without its end, and whether it is about something that nobody asked for.
    """
    yield _first_line(verdict), False
    claimed = _claim(verdict)
    if verdict.gil not in DECIDED_WORDS and verdict.attachment not in DECIDED_ATTACHMENTS:
        lines = [*claimed, *_undecided(verdict, encoding)]
        yield from ((line, False) for line in lines[: N_LINES - 1])
        return
    drawing = _timeline(verdict, encoding)
    waits, is_unasked = _waits_and_overlap(observation, verdict)
    claimed += _weaker_witness(verdict)
    places = [*where.headline(verdict, WIDTH)][: N_LINES - 1 - len(claimed) - len(waits)]
    todo = [f"  {line}" for line in wrapped(advice(verdict))]
    # Where there is no room for all, the advice goes first, and then the drawing: the figures say the same.
    n_left = N_LINES - 1 - len(claimed) - len(places) - len(waits)
    lock = [] if verdict.overlap != "serialised" else [*asleep.headline(verdict.waits_at, WIDTH)][: max(0, n_left)]
    n_left -= len(lock)
    for line in (*claimed, *places, *(drawing if n_left > 0 else [])):
        yield line, False
    for line in waits:
        yield line, is_unasked
    for line in lock:
        yield line, False
    if len(todo) <= n_left - len(drawing):
        yield from ((line, False) for line in todo)


def wrapped(text: str, width: int = WIDTH - 2) -> list[str]:
    """Return a text in lines that are no wider than this; words stay whole where they can."""
    return textwrap.wrap(text, width, break_on_hyphens=False)


def _first_line(verdict: Verdict) -> str:
    share = _share(verdict) if verdict.attachment == "not_applicable" else _attached_share(verdict)
    rest = f": {verdict.word.replace('_', ' ')}{share}"
    name = " ".join(verdict.name.split())
    return f"{cut_name(name, max(_SHORTEST_NAME, WIDTH - len(rest)))}{rest}"


def _share(verdict: Verdict) -> str:
    """Return for how much of the call, and how long that is."""
    share, gil = verdict.held_share, verdict.gil
    if share.value is None or share.low is None or share.high is None or gil == "not_applicable":
        return ""
    if gil == "inconclusive":
        if share.low == share.high:  # of a call that is too short
            return ""
        bounds = share_bounds(share.low, share.high)
        return f", held for {bounds.strip('[]').replace(',', ' to')} % of the call" if bounds else ""
    if not verdict.n_calls:  # without the ledger only the least is known
        return f" for at least {of_rest(share.high)} of the call"
    span = "" if verdict.span_ns is None else f" ({duration(verdict.span_ns)})"
    if gil == "released":
        return f" for {of_rest(share.value)} of the call{span}"
    is_one = verdict.n_calls == 1 and share.low != share.high
    of_what = "one call" if gil == "partial" and is_one else "the call"
    return f"{', held' if gil == 'partial' else ''} for {percent(share.value)} of {of_what}{span}"


def _attached_share(verdict: Verdict) -> str:
    """Return the same where there is no GIL. Samples give bounds, and the text says no more than they do; a record is exact."""
    share, word = verdict.attached_share, verdict.attachment
    if share.value is None or share.low is None or share.high is None:
        return ""
    span = "" if verdict.span_ns is None else f" ({duration(verdict.span_ns)})"
    if word == "partial" and verdict.instrument.grade == "exact":
        return f", attached for {percent(share.value)} of the call{span}"
    if word in ("inconclusive", "partial"):
        bounds = share_bounds(share.low, share.high)
        return f", attached for {bounds.strip('[]').replace(',', ' to')} % of the call{span}" if bounds else ""
    return f" for at least {of_rest(share.high) if word == 'detached' else percent(share.low)} of the call{span}"


def _weaker_witness(verdict: Verdict) -> list[str]:
    """Return which witness decided, if it was not the ledger."""
    if verdict.instrument.grade == "exact" or verdict.instrument.unavailable is None:
        return []
    if verdict.attachment != "not_applicable":  # the only one that there is without a GIL
        return []
    witness, why = cut(verdict.instrument.name, _SHORTEST_NAME), cut(verdict.instrument.unavailable.slug, WIDTH - 2)
    text = f"by the {witness} witness ({verdict.instrument.grade}), not by the ledger: {why}"
    return [f"  {line}" for line in wrapped(text)]


def _claim(verdict: Verdict) -> list[str]:
    """Return the part of the claim that is not met, and how many others are not."""
    missed = sorted((limit for limit in verdict.limits if not limit.met), key=lambda limit: limit.met is None)
    if not missed:
        return []
    more = f" (and {len(missed) - 1} more)" if len(missed) > 1 else ""
    return [f"  {cut(limit_text(missed[0]), WIDTH - 2 - len(more))}{more}"]


def _undecided(verdict: Verdict, encoding: str | None) -> Iterator[str]:
    """Yield why there is no word: the last of its reasons, which the judge adds once the others are known."""
    question = "gil" if verdict.attachment == "not_applicable" else "attachment"
    notes = [note for note in concerning(question, verdict.notes) if note.detail]
    of_question = [note for note in notes if note.slug in CONCERNS[question]]
    why: Reason | None = next(reversed(of_question or notes), None)
    for line in wrapped(verdict.diagnosis if why is None or verdict.word == "not_applicable" else why.detail):
        yield f"  {line}"
    if verdict.held_share.low != verdict.held_share.high:
        yield from _timeline(verdict, encoding)


def _timeline(verdict: Verdict, encoding: str | None) -> list[str]:
    if not verdict.timeline:
        return []
    line = f"  |{drawn(verdict.timeline, encoding)}|"
    for letter, meaning in _LEGEND.items():
        entry = f" {drawn(letter, encoding)} {meaning}"
        if letter in verdict.timeline and len(line) + len(entry) <= WIDTH:
            line += entry
    return [line]


def _waits_and_overlap(observation: Observation, verdict: Verdict) -> tuple[list[str], bool]:
    """Return who waits and whether calls overlap in a line if they fit, and whether nobody asked for what it says."""
    overlap, is_unasked = _overlap(observation, verdict)
    wait = _wait(verdict)
    if not wait or not overlap:
        text = wait or overlap
        return ([f"  {line}" for line in wrapped(text)[:2]] if text else []), is_unasked and not wait
    if len(wait) + len(overlap) + 2 <= WIDTH - 2:
        return [f"  {wait}; {overlap}"], False
    return [f"  {wait}"] if is_unasked else [f"  {wait}", f"  {cut(overlap, WIDTH - 2)}"], False


def _wait(verdict: Verdict) -> str:
    pause_ns = verdict.longest_pause_ns
    if pause_ns and verdict.attachment in ("attached", "partial"):
        return f"a garbage collection in another thread waited up to {duration(pause_ns)}"
    waited_ns = verdict.longest_wait_ns
    if not waited_ns or (verdict.gil == "released" and "wait-is-felt" not in verdict.traits):
        return ""
    if "gives-way" not in verdict.traits and 2 * waited_ns < (verdict.longest_hold_ns or 0):
        # Beside busy processes the waiter may never have asked during the hold: "waited up to 780 ns" for one of 13 ms.
        return f"keeps other threads out for up to {duration(verdict.longest_hold_ns or 0)}"
    return f"another thread waited up to {duration(waited_ns)} for the GIL"


def asks_overlap(claim: Claim) -> bool:
    """Return whether a claim asks how calls overlap."""
    return claim.min_speedup is not None or claim.min_efficiency is not None


def _overlap(observation: Observation, verdict: Verdict) -> tuple[str, bool]:
    """Return whether calls overlap, and whether it is undecided and nobody asked."""
    is_asked = asks_overlap(observation.claim)
    if verdict.overlap in ("overlaps", "serialised"):
        calls = "calls overlap" if verdict.overlap == "overlaps" else "calls do not overlap"
        figure = f": {verdict.speedup.value:.2f}x" if says_something(verdict.speedup) else ""
        return f"{calls}{figure}", False
    if verdict.overlap == "inconclusive" and is_asked:
        why = next((note.detail for note in reversed(verdict.notes) if note.detail), "")
        return f"overlap inconclusive{f': {why}' if why else ''}", False
    if verdict.overlap == "inconclusive" and verdict.gil != "held":  # who holds the GIL overlaps with nobody
        return "overlap inconclusive (-v says why)", True
    return "", False
