"""The one suggestion of a report: what its reader can do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_gilcheck.report.figures import counted, duration, percent
from pytest_gilcheck.report.reasons import CAUSES
from pytest_gilcheck.report.where import is_of_python, line_text, line_to_look_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_gilcheck.evidence import Verdict, Where


#: A longer suggestion takes two lines, for which there may be no room.
_LONGEST_LINE = 78


def advice(verdict: Verdict) -> str:
    """Return one suggestion, the most urgent one.

    Args:
        verdict: A verdict with its sentences.

    Returns:
        A sentence, or two; empty where nothing is to be done.
    """
    return next(_all_advice(verdict), "")


def _all_advice(verdict: Verdict) -> Iterator[str]:
    """Yield every suggestion that fits, the most urgent first."""
    notes = {note.slug: note for note in verdict.notes}
    if verdict.agreement == "differ":
        yield "Its results differ when threads compete: look at that first."
    if "sleeps-while-holding" in notes:
        share = dict(notes["sleeps-while-holding"].values).get("asleep_share")
        part = f" for {percent(share)} of its time" if isinstance(share, float) else ""
        site = verdict.sleeps_at
        at = "" if site is None else f" {'at' if site.place.file else 'in'} {line_text(site.place, site.root)}"
        with_place = f"It sleeps{part}{at}: release the GIL there."
        is_short = len(with_place) <= _LONGEST_LINE
        yield with_place if at and is_short else f"It sleeps{part}: release the GIL around that wait."
    if "small-input" in notes:
        yield f"Only {duration(verdict.span_ns or 0)}: try a larger input. Some functions release from 2 kB on."
    if verdict.gil in ("held", "partial") and verdict.where is not None:
        yield from _of_callee(verdict.where)
        yield from _of_lines(verdict.where)
    if verdict.gil in ("held", "partial") and _was_left_out(verdict, "places"):
        yield "No time was left to look for the line: give the check a longer time limit."
    if "releases-often" in verdict.traits:
        n_releases = counted(verdict.n_releases.by_function, "time")
        yield f"It releases the GIL {n_releases} a call: do more work between two releases."
    if verdict.gil in ("held", "partial"):
        yield from _of_holding(verdict)
    elif verdict.attachment in ("attached", "partial"):
        yield "Detach around more of the work: Py_BEGIN_ALLOW_THREADS, nogil or py.detach."
    elif verdict.overlap == "serialised":
        yield from (note.detail for note in verdict.notes if note.slug in CAUSES)


def _of_callee(where: Where) -> Iterator[str]:
    """Yield how the called function lets go, where that depends on what made it callable."""
    never_let_go = where.taken is None and where.dropped is None
    binding = _binding(where)
    if never_let_go and binding in _REMEDIES:
        yield _REMEDIES[binding]


def _of_lines(where: Where) -> Iterator[str]:
    """Yield what depends on whose code it is, and on what is known of it."""
    place = line_to_look_at(where)
    if place is not None and is_of_python(place) and _binding(where) not in _LET_GO:
        yield "This is Python's own code: to overlap it, use processes or another library."
    sites = [site.place for site in (where.taken, where.dropped) if site is not None]
    if any(site is not None and site.library is not None and site.line is None for site in sites):
        yield 'For the line build with -g1 (C, C++) or Cargo\'s debug = "line-tables-only".'


def _binding(where: Where) -> str | None:
    """Return what made the native function callable that was called."""
    busiest = where.busiest
    if busiest is None:
        return None if where.function is None else where.function.binding
    return None if busiest.native is None else busiest.native.binding


#: They let go around each call. What is held are conversions and callbacks.
_LET_GO = ("cffi", "ctypes")

#: How a call that never lets go does so, by what made it callable.
_REMEDIES = {
    "Cython": "Release the GIL in a `with nogil:` block. `nogil` behind a function does not.",
    "Numba": "Compile it with numba.njit(nogil=True).",
    "PyO3": "Release the GIL around it: py.detach(|| ...).",
    "ctypes.PyDLL": "Load the library with ctypes.CDLL: ctypes.PyDLL keeps the GIL.",
    "nanobind": "Bind it with nb::call_guard<nb::gil_scoped_release>().",
    "pybind11": "Bind it with py::call_guard<py::gil_scoped_release>().",
}


def _of_holding(verdict: Verdict) -> Iterator[str]:
    where = verdict.where
    binding = None if where is None else _binding(where)
    if binding in _LET_GO:
        yield f"{binding} releases the GIL around the call: convert less, call back less often."
    if where is not None and where.let_go is not None and where.taken is not None:
        yield "Do less after this line, or release the GIL there, too."
    if where is not None and where.dropped is not None:
        yield "Release the GIL earlier, or do less before this line."
    if _runs_python(verdict):
        yield "Python code runs here: only native code can release the GIL."
    if verdict.n_releases.by_function:
        yield "Release the GIL around more of the work."
    yield "Release the GIL: Py_BEGIN_ALLOW_THREADS, nogil, py.detach or a call guard."


def _runs_python(verdict: Verdict) -> bool:
    """Return whether it is Python code that holds the GIL, as the diagnosing pass saw or, without one, as a waiter felt.

    A function of Python that calls native ones gives way between them, and is not what holds.
    """
    if verdict.where is None:
        return verdict.gil == "held" and "gives-way" in verdict.traits
    return verdict.where.busiest is not None and verdict.where.busiest.is_python


def _was_left_out(verdict: Verdict, stage: str) -> bool:
    """Return whether the check's time limit left out a stage."""
    return any(note.slug == "time-limit" and dict(note.values).get("stage") == stage for note in verdict.notes)
