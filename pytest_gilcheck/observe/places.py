"""The diagnosing passes: the native stacks of one call's GIL events with the Python lines above them, and of threads that sleep."""

from __future__ import annotations

import contextlib
import itertools
import linecache
import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from pytest_gilcheck import _native
from pytest_gilcheck.evidence import GilEventPlace, HoldPlace, Place, Places, SleepPlace, Sleeps, SourceLine
from pytest_gilcheck.observe.callee import place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from typing import Any

    from pytest_gilcheck.observe.lines import PythonLines

#: (monotonic nanoseconds, kind, nanoseconds spent on keeping its stack, frames from the innermost on)
RawGilEvent: TypeAlias = "tuple[int, str, int, Sequence[tuple[str | None, int | None, str | None, str | None]]]"


#: What the interpreter's functions that run Python code have in their names.
_PYTHON_FRAME = "_PyEval_EvalFrame"

#: So much of a source line is kept.
_LONGEST_LINE = 200


class KeptStacks:
    """The GIL events of one pass with their stacks, and how many did not fit; empty until the pass has ended."""

    def __init__(self) -> None:
        self.events: Sequence[RawGilEvent] = ()
        self.n_dropped = 0

    @property
    def runs_python(self) -> bool:
        """Whether Python code ran between the call and one of its GIL events."""
        return any(_PYTHON_FRAME in (frame[2] or "") for event in self.events for frame in event[3])


@contextlib.contextmanager
def stacks_of(thread: int) -> Iterator[KeptStacks]:
    """Keep the stacks of the GIL events of calls that one thread, given by its ident, makes while the block runs.

    Raises `RuntimeError` where another pass is under way in this process.
    """
    kept = KeptStacks()
    _native.keep_stacks(thread)
    try:
        yield kept
    finally:
        kept.events, kept.n_dropped = _native.kept_stacks()


def python_stacks(traced: KeptStacks, lines: PythonLines, events: Sequence[RawGilEvent]) -> list[tuple[Place, ...]]:
    """Return the Python stack at each of `events`, taken from another, traced call.

    The stacks are empty where the two calls have different events. Only releases by the function have one: the interpreter
    releases the GIL at another line each time.
    """
    stacks: list[tuple[Place, ...]] = [()] * len(events)
    ours, theirs = _by_function(events), _by_function(traced.events)
    if [events[index][1] for index in ours] == [traced.events[index][1] for index in theirs]:
        for index, other in zip(ours, theirs, strict=True):
            stacks[index] = lines.at(traced.events[other][0])
    return stacks


def _by_function(events: Sequence[RawGilEvent]) -> list[int]:
    """Return the indexes of releases by the function, and of the takes that follow them."""
    indexes, is_by_function = [], True
    for index, (_, kind, *_) in enumerate(events):
        is_by_function = is_by_function if kind == "take" else kind == "release"
        if is_by_function:
            indexes.append(index)
    return indexes


def places(
    kept: KeptStacks,
    span: tuple[int, int],
    function: Callable[..., Any],
    *,
    python: Sequence[tuple[Place, ...]] = (),
    lines: PythonLines | None = None,
) -> Places:
    """Return the record of a pass over one call of `function`; `span` is (start, end) of the call in nanoseconds."""
    own, interpreter = _native.libraries()
    event_places, holds = folded(kept.events, *span, python)
    # A statement of the command is run by `eval`, whose place is not that of the statement's code.
    called = None if function in (eval, exec) else place_of(function)
    busiest = lines.busiest() if lines else None
    shown = [place for event in event_places for place in (*event.python, *event.native)]
    shown += [
        place for place in (called, *(busiest.python[:1] if busiest else ()), busiest and busiest.native) if place
    ]
    return Places(
        events=event_places,
        holds=holds,
        function=called,
        busiest=busiest,
        sources=source_lines(place for place in shown if place.library not in (own, interpreter)),
        interpreter=interpreter,
        own=own,
        root=os.getcwd(),  # noqa: PTH109  (a text for reports, not a path to work with)
        n_dropped=kept.n_dropped,
    )


def sleeps(phases: Iterable[Sleeps]) -> Sleeps:
    """Return as one record what looks at competing threads saw in some phases, with the lines of source."""
    phases = tuple(phases)
    own, interpreter = _native.libraries()
    counts: dict[tuple[str | None, tuple[Place, ...]], int] = {}
    for place in (place for phase in phases for place in phase.places):
        key = place.system_call, _below_python(place.native)
        counts[key] = counts.get(key, 0) + place.n
    shown = (place for _, native in counts for place in native if place.library not in (own, interpreter))
    return Sleeps(
        places=tuple(SleepPlace(*key, n) for key, n in counts.items()),
        n_running=sum(phase.n_running for phase in phases),
        n_unread=sum(phase.n_unread for phase in phases),
        interpreter=interpreter,
        own=own,
        root=os.getcwd(),  # noqa: PTH109  (a text for reports, not a path to work with)
        sources=source_lines(shown),
    )


def _below_python(native: tuple[Place, ...]) -> tuple[Place, ...]:
    """Return a stack up to the first frame of Python code: which code calls that says nothing of a native function."""
    first = next(
        (number for number, place in enumerate(native) if _PYTHON_FRAME in (place.function or "")), len(native)
    )
    return native[: first + 1]


def longest_hold_of(kept: KeptStacks, span: tuple[int, int]) -> int:
    """Return the longest hold of one pass in nanoseconds; `span` is (start, end) of the call."""
    return max((hold.longest_ns for hold in folded(kept.events, *span)[1]), default=0)


def source_lines(places: Iterable[Place]) -> tuple[SourceLine, ...]:
    """Return the lines of these places whose files can be read now, each once."""
    wanted: dict[str, set[int]] = {}
    for place in places:
        if place.file and place.line:
            wanted.setdefault(place.file, set()).add(place.line)
    return tuple(
        SourceLine(file, number, text)
        for file, numbers in wanted.items()
        for number, text in _read_lines(file, numbers)
        if text
    )


def _read_lines(file: str, numbers: Collection[int]) -> list[tuple[int, str]]:
    if file.startswith("<"):  # no file: source that somebody has registered
        return [(number, linecache.getline(file, number).strip()[:_LONGEST_LINE]) for number in sorted(numbers)]
    try:
        with Path(file).open(encoding="utf-8", errors="replace") as source:
            found: list[tuple[int, str]] = []
            before = ""
            for number, line in itertools.islice(enumerate(source, 1), max(numbers)):
                # A function of C begins, for the debugger, at its brace. What tells is the line above it.
                before = line if any(map(str.isalnum, line)) else before
                if number in numbers:
                    found.append((number, before.strip()[:_LONGEST_LINE]))
            return found
    except (OSError, ValueError):  # another machine's path, or no path at all
        return []


def folded(
    events: Iterable[RawGilEvent], start_ns: int, end_ns: int, python: Sequence[tuple[Place, ...]] = ()
) -> tuple[tuple[GilEventPlace, ...], tuple[HoldPlace, ...]]:
    """Return GIL events and holds, those of the same places counted together. Pure.

    Time that was spent on keeping a stack belongs to no hold. Where events did not fit (`n_dropped`), the last hold spans what
    came after them.
    """
    index: dict[tuple[object, ...], int] = {}
    counts: list[int] = []
    distinct: list[tuple[str, tuple[Place, ...], tuple[Place, ...]]] = []
    holds: dict[tuple[int | None, int | None, int | None], tuple[int, int]] = {}
    released: int | None = None
    taken: int | None = None
    since_ns = start_ns
    is_holding = True

    def end_hold(next_released: int | None, until_ns: int) -> None:
        n, longest_ns = holds.get((released, taken, next_released), (0, 0))
        holds[released, taken, next_released] = n + 1, max(longest_ns, until_ns - since_ns)

    for number, (at_ns, kind, instrument_ns, frames) in enumerate(events):
        if not start_ns <= at_ns <= end_ns:
            continue  # an event of the code that made the call
        lines = python[number] if number < len(python) else ()
        key = kind, tuple(frames), lines
        if key not in index:
            index[key] = len(distinct)
            distinct.append((kind, tuple(Place(*frame) for frame in frames), lines))
            counts.append(0)
        here = index[key]
        counts[here] += 1
        if kind == "take":
            taken, since_ns, is_holding = here, at_ns + instrument_ns, True
        elif is_holding:
            end_hold(here, at_ns)
            released, is_holding = here, False
    if is_holding:
        end_hold(None, end_ns)
    return (
        tuple(GilEventPlace(kind, native, lines, n) for (kind, native, lines), n in zip(distinct, counts, strict=True)),
        tuple(HoldPlace(*between, n, longest_ns) for between, (n, longest_ns) in holds.items()),
    )
