"""One verdict as plain lines, for terminals, test reports and logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_gilcheck.evidence.requirement import CLAIMABLE
from pytest_gilcheck.judge.bounds import word_of
from pytest_gilcheck.report import where
from pytest_gilcheck.report.figures import duration, percent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_gilcheck.evidence import Claim, Estimate, Limit, Observation, Verdict

#: So many ``-v``, of pytest or of the command, show every frame.
ALL_FRAMES = 2

#: Letters of `Verdict.timeline` -> signs of the drawing.
GLYPHS = {"H": "█", "r": "·", "m": "▒", "w": "w", "?": "?"}
ASCII_GLYPHS = {"H": "#", "r": ".", "m": "+", "w": "w", "?": "?"}


def drawn(timeline: str, encoding: str | None = "utf-8") -> str:
    """Return the timeline drawn in shades, or in ASCII signs where the encoding has no shades."""
    shades = "".join(GLYPHS.get(letter, letter) for letter in timeline)
    try:
        shades.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "".join(ASCII_GLYPHS.get(letter, letter) for letter in timeline)
    return shades


def share_text(share: Estimate) -> str:
    """Return a share with its bounds as percentages, or ``-`` where it was not measured."""
    if share.value is None or share.low is None or share.high is None:
        return "-"
    if share.low == share.high:
        return percent(share.value)
    return f"{percent(share.value)} [{percent(share.low)}, {percent(share.high)}]"


def overlap_text(verdict: Verdict) -> str:
    """Return whether calls overlap, with the speed-up, or ``-`` where it was not measured."""
    if verdict.overlap == "not_measured":
        return "-"
    if verdict.overlap == "inconclusive" or verdict.speedup.value is None:
        return verdict.overlap
    if verdict.decided_by == "together" and word_of(verdict.speedup) != verdict.overlap:
        return verdict.overlap  # beside busy processes wall time says nothing, and would seem to contradict the word
    return f"{verdict.overlap} {verdict.speedup.value:.2f}x"


def count_text(n: float) -> str:
    """Return a count per call, as a whole number where it is one."""
    return f"{n:,.0f}" if n == int(n) else f"{n:,.1f}"


def report_lines(
    observation: Observation, verdict: Verdict, *, encoding: str | None = "utf-8", all_frames: bool = False
) -> Iterator[str]:
    """Return the report on one check, line by line; the first line alone is the verdict.

    Args:
        observation: What was measured.
        verdict: The verdict with its sentences.
        encoding: Encoding of where the lines go, which decides the signs of the timeline.
        all_frames: Whether every recorded stack is added.

    Yields:
        str: Lines without ends.
    """
    yield f"{verdict.name}: {verdict.gil}"
    yield f"  {verdict.diagnosis}"
    if verdict.timeline:
        yield f"  |{drawn(verdict.timeline, encoding)}|  one call, {_ns(verdict.span_ns)}: held {drawn('H', encoding)} released {drawn('r', encoding)}"
    if verdict.held_share.measured:
        n = "1 call" if verdict.n_calls == 1 else f"{verdict.n_calls} calls"
        yield f"  held          {share_text(verdict.held_share)} of the call ({n}, instrument: {verdict.instrument.name}, {verdict.instrument.grade})"
    if verdict.longest_hold_ns is not None:
        n_releases = verdict.n_releases
        yield (
            f"  longest hold  {_ns(verdict.longest_hold_ns)}; released {count_text(n_releases.by_function)}x by the function, "
            f"{count_text(n_releases.by_interpreter)}x by the interpreter (beside a GIL waiter)"
        )
    if verdict.longest_wait_ns is not None:
        yield f"  longest wait  another thread waited up to {_ns(verdict.longest_wait_ns)} for the GIL"
    if verdict.span_ns is not None:
        yield f"  time          {_ns(verdict.span_ns)} of wall time, {_ns(verdict.cpu_ns)} of its thread's processor time"
    yield from _overlap(observation, verdict)
    yield from _agreement(verdict)
    yield from where.lines(verdict.where)
    if all_frames and observation.places is not None:
        yield from where.all_frames(observation.places)
    yield from _progress(observation)
    for note in verdict.notes:
        yield f"  {note.slug}: {note.detail}" if note.detail else f"  {note.slug}"
    if verdict.claim_met is not None or not observation.claim.is_empty:
        yield f"  claim         {claim_text(observation.claim)}: {_met(verdict.claim_met)}"
    for limit in verdict.limits:
        yield f"    {limit_text(limit)}"


def _overlap(observation: Observation, verdict: Verdict) -> Iterator[str]:
    if verdict.overlap == "not_measured":
        return
    yield f"  overlap       {verdict.overlap}"
    if not observation.rounds or not verdict.speedup.measured:
        return
    n_threads, n_rounds = observation.rounds[0].n_threads, len(observation.rounds)
    rounds = f"{n_rounds} round{'s' if n_rounds > 1 else ''}"
    yield f"  {verdict.speedup} of {n_threads} threads over one ({rounds}); {verdict.efficiency} of what a released control reached"
    if verdict.together.measured:
        decided = "decides" if verdict.decided_by == "together" else "does not decide"
        yield f"  together      {verdict.together} by what calls lost while they ran together; this {decided} the word"
    both_released = (
        ""
        if verdict.both_released_share is None
        else f"; two or more outside the GIL at once for {percent(verdict.both_released_share)} of the time"
    )
    yield f"  cores used    {verdict.cores_used:.2f}{both_released}"


def _agreement(verdict: Verdict) -> Iterator[str]:
    if verdict.agreement != "not_checked":
        yield f"  agreement     results {verdict.agreement} under competing threads (compared earlier in the same test)"


def _progress(observation: Observation) -> Iterator[str]:
    progress = observation.progress
    if progress is not None and progress.span_ns:
        yield f"  for information: a background Python thread ran for {percent(min(1.0, progress.background_ns / progress.span_ns))} of the call"


def claim_text(claim: Claim) -> str:
    """Return what is claimed, in one line."""
    parts = []
    for requirement in CLAIMABLE.values():
        bound = getattr(claim, requirement.claim)
        if bound is None:
            continue
        sign = {"is": "", "at least": ">= ", "at most": "<= "}[requirement.sense]
        figure = bound if requirement.unit == "word" else duration(bound) if requirement.unit == "ns" else f"{bound:g}"
        parts.append(f"{requirement.title} {sign}{figure}")
    return ", ".join(parts) or "nothing"


def limit_text(limit: Limit) -> str:
    """Return one limit, the measured figure, and the room between them."""
    if limit.sense == "is":
        return f"{limit.name} {limit.bound}: found {limit.found}: {_met(limit.met)}"
    bound = f"{limit.name} {limit.sense} {figure_text(limit, limit.bound)}"
    if limit.found is None or limit.low is None or limit.high is None:
        return f"{bound}: not measured: inconclusive"
    found = figure_text(limit, limit.found)
    if limit.low != limit.high:
        found += f" [{figure_text(limit, limit.low)}, {figure_text(limit, limit.high)}]"
    if limit.met is None or limit.margin is None:
        return f"{bound}: found {found}: inconclusive"
    return f"{bound}: found {found}: {_met(limit.met)}, margin {figure_text(limit, limit.margin)}"


def figure_text(limit: Limit, figure: float | str) -> str:
    """Return a figure in the unit of this limit."""
    if isinstance(figure, str):
        return figure
    requirement = CLAIMABLE.get(limit.name)
    if requirement is None or requirement.unit != "ns":
        return f"{figure:.3g}"
    return f"-{duration(-figure)}" if figure < 0 else duration(figure)


def margin_text(verdict: Verdict) -> str:
    """Return the margin of the limit nearest to failing, relative to its size, or ``-`` where there is no limit."""
    known = [limit for limit in verdict.limits if limit.margin is not None and isinstance(limit.bound, (int, float))]
    if not known:
        return "-"
    nearest = min(known, key=lambda limit: (limit.margin or 0.0) / (float(limit.bound) or 1.0))
    margin = nearest.margin or 0.0
    return ("+" if margin > 0 else "") + figure_text(nearest, margin)


def _met(met: bool | None) -> str:  # noqa: FBT001  (a value to word, not a switch)
    return "inconclusive" if met is None else ("met" if met else "NOT met")


def _ns(ns: float | None) -> str:
    return "?" if ns is None else duration(ns)
