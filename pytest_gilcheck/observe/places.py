"""The diagnosing pass: the native stacks of one call's hand-overs, and the Python lines above them."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, TypeAlias

from pytest_gilcheck import _native
from pytest_gilcheck.evidence import GilEventPlace, HoldPlace, Place, Places
from pytest_gilcheck.observe.lines import place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    from pytest_gilcheck.observe.lines import PythonLines

#: (monotonic nanoseconds, kind, nanoseconds spent on keeping it, frames from the innermost on)
RawGilEvent: TypeAlias = "tuple[int, str, int, Sequence[tuple[str | None, int | None, str | None, str | None]]]"


class Kept:
    """What one pass kept: its hand-overs, and how many did not fit. Empty until the pass has ended."""

    def __init__(self) -> None:
        self.events: Sequence[RawGilEvent] = ()
        self.n_dropped = 0

    @property
    def runs_python(self) -> bool:
        """Did Python code run between the call and one of its hand-overs?"""
        return any("_PyEval_EvalFrame" in (frame[2] or "") for event in self.events for frame in event[3])


@contextlib.contextmanager
def stacks_of(thread: int) -> Iterator[Kept]:
    """Keeps the stacks of the hand-overs of calls that thread `thread` (its ident) makes while the block runs.

    Raises `RuntimeError` where another pass is under way in this process.
    """
    kept = Kept()
    _native.keep_stacks(thread)
    try:
        yield kept
    finally:
        kept.events, kept.n_dropped = _native.kept_stacks()


def python_stacks(traced: Kept, lines: PythonLines, events: Sequence[RawGilEvent]) -> list[tuple[Place, ...]]:
    """The Python stack at each of `events`, from another, traced call: none where the two went different ways.

    Only of hand-overs that the call made of its own accord: where the interpreter gives way to somebody else is another
    line each time.
    """
    made: list[tuple[Place, ...]] = [()] * len(events)
    ours, theirs = _by_function(events), _by_function(traced.events)
    if [events[index][1] for index in ours] == [traced.events[index][1] for index in theirs]:
        for index, other in zip(ours, theirs, strict=True):
            made[index] = lines.at(traced.events[other][0])
    return made


def _by_function(events: Sequence[RawGilEvent]) -> list[int]:
    """Which of these are drops of the call's own accord, and the takes after them?"""
    found, is_by_function = [], True
    for index, (_, kind, *_) in enumerate(events):
        is_by_function = is_by_function if kind == "take" else kind == "release"
        if is_by_function:
            found.append(index)
    return found


def places(
    kept: Kept,
    span: tuple[int, int],
    function: Callable[..., Any],
    *,
    python: Sequence[tuple[Place, ...]] = (),
    lines: PythonLines | None = None,
) -> Places:
    """The record of a pass over a call of `function` whose span, (start, end) in nanoseconds, is `span`."""
    own, interpreter = _native.libraries()
    event_places, holds = folded(kept.events, *span, python)
    return Places(
        events=event_places,
        holds=holds,
        # A statement of the command is run by `eval`: that says nothing of where its code is.
        function=None if function in (eval, exec) else place_of(function),
        busiest=lines.busiest() if lines else None,
        interpreter=interpreter,
        own=own,
        root=os.getcwd(),  # noqa: PTH109  (a text for reports, not a path to work with)
        n_dropped=kept.n_dropped,
    )


def folded(
    events: Iterable[RawGilEvent], start_ns: int, end_ns: int, python: Sequence[tuple[Place, ...]] = ()
) -> tuple[tuple[GilEventPlace, ...], tuple[HoldPlace, ...]]:
    """Hand-overs and holds, each of the same places counted once. Pure.

    Time spent on keeping a stack belongs to no hold. Holds behind a hand-over that did not fit are the last one's:
    whoever reads them looks at `n_dropped`.
    """
    index: dict[tuple[object, ...], int] = {}
    counts: list[int] = []
    made: list[tuple[str, tuple[Place, ...], tuple[Place, ...]]] = []
    holds: dict[tuple[int | None, int | None, int | None], tuple[int, int]] = {}
    let_go: int | None = None
    taken: int | None = None
    since_ns = start_ns
    is_holding = True

    def hold(dropped: int | None, until_ns: int) -> None:
        n, longest_ns = holds.get((let_go, taken, dropped), (0, 0))
        holds[let_go, taken, dropped] = n + 1, max(longest_ns, until_ns - since_ns)

    for number, (at_ns, kind, instrument_ns, frames) in enumerate(events):
        if not start_ns <= at_ns <= end_ns:
            continue  # of whoever made the call
        lines = python[number] if number < len(python) else ()
        key = kind, tuple(frames), lines
        if key not in index:
            index[key] = len(made)
            made.append((kind, tuple(Place(*frame) for frame in frames), lines))
            counts.append(0)
        here = index[key]
        counts[here] += 1
        if kind == "take":
            taken, since_ns, is_holding = here, at_ns + instrument_ns, True
        elif is_holding:
            hold(here, at_ns)
            let_go, is_holding = here, False
    if is_holding:
        hold(None, end_ns)
    return (
        tuple(GilEventPlace(kind, native, lines, n) for (kind, native, lines), n in zip(made, counts, strict=True)),
        tuple(HoldPlace(*between, n, longest_ns) for between, (n, longest_ns) in holds.items()),
    )
