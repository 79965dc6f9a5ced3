"""Which of the recorded frames are the author's, and the lines between which the longest hold lies."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Place, Site, Where
from pytest_gilcheck.judge import rules

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import GilEventPlace, Places

#: Sources of binding layers and of language run times, wherever a package manager put them, or a compiler's remapping.
_GLUE_FILE = re.compile(
    r"(^|/)(pyo3(-[a-z]+)*-\d[^/]*|git/checkouts/pyo3-[0-9a-f]+|pyo3(-ffi|-macros)?/src)/"
    r"|/(rustc/[0-9a-f]+/library|rustlib/src/rust/library|pybind11|nanobind|boost/python|cppyy)/"
    r"|^library/(core|std|alloc)/src/|/include/([\w-]+/)?c\+\+/"
)

#: Their functions, where only symbols are known: PyO3, Rust's and C++'s libraries, pybind11, nanobind, Cython's own.
_GLUE_FUNCTION = re.compile(
    r"^<?&?(mut )?(pyo3|pyo3_ffi|core|std|alloc|pybind11|nanobind|boost::python)::"
    r"|^(__Pyx_|__pyx_pw_|__pyx_tp_|_ZN4pyo3|__rust_|__pyfunction_|__pymethod_)|::__pyfunction_|::__pymethod_"
)

#: Functions of the interpreter that take, drop or pass on; none of them is a module's function that itself lets go.
MACHINERY = re.compile(
    r"^(drop_gil|take_gil|_?PyEval_|_?PyGILState_|_?PyThreadState_|_?PyThread_|_?PyObject_|_?PyVectorcall|_?PyCFunction|_?PyFunction_"
    r"|_?PyInterpreterState_|_?Py_HandlePending|_Py_Finish|cfunction_|method_vectorcall|method_call|method_descriptor|vectorcall_|type_call"
    r"|slot_|slot_tp|builtin_(eval|exec)|_?PyMethodDef|_?Py_CallInInterpreter|function_code_fastcall|object_vacall|do_call_core"
    r"|call_function|eval_frame|gen_send|wrap_|partial_vectorcall|property_|classmethod_|tail_call|_TAIL_CALL|lock_PyThread_)"
)

#: Cython's wrapper of a function of the author's. Without debug information it is all that is left of an inlined one.
_CYTHON_WRAPPER = re.compile(r"^__pyx_pw_\d")

PYTHON_FRAME = "_PyEval_EvalFrame"


def is_glue(place: Place) -> bool:
    """Return whether a frame belongs to a binding layer or to a language's run time.

    Args:
        place: The frame.

    Returns:
        Whether it is not the author's.
    """
    return bool(
        (place.file and _GLUE_FILE.search(place.file)) or (place.function and _GLUE_FUNCTION.search(place.function))
    )


def own_frames(event: GilEventPlace, places: Places) -> int:
    """Return how many of the innermost frames are the recorder's."""
    return next((i for i, place in enumerate(event.native) if places.own is None or place.library != places.own), 0)


def site(event: GilEventPlace, places: Places) -> Site:
    """Return the line in the author's source that caused a GIL event.

    The frames of the interpreter, of binding glue and of the recorder are folded away. The line is that of a native frame
    further in than any Python code. Where there is none, it is the Python line, and the interpreter's function that let go
    there is `via`.

    Args:
        event: The event and its stacks.
        places: The pass that recorded it.

    Returns:
        The line, as far as it is known.
    """
    stack = _folded(event, places)
    called_from = event.python[0] if event.python else None
    if stack.author is not None and (not stack.python_is_further_in or called_from is None):
        return Site(stack.author, stack.via, called_from)
    if called_from is not None:
        return Site(stack.wrapper or called_from, stack.via, called_from if stack.wrapper else None)
    if stack.python_is_further_in:
        return Site(_somewhere_in(places.function))
    return Site(stack.via or _callee(event, places))


@dataclass(slots=True)
class _Stack:
    """What is left of a native stack: the innermost frame of each kind, and whether Python code is further in."""

    author: Place | None = None
    wrapper: Place | None = None
    via: Place | None = None
    python_is_further_in: bool = False


def _folded(event: GilEventPlace, places: Places) -> _Stack:
    stack = _Stack()
    for place in event.native[own_frames(event, places) :]:
        function = place.function or ""
        if place.library == places.interpreter and place.library is not None:
            if PYTHON_FRAME in function:
                stack.python_is_further_in = True
                if event.python:
                    break
            elif not (stack.via or stack.python_is_further_in or MACHINERY.match(function or "_Py_HandlePending")):
                stack.via = place
        elif not is_glue(place):
            stack.author = place
            break
        elif not (stack.wrapper or stack.python_is_further_in) and _CYTHON_WRAPPER.match(function):
            stack.wrapper = place
    return stack


def _somewhere_in(callee: Place | None) -> Place:
    """Return Python code whose line is not known. The line of the function that was called is not its line."""
    return Place(function="Python code") if callee is None else replace(callee, line=None)


def _callee(event: GilEventPlace, places: Places) -> Place | None:
    """Return what was called, or at least its library, where every frame was folded away."""
    libraries = [place.library for place in event.native if place.library not in (None, places.interpreter, places.own)]
    if not libraries:
        return None
    return _without_glue(places.function) or Place(library=libraries[-1])


def _without_glue(callee: Place | None) -> Place | None:
    """Return what was called, without the line of a binding layer that wraps it."""
    return replace(callee, file=None, line=None) if callee is not None and is_glue(callee) else callee


def is_same_hold(pass_ns: int, longest_hold_ns: int) -> bool:
    """Return whether the longest hold of a diagnosing pass can be the longest hold of the judged calls.

    Args:
        pass_ns: That of the pass.
        longest_hold_ns: That of the judged calls.

    Returns:
        Whether it is not much longer.
    """
    return pass_ns <= rules.SAME_HOLD_FACTOR * longest_hold_ns


def where(places: Places | None, longest_hold_ns: int | None = None) -> Where | None:
    """Return the lines between which the longest hold lies.

    The pass says where, and the judged calls say for how long: one hold of a single pass may be drawn out by an interrupt.
    Where its longest hold is much longer than theirs, the hold is meant whose length is nearest to theirs.

    Args:
        places: What the diagnosing pass recorded.
        longest_hold_ns: Longest hold of the judged calls. None: only the pass knows.

    Returns:
        None where no pass was made, or nothing was held.
    """
    if places is None or not places.holds:
        return None
    longest = max(places.holds, key=lambda hold: hold.longest_ns)
    if longest_hold_ns and not is_same_hold(longest.longest_ns, longest_hold_ns):
        typical_ns = longest_hold_ns
        longest = min(places.holds, key=lambda hold: abs(math.log(max(1, hold.longest_ns) / typical_ns)))

    def at(index: int | None) -> Site | None:
        return None if index is None else site(places.events[index], places)

    let_go, taken = longest.let_go, longest.taken
    if taken is None:
        # The hold began with the call. The place that took the GIL back afterwards is reported, too.
        after = next((hold for hold in places.holds if hold.let_go == longest.dropped and hold.taken is not None), None)
        taken_back = after.taken if after and longest.dropped is not None else None
    else:
        taken_back = taken
    busiest = places.busiest
    releases = {site(event, places) for event in places.events if event.kind == "release"}
    return Where(
        longest_hold_ns=longest_hold_ns or longest.longest_ns,
        let_go=at(let_go),
        taken=at(taken_back),
        dropped=at(longest.dropped),
        function=_without_glue(places.function),
        busiest=busiest and replace(busiest, native=_without_glue(busiest.native)),
        n_places=len(releases),
        root=places.root,
        sources=places.sources,
    )
