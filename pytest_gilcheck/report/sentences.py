"""The sentences of a verdict: its diagnosis, the details of its notes, and why figures are missing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_gilcheck.report.asleep import site_text
from pytest_gilcheck.report.figures import duration, of_rest, percent, quantity, says_something, times
from pytest_gilcheck.report.reasons import CAUSES, WHY_NOT, detail, estimate_in

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import Estimate, Observation, Verdict


def with_text(verdict: Verdict, observation: Observation) -> Verdict:
    """Return a verdict of the judge with its sentences.

    Args:
        verdict: The verdict, with slugs and values.
        observation: What it was judged from.

    Returns:
        The same verdict with a diagnosis, with the details of its notes, and with the reasons of figures that were not
        measured in words. Texts that are there already stay.
    """
    notes = tuple(replace(note, detail=detail(note)) for note in verdict.notes)
    details = {note.slug: note.detail for note in notes if note.detail}

    def in_words(estimate: Estimate) -> Estimate:
        why_not = details.get(estimate.why_not) or WHY_NOT.get(estimate.why_not, estimate.why_not)
        return replace(estimate, why_not=why_not)

    verdict = replace(
        verdict,
        notes=notes,
        held_share=in_words(verdict.held_share),
        speedup=in_words(verdict.speedup),
        together=in_words(verdict.together),
        efficiency=in_words(verdict.efficiency),
    )
    return replace(verdict, diagnosis=verdict.diagnosis or diagnosis(verdict, observation))


def diagnosis(verdict: Verdict, observation: Observation) -> str:
    """Return one sentence, or a few, that a person can act on.

    Args:
        verdict: A verdict whose notes have their details.
        observation: What it was judged from.

    Returns:
        What the verdict means for the author, and what can be done.
    """
    sentence = _of_holding(verdict) if verdict.attachment == "not_applicable" else _of_attachment(verdict)
    asleep = next((note for note in verdict.notes if note.slug == "sleeps-while-holding"), None)
    if asleep is not None:
        sentence += f" {asleep.detail}"
        if verdict.sleeps_at is not None:
            sentence += f" It sleeps in {site_text(verdict.sleeps_at)}."
    if verdict.agreement == "differ":
        sentence += " Its results differ when threads compete: look at that first."
    return " ".join(filter(None, (sentence, _of_overlap(verdict, observation))))


def _of_holding(verdict: Verdict) -> str:
    share, gil = verdict.held_share, verdict.gil
    if gil == "not_applicable":
        return "This interpreter runs without a GIL: there is nothing to release."
    if gil == "inconclusive" or share.value is None:
        return "The evidence does not decide whether the GIL is released; the reasons say why."
    if not verdict.n_calls:
        return f"Background threads ran for at least {of_rest(share.high or share.value)} of the call."
    held, free = percent(share.value), of_rest(share.value)
    n_releases = verdict.n_releases.by_function
    if gil == "released":
        sentence = f"Releases the GIL for {free} of the call: other threads run meanwhile."
    elif gil == "partial":
        longest = duration(verdict.longest_hold_ns or 0)
        sentence = f"Releases the GIL for {free} of the call and holds it for {held}, at most {longest} at a time."
    elif n_releases:
        sentence = f"Releases the GIL {times(n_releases)}, yet holds it for {held} of the call: other threads gain next to nothing."
    elif "gives-way" in verdict.traits:
        sentence = (
            "Holds the GIL and releases it only when the interpreter asks, while Python code runs: "
            "other threads run in between, never at the same time."
        )
    else:
        span = duration(verdict.span_ns or 0)
        sentence = f"Holds the GIL from start to end ({span}): no other thread runs meanwhile."
    if gil != "held" and "releases-often" in verdict.traits:
        sentence += f" It releases the GIL {times(n_releases)} a call: with competing threads, each time costs a wait."
    if "wait-is-felt" in verdict.traits:
        sentence += f" Another thread waited up to {duration(verdict.longest_wait_ns or 0)} for it."
    return sentence


def _of_attachment(verdict: Verdict) -> str:
    share, word = verdict.attached_share, verdict.attachment
    if word == "inconclusive" or share.value is None:
        return "The samples do not decide whether the call detaches its thread; the reasons say why."
    if word == "detached":
        free = of_rest(share.high or 0.0)
        return f"Detaches its thread for at least {free} of the call: whatever stops all threads need not wait for it."
    waits = "a garbage collection, which stops all threads, has to wait"
    if verdict.longest_pause_ns:
        waits += f" up to {duration(verdict.longest_pause_ns)}"
    if word == "partial":
        return f"Detaches its thread for about {of_rest(share.value)} of the call; in the rest {waits}."
    return f"Its thread stays attached for at least {percent(share.low or 0.0)} of the call: {waits}."


def _of_overlap(verdict: Verdict, observation: Observation) -> str:
    cause = next((note for note in verdict.notes if note.slug in CAUSES), None)
    explained = "" if cause is None else cause.detail
    if cause is not None and cause.slug == "inner-lock" and verdict.waits_at is not None:
        explained += f" They wait in {site_text(verdict.waits_at)}."
    if verdict.overlap in ("overlaps", "serialised") and verdict.speedup.value is not None and observation.rounds:
        overlap = "overlap" if verdict.overlap == "overlaps" else "do not overlap"
        speedup = (
            f": {verdict.speedup.value:.2f} times as fast as one after the other"
            if says_something(verdict.speedup)
            else ""
        )
        if verdict.decided_by == "together" and verdict.together.value is not None:
            speedup = f": on free cores {verdict.together.value:.2f} times as fast as one after the other"
        sentence = f"Calls of {observation.rounds[0].n_threads} threads {overlap}{speedup}."
        return f"{sentence} {explained}".rstrip()
    if cause is not None and "efficiency" in dict(cause.values):
        efficiency = estimate_in(dict(cause.values), "efficiency", "efficiency")
        return f"Calls reach less than the machine allows ({quantity(efficiency)}). {explained}"
    return explained
