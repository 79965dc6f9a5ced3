"""The report on one check, as plain lines for terminals, test reports and logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_gilcheck.report import asleep, where
from pytest_gilcheck.report.answer import WIDTH, answer, wrapped
from pytest_gilcheck.report.figures import counted, duration, interval, percent, says_something
from pytest_gilcheck.report.text import claim_text, count_text, limit_text, projected, share_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_gilcheck.evidence import Observation, Verdict

#: So many ``-v``, of pytest or of the command, show every figure, and every frame.
ALL_FIGURES = 1
ALL_FRAMES = 2

_DIM, _NORMAL = "\x1b[2m", "\x1b[22m"

#: Where the text of a line with a title begins.
_INDENT = 16


def report_lines(
    observation: Observation,
    verdict: Verdict,
    *,
    encoding: str | None = "utf-8",
    verbosity: int = 0,
    colour: bool = False,
) -> Iterator[str]:
    """Return the report on one check, line by line; the first line alone is the verdict.

    Args:
        observation: What was measured.
        verdict: The verdict with its sentences.
        encoding: Encoding of where the lines go, which decides the signs of the timeline.
        verbosity: How many ``-v``: 0 for the answer alone, 1 for every figure and reason, 2 for every recorded stack.
        colour: Whether a line about something that nobody asked for is dimmed.

    Yields:
        str: Lines without ends.
    """
    said = []
    for line, is_unasked in answer(observation, verdict, encoding=encoding):
        if is_unasked and verbosity >= ALL_FIGURES:  # it says how to see what follows
            continue
        said.append(line.strip())
        yield f"{_DIM}{line}{_NORMAL}" if colour and is_unasked else line
    if verbosity >= ALL_FIGURES:
        for title, text in figures(observation, verdict):
            yield from _titled(title, text)
        yield from where.lines(verdict.where)
        for title, text in requirements(observation, verdict):
            yield from _titled(title, text)
        yield from _notes(verdict, " ".join(said))
    if verbosity >= ALL_FRAMES and observation.places is not None:
        yield from where.all_frames(observation.places)
    if verbosity >= ALL_FRAMES:
        for sleeps in filter(None, (observation.sleeps_alone, observation.sleeps)):
            yield from asleep.all_sleeps(sleeps)


def _titled(title: str, text: str) -> Iterator[str]:
    """Yield a text beside its title, in as many lines as it takes."""
    for number, line in enumerate(wrapped(text, WIDTH - _INDENT)):
        yield f"  {'' if number else title:<{_INDENT - 2}}{line}"


def figures(observation: Observation, verdict: Verdict) -> Iterator[tuple[str, str]]:
    """Yield the title and the text of every figure that was measured.

    Args:
        observation: What was measured.
        verdict: The verdict with its sentences.

    Yields:
        tuple[str, str]: A title of one or two words, and what stands beside it.
    """
    if verdict.held_share.measured:
        yield "held", f"{share_text(verdict.held_share)} of the call"
    if verdict.attached_share.measured:
        yield "attached", f"{share_text(verdict.attached_share)} of the call"
    if verdict.held_share.measured or verdict.attached_share.measured or verdict.instrument.grade == "none":
        yield "instrument", _instrument_text(observation, verdict)
    if verdict.longest_pause_ns is not None:
        pause = duration(verdict.longest_pause_ns)
        yield "longest pause", f"a garbage collection in another thread waited up to {pause} for the call"
    if verdict.longest_hold_ns is not None:
        yield "longest hold", duration(verdict.longest_hold_ns)
        by_function, by_interpreter = verdict.n_releases.by_function, verdict.n_releases.by_interpreter
        yield (
            "releases",
            f"released {count_text(by_function)}x by the function, {count_text(by_interpreter)}x by the interpreter",
        )
    if verdict.longest_wait_ns is not None:
        waited = f"another thread waited up to {duration(verdict.longest_wait_ns)} for the GIL"
        yield "longest wait", waited if verdict.longest_wait_ns else "no other thread waited for the GIL"
    if verdict.span_ns is not None and verdict.cpu_ns is not None:
        cpu = duration(verdict.cpu_ns)
        yield "time", f"{duration(verdict.span_ns)} of wall time, {cpu} of its thread's processor time"
    if verdict.sleeps_at is not None:
        seen = f"{verdict.sleeps_at.n} of {counted(verdict.sleeps_at.n_seen, 'sleep')} that were seen"
        yield "asleep", f"in {asleep.site_text(verdict.sleeps_at)}: {seen}"
    yield from _overlap(observation, verdict)
    if verdict.agreement != "not_checked":
        yield (
            "agreement",
            f"results {verdict.agreement} under competing threads (compared earlier in the same test)",
        )


def _instrument_text(observation: Observation, verdict: Verdict) -> str:
    """Return the witness of the GIL, its grade, and how many calls it saw."""
    n_calls = observation.progress.n_calls if not verdict.n_calls and observation.progress else verdict.n_calls
    seen = f"; {counted(n_calls, 'call')}" if n_calls else ""
    return f"{verdict.instrument.name}, {verdict.instrument.grade}{seen}"


def _overlap(observation: Observation, verdict: Verdict) -> Iterator[tuple[str, str]]:
    if verdict.overlap == "not_measured":
        return
    if not observation.rounds or not verdict.speedup.measured:
        yield "overlap", verdict.overlap
        return
    n_threads, n_rounds = observation.rounds[0].n_threads, counted(len(observation.rounds), "round")
    speedup = f"speed-up {interval(verdict.speedup)} of {n_threads} threads over one ({n_rounds})"
    efficiency = (
        f"; efficiency {interval(verdict.efficiency)} of what a released control reached"
        if says_something(verdict.efficiency)
        else ""
    )
    yield "overlap", f"{verdict.overlap}: {speedup}{efficiency}"
    if verdict.together.measured:
        decides = "decides" if verdict.decided_by == "together" else "does not decide"
        free_cores = f"speed-up on free cores {interval(verdict.together)} by what calls lost while they ran together"
        yield "together", f"{free_cores}; it {decides} the word"
    if verdict.waits_at is not None:
        seen = f"{verdict.waits_at.n} of {counted(verdict.waits_at.n_seen, 'wait')} that were seen"
        yield "lock", f"threads wait in {asleep.site_text(verdict.waits_at)}: {seen}"
    if more_cores := projected(verdict):
        yield "projection", more_cores
    if verdict.cores_used is not None:
        both_released = (
            ""
            if verdict.both_released_share is None
            else f"; two or more outside the GIL at once for {percent(verdict.both_released_share)} of the time"
        )
        yield "cores used", f"{verdict.cores_used:.2f}{both_released}"


def requirements(observation: Observation, verdict: Verdict) -> Iterator[tuple[str, str]]:
    """Yield how far a background thread got, and each limit; the claim as a whole where no figure compares with it.

    Args:
        observation: What was measured.
        verdict: The verdict with its sentences.

    Yields:
        tuple[str, str]: A title, empty where it is that of the line above, and what stands beside it.
    """
    progress = observation.progress
    if progress is not None and progress.span_ns:
        share = min(1.0, progress.background_ns / progress.span_ns)
        yield "progress", f"a background Python thread ran for {percent(share)} of the call"
    if verdict.limits:
        for number, limit in enumerate(verdict.limits):
            yield "" if number else "claim", limit_text(limit)
    elif not observation.claim.is_empty:
        yield "claim", f"inconclusive: {claim_text(observation.claim)}"


def _notes(verdict: Verdict, said: str) -> Iterator[str]:
    """Yield the reasons, those whose sentence has been said by their slug alone."""
    for note in verdict.notes:
        detail = " ".join(note.detail.split())
        text = note.slug if not detail or detail in said else f"{note.slug}: {detail}"
        for number, line in enumerate(wrapped(text)):
            yield f"  {line}" if not number else f"    {line}"
        said += f" {detail}"
