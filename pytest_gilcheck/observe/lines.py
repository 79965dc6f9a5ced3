"""Records with a trace which Python line ran when; in a diagnosing pass only."""

from __future__ import annotations

import bisect
import dis
import inspect
import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_gilcheck import _native
from pytest_gilcheck.evidence import BusiestPlace, Place
from pytest_gilcheck.observe.callee import place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType

#: The trace ends after so many events: about a quarter of a second of Python code.
MAX_EVENTS = 200_000

#: A turn of a loop in Python takes a microsecond or a few between two events. Where it takes longer, native code runs.
LONGEST_TURN_NS = 20_000

#: Frames of Python kept of one position.
MAX_FRAMES = 16

# (code, line, position of the caller)
_Position: TypeAlias = "tuple[CodeType, int, _Position | None] | None"


class PythonLines:
    """Records the lines of one call in the thread that makes it, and restores the trace function of before."""

    def __init__(self) -> None:
        self._times: list[int] = []
        self._positions: list[tuple[_Position, Any]] = []
        self._top: _Position = None
        self._end_ns: int | None = None
        self._globals: dict[CodeType, dict[str, Any]] = {}

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that does the same, traced."""

        def traced(*args: Any, **kwargs: Any) -> Any:
            before = sys.gettrace(), sys.getprofile()
            self._record(None)
            sys.setprofile(self._profile)
            sys.settrace(self._begin)
            try:
                return function(*args, **kwargs)
            finally:
                sys.settrace(before[0])
                sys.setprofile(before[1])
                self._end_ns = _native.clock_ns()

        return traced

    def _record(self, native: object) -> None:
        if len(self._times) < MAX_EVENTS:
            self._times.append(_native.clock_ns())
            self._positions.append((self._top, native))
        else:
            sys.settrace(None)
            sys.setprofile(None)

    def _begin(self, frame: FrameType, _event: str, _arg: object) -> Callable[..., Any]:
        self._top = (frame.f_code, frame.f_lineno, self._top)
        self._globals[frame.f_code] = frame.f_globals
        self._record(None)
        return self._follow

    def _follow(self, frame: FrameType, event: str, _arg: object) -> Callable[..., Any]:
        if self._top is not None:
            if event == "line":
                self._top = (frame.f_code, frame.f_lineno, self._top[2])
            elif event == "return":
                self._top = self._top[2]
            self._record(None)
        return self._follow

    def _profile(self, _frame: FrameType, event: str, arg: object) -> None:
        if event == "c_call" and arg not in (sys.settrace, sys.setprofile):
            self._record(arg)
        elif event in ("c_return", "c_exception"):
            self._record(None)

    @property
    def is_complete(self) -> bool:
        """Whether the whole call was recorded."""
        return bool(self._times) and len(self._times) < MAX_EVENTS

    def at(self, at_ns: int) -> tuple[Place, ...]:
        """Return the Python stack at a moment of the monotonic clock, innermost frame first."""
        index = bisect.bisect_right(self._times, at_ns) - 1
        return _stack(self._positions[index][0]) if index >= 0 else ()

    def busiest(self) -> BusiestPlace | None:
        """Return the line and native function in which most of the time was spent; None without any Python line."""
        if not self._times or self._end_ns is None:
            return None
        spent: dict[tuple[object, ...], int] = {}
        positions: dict[tuple[object, ...], tuple[_Position, Any]] = {}
        key: tuple[object, ...]
        for (position, native), start_ns, end_ns in zip(
            self._positions, self._times, [*self._times[1:], self._end_ns], strict=True
        ):
            key = (position[:2] if position else None, getattr(native, "__qualname__", native))
            spent[key] = spent.get(key, 0) + end_ns - start_ns
            positions.setdefault(key, (position, native))
        key = max(spent, key=spent.__getitem__)
        position, native = positions[key]
        if position is None and native is None:
            return None
        is_python = False
        if position is not None and native is None:
            is_python = not self._is_unseen(position[0], position[1], spent[key])
            native = None if is_python else self._named(position[0], position[1])
        span_ns = max(1, self._traced_ns() if position is not None else self._end_ns - self._times[0])
        place = None if native is None else place_of(native)
        return BusiestPlace(_stack(position), place, spent[key] / span_ns, is_python)

    def _traced_ns(self) -> int:
        """Return the time from the first line of Python code to the last one, without that of beginning the trace.

        A statement of 300 µs was said to spend 80 % of its time in the only function that it calls.
        """
        ends = [*self._times[1:], self._end_ns or 0]
        inside = [number for number, (position, _) in enumerate(self._positions) if position is not None]
        return ends[inside[-1]] - self._times[inside[0]]

    def _is_unseen(self, code: CodeType, line: int, spent_ns: int) -> bool:
        """Return whether a line spent its time in native code although no event says so.

        A profile function sees calls of C functions, but not of Cython's, Numba's and nanobind's, whose types are others. A
        line that stays without any event for most of its time is in native code, and so is a loop of long turns: each turn
        is an event. (Waits for other threads make few turns longer, so that the mean is what counts.)
        """
        ends = [*self._times[1:], self._end_ns or 0]
        turns_ns = [
            end_ns - start_ns
            for (position, native), start_ns, end_ns in zip(self._positions, self._times, ends, strict=True)
            if native is None and position is not None and position[:2] == (code, line)
        ]
        return 2 * max(turns_ns) >= spent_ns or spent_ns >= LONGEST_TURN_NS * len(turns_ns)

    def _named(self, code: CodeType, line: int) -> Any:
        """Return the native function that a line names; None where it names none, or several."""
        named = {id(one): one for one in _named_callables(code, line, self._globals.get(code, {}))}
        return next(iter(named.values())) if len(named) == 1 else None


def _named_callables(code: CodeType, line: int, names: dict[str, Any]) -> Iterator[Any]:
    """Yield the callables without Python code that a line names by globals and attributes. No code of an object is run.

    What a class returns is taken for an object of the class: ``m.Hasher(3).update(data)`` names ``m.Hasher.update``.
    """
    missing = object()
    current: Any = missing
    made: Any = missing  # the class whose object the last instruction made
    to_call: list[Any] = []  # classes that have been named and not called yet; missing for any other callable
    number: int | None = code.co_firstlineno
    for instruction in dis.get_instructions(code):
        # From Python 3.13 on each instruction has the number, before only the first one of a line.
        starts = getattr(instruction, "line_number", None) or instruction.starts_line
        number = number if starts is None or isinstance(starts, bool) else starts
        operation, name = instruction.opname, instruction.argval
        owner = current if current is not missing else made
        if number == line and operation in ("LOAD_ATTR", "LOAD_METHOD") and owner is not missing:
            current, made = inspect.getattr_static(owner, name, missing), missing
            continue
        if current is not missing and callable(current):
            to_call.append(current if isinstance(current, type) else missing)
            if not isinstance(current, (type, FunctionType)):
                yield current
        made = missing
        if operation.startswith("CALL") and to_call:
            called = to_call.pop()
            made = called if not to_call else missing  # beside another one it may be an argument
        is_global = number == line and operation in ("LOAD_NAME", "LOAD_GLOBAL")
        current = names.get(name, missing) if is_global else missing


def _stack(position: _Position) -> tuple[Place, ...]:
    frames: list[Place] = []
    while position is not None and len(frames) < MAX_FRAMES:
        code, line, position = position
        frames.append(Place(code.co_filename, line, getattr(code, "co_qualname", code.co_name)))
    return tuple(frames)
