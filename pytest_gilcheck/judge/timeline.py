"""One call over time, as a line of letters."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import CallSpan

WIDTH = 48

#: A slice is drawn with one state's letter if that state fills all but this part of it, else as mixed.
PURE_SHARE = 0.9


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
    return letter if filled >= PURE_SHARE else "m"
