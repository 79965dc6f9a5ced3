"""One call over time, as a line of letters."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from pytest_gilcheck.judge import rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_gilcheck.evidence import CallSpan

WIDTH = 48

#: A slice is drawn as released or waiting if that state fills all but this part of it, else as mixed. It is drawn as held
#: only if it is held throughout: a row of such slices is one hold.
PURE_SHARE = 0.9
_WHOLLY = 1 - 1e-9


def timeline_of(call: CallSpan | None, width: int = WIDTH) -> str:
    """Return when the GIL was held during the call.

    Args:
        call: The call, with or without a record of its GIL events.
        width: How many slices of equal length it is drawn in.

    Returns:
        A letter for each slice: ``H`` held, ``r`` released, ``w`` waiting, ``m`` mixed, ``?`` where the record was cut.
        What threads that the callee brought hold counts as held. Empty without a record.
    """
    if call is None or call.timeline is None:
        return ""
    span_ns = call.end_ns - call.start_ns
    if span_ns <= 0:
        return ""
    slices = [{"H": 0.0, "r": 0.0, "w": 0.0, "?": 0.0} for _ in range(width)]
    for start_ns, end_ns, letter in _stretches(call, span_ns):
        _spread(slices, start_ns * width / span_ns, end_ns * width / span_ns, letter)
    return "".join(_letter(part) for part in slices)


def typical_timeline(calls: Sequence[CallSpan], span_ns: int | None, longest_hold_ns: int | None) -> str:
    """Return the timeline of one call that agrees with the longest hold over all of them.

    Args:
        calls: The calls; some have a record of their GIL events.
        span_ns: Time of the typical call, which the timeline stands for.
        longest_hold_ns: Longest hold of the typical call.

    Returns:
        The timeline of the call whose longest hold is nearest to that. Empty where even this one shows another hold: two
        figures of one report do not contradict each other.
    """
    recorded = [call for call in calls if call.timeline is not None]
    if not recorded or not span_ns or longest_hold_ns is None:
        return ""
    call = min(recorded, key=lambda call: abs(call.longest_hold_ns - longest_hold_ns))
    timeline = timeline_of(call)
    return timeline if timeline and _shows_hold(timeline, span_ns, longest_hold_ns) else ""


def _shows_hold(timeline: str, span_ns: int, longest_hold_ns: int) -> bool:
    """Return whether a timeline of this length shows a hold of this length, as far as its slices can."""
    slice_ns = span_ns / len(timeline)
    drawn_ns = max((len(list(row)) for letter, row in groupby(timeline) if letter == "H"), default=0) * slice_ns
    # The ends of a hold lie within the two slices beside its row. What a cut record does not show may be longer.
    most_ns = span_ns if "?" in timeline else drawn_ns + 2 * slice_ns
    slack = 1 + rules.TIMELINE_SLACK
    return drawn_ns <= slack * longest_hold_ns + slice_ns and longest_hold_ns <= slack * most_ns + slice_ns


def _stretches(call: CallSpan, span_ns: int) -> list[tuple[int, int, str]]:
    assert call.timeline is not None  # noqa: S101  (narrowing: the only caller checks it)
    stretches, since_ns, own, held_elsewhere = [], 0, "H", False
    for event in call.timeline.events:
        stretches.append((since_ns, event.at_ns, "H" if held_elsewhere else own))
        since_ns = event.at_ns
        if event.thread == 0:
            own = {"take": "H", "release": "r"}.get(event.kind, "w")
        elif call.n_workers and event.kind != "wait":  # a thread that begins to wait does not change who holds
            held_elsewhere = event.kind == "take"
    last = "?" if call.timeline.n_dropped else ("H" if held_elsewhere else own)
    return [*stretches, (since_ns, span_ns, last)]


def _spread(slices: list[dict[str, float]], start: float, end: float, letter: str) -> None:
    index = int(start)
    while index < len(slices) and index < end:
        slices[index][letter] += min(end, index + 1) - max(start, index)
        index += 1


def _letter(part: dict[str, float]) -> str:
    letter, filled = max(part.items(), key=lambda item: item[1])
    return letter if filled >= (_WHOLLY if letter == "H" else PURE_SHARE) else "m"
