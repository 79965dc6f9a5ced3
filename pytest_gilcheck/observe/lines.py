"""Records with a trace which Python line ran when; in a diagnosing pass only."""

from __future__ import annotations

import bisect
import dis
import functools
import inspect
import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_gilcheck import _native
from pytest_gilcheck.evidence import BusiestPlace, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType

#: The trace ends after so many events: about a quarter of a second of Python code.
MAX_EVENTS = 200_000

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
        if position is not None and native is None:
            native = self._unseen(position[0], position[1], spent[key])
        span_ns = max(1, self._end_ns - self._times[0])
        return BusiestPlace(_stack(position), place_of(native) if native is not None else None, spent[key] / span_ns)

    def _unseen(self, code: CodeType, line: int, spent_ns: int) -> Any:
        """Return the native function in which a line spent its time although no event says so; None where it is not known.

        A profile function sees calls of C functions, but not of Cython's, whose type is another one. A line that stays
        without any event for most of its time is in such a function, and it is known if the line names no other.
        """
        ends = [*self._times[1:], self._end_ns or 0]
        longest_ns = max(
            end_ns - start_ns
            for (position, native), start_ns, end_ns in zip(self._positions, self._times, ends, strict=True)
            if native is None and position is not None and position[:2] == (code, line)
        )
        if 2 * longest_ns < spent_ns:
            return None
        named = list(_named_callables(code, line, self._globals.get(code, {})))
        return named[0] if len(named) == 1 else None


def _named_callables(code: CodeType, line: int, names: dict[str, Any]) -> Iterator[Any]:
    """Yield the callables without Python code that a line names by globals and attributes. No code of an object is run."""
    missing = object()
    current: Any = missing
    number: int | None = code.co_firstlineno
    for instruction in dis.get_instructions(code):
        # From Python 3.13 on each instruction has the number, before only the first one of a line.
        starts = getattr(instruction, "line_number", None) or instruction.starts_line
        number = number if starts is None or isinstance(starts, bool) else starts
        operation, name = instruction.opname, instruction.argval
        if number == line and operation in ("LOAD_NAME", "LOAD_GLOBAL"):
            current = names.get(name, missing)
        elif number == line and operation in ("LOAD_ATTR", "LOAD_METHOD") and current is not missing:
            current = inspect.getattr_static(current, name, missing)
        else:
            if current is not missing and callable(current) and not isinstance(current, (type, FunctionType)):
                yield current
            current = missing


def _stack(position: _Position) -> tuple[Place, ...]:
    frames: list[Place] = []
    while position is not None and len(frames) < MAX_FRAMES:
        code, line, position = position
        frames.append(Place(code.co_filename, line, getattr(code, "co_qualname", code.co_name)))
    return tuple(frames)


def place_of(function: Any) -> Place:
    """Return the place of a function's code: its line where that is known, else the library that defines it."""
    while isinstance(function, functools.partial):
        function = function.func
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is not None:
        return Place(code.co_filename, code.co_firstlineno, getattr(function, "__qualname__", code.co_name))
    native = _native.place_of(function)
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    module_name = getattr(function, "__module__", None) or getattr(
        getattr(function, "__objclass__", None), "__module__", None
    )
    if native is not None:
        file, line, symbol, library = native
        return Place(file, line, f"{module_name}.{name}" if module_name else symbol, library)
    module = sys.modules.get(module_name or type(function).__module__)
    library = getattr(module, "__file__", None) or _native.libraries()[1]
    return Place(None, None, f"{module_name}.{name}" if module_name else name, library)


def is_native(function: Any) -> bool:
    """Return whether a call certainly begins without Python code of the function's own."""
    return _native.place_of(function) is not None and function not in (eval, exec)
