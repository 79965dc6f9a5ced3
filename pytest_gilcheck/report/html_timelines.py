"""The timelines of the page: the strip in a row, and the threads of a call that a reader can zoom into."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, TypeAlias

from pytest_gilcheck.report.figures import counted, duration, times
from pytest_gilcheck.report.intervals import MIXED, Interval, coarser, thread_intervals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_gilcheck.evidence import CallSpan

#: How many intervals a check's timeline may have: the finest of these for which the timelines of all checks together fit.
#: With the coarsest 1,000 checks still do.
_FINENESS = (2000, 400, 100)

#: Room for the timelines of a page, in characters. The rest of 1,000 checks takes three and a half megabytes.
_ROOM_FOR_TIMELINES = 1_200_000

#: So many threads of a call are drawn: the call's own, and those that held the GIL longest. Others are counted.
_MOST_THREADS = 8

_LETTERS = {"held": "H", "released": "r", "waiting": "w", "mixed": "m"}

#: Letter of `Verdict.timeline` -> its state, and from where to where it reaches in a strip that is 8 high. Height tells them
#: apart for those who do not see the colours.
_STRIP = {"H": ("held", 0), "r": ("released", 6), "w": ("waiting", 3), "m": ("mixed", 1)}
_STRIP_HEIGHT = 8


@dataclass(frozen=True)
class Drawing:
    """A timeline in each fineness."""

    span_ns: int
    threads: tuple[tuple[tuple[str, str], ...], ...]


def strip(timeline: str) -> list[tuple[str, str]]:
    """Return the state and the path of each kind of slice of a timeline."""
    paths: dict[str, list[str]] = {}
    at = 0
    for letter, run in groupby(timeline):
        width = len(list(run))
        if letter in _STRIP:
            top = _STRIP[letter][1]
            paths.setdefault(letter, []).append(f"M{at} {top}h{width}v{_STRIP_HEIGHT - top}h-{width}z")
        at += width
    return [(_STRIP[letter][0], "".join(parts)) for letter, parts in paths.items()]


def strip_text(timeline: str) -> str:
    """Return in words what a strip shows."""
    n_of_letter = Counter(timeline)
    states = [f"{state} in {n_of_letter[letter]}" for letter, (state, _) in _STRIP.items() if n_of_letter[letter]]
    return f"of {len(timeline)} slices of one call: {', '.join(states)}"


#: A thread of a call by its index, and what it did.
Thread: TypeAlias = "tuple[int, tuple[Interval, ...]]"


def said_of(call: CallSpan, threads: Sequence[Thread], n_left_out: int) -> Iterator[str]:
    """Yield what each drawn thread did, in words, and what is not drawn."""
    for thread, intervals in threads:
        parts = []
        for state, words in (("held", "held the GIL"), ("released", "released"), ("waiting", "waiting for it")):
            lengths = [one.length_ns for one in intervals if one.state == state]
            if lengths:
                parts.append(f"{words} {times(len(lengths))}, {duration(sum(lengths))} in all")
        yield f"{_thread_name(thread)}: {'; '.join(parts) or 'no interval is known'}"
    if n_left_out:
        yield f"{counted(n_left_out, 'more thread')} not drawn"
    n_dropped = 0 if call.timeline is None else call.timeline.n_dropped
    if n_dropped:
        yield f"the record is cut: {counted(n_dropped, 'later event')} not drawn; the figures are exact without them"


def _thread_name(thread: int) -> str:
    return f"thread {thread}" if thread else "calling thread"


def drawn_threads(call: CallSpan) -> tuple[list[Thread], int]:
    """Return the threads that are drawn with their intervals, and how many are not."""
    intervals = thread_intervals(call)
    own = intervals.pop(0, ())
    others = sorted(intervals.items(), key=lambda item: -sum(one.held_ns for one in item[1]))
    return [(0, own), *sorted(others[: _MOST_THREADS - 1])], max(0, len(others) - _MOST_THREADS + 1)


def drawing_of(call: CallSpan, threads: Sequence[Thread]) -> Drawing:
    """Return the timeline of a call's drawn threads in each fineness."""
    return Drawing(
        max(1, call.end_ns - call.start_ns),
        tuple(
            tuple(
                (_thread_name(thread), _encoded(coarser(intervals, most // len(threads))))
                for thread, intervals in threads
            )
            for most in _FINENESS
        ),
    )


def _encoded(intervals: Iterable[Interval]) -> str:
    """Return intervals as letters with lengths, which the page's script reads; ``?`` is a time that is not known."""
    parts, at_ns = [], 0
    for one in intervals:
        if one.start_ns > at_ns:
            parts.append(f"?{one.start_ns - at_ns}")
        of_it = f":{one.held_ns}:{one.waiting_ns}" if one.state == MIXED else ""
        parts.append(f"{_LETTERS[one.state]}{one.length_ns}{of_it}")
        at_ns = one.end_ns
    return "".join(parts)


def timelines_json(drawings: Mapping[int, Drawing]) -> str:
    """Return the timelines of all checks as JSON, in the finest form for which there is room."""
    text = "{}"
    for fineness in range(len(_FINENESS)):
        records = {
            number: {"span": drawing.span_ns, "threads": drawing.threads[fineness]}
            for number, drawing in drawings.items()
        }
        text = json.dumps(records, separators=(",", ":"))
        if len(text) <= _ROOM_FOR_TIMELINES:
            break
    return text
