"""The stage of a check that finds the lines at which the GIL is released and taken."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import DeadlineExceeded, Reason
from pytest_gilcheck.evidence.errors import is_hidden
from pytest_gilcheck.judge import is_same_hold
from pytest_gilcheck.observe import (
    KeptStacks,
    PythonLines,
    is_native,
    longest_hold_of,
    places,
    python_stacks,
    stacks_of,
)
from pytest_gilcheck.run import Solo
from pytest_gilcheck.status import events

if TYPE_CHECKING:
    from pytest_gilcheck.checker.stages import Stages
    from pytest_gilcheck.evidence import Places

__tracebackhide__ = is_hidden

#: So many calls are made for their stacks at most.
_MOST_PASSES = 3
#: So long may it take to find the names and lines of their frames: 20 to 50 ms alone, and 280 ms were seen beside a spinning thread
#: and busy processes.
_READING_NS = 150_000_000


def find_places(stages: Stages, longest_hold_ns: int | None = None) -> Places | None:
    """Make one more call for its stacks and, where Python code runs underneath, another one under a trace.

    An interrupt may draw out a hold of this call: up to three are made, until the longest hold is one of the judged calls.

    Args:
        stages: The check.
        longest_hold_ns: The longest hold of the judged calls.

    Returns:
        The places; None where a note of the check says why there are none.
    """
    if "greenlet" in sys.modules:
        # A walk of a stack that greenlets have switched does not end: it crashed the process.
        stages.notes.append(Reason("greenlets"))
        return None
    if not stages.fits("places", n_calls=2, more_ns=_READING_NS):
        return None
    stages.report_status(events.LINES)
    function = stages.call.function
    try:
        begun_ns = time.perf_counter_ns()
        kept, stamps = _stacks(stages)
        pass_ns = time.perf_counter_ns() - begun_ns
        for _ in range(_MOST_PASSES - 1):
            hold_ns = longest_hold_of(kept, stamps)
            is_typical = longest_hold_ns is None or is_same_hold(hold_ns, longest_hold_ns)
            if is_typical or not stages.time_limit.fits(1, pass_ns + _READING_NS):
                break
            again, stamps_again = _stacks(stages)
            if longest_hold_of(again, stamps_again) < hold_ns:
                kept, stamps = again, stamps_again
        if (is_native(function) and not kept.runs_python) or not stages.fits(
            "lines of Python code", more_ns=_READING_NS
        ):
            return places(kept, stamps, function)
        lines = PythonLines()
        traced = Solo(replace(stages.call, function=lines.around(function)), stages.competing)
        with stacks_of(stages.competing.idents[0]) as kept_traced:
            stages.competing.solo(traced.job(1), stages.deadline)
        python = python_stacks(kept_traced, lines, kept.events)
        return places(kept, stamps, function, python=python, lines=lines)
    except DeadlineExceeded:
        raise
    except Exception as error:  # noqa: BLE001  (for information only: a note says what failed, the verdict stands)
        stages.notes.append(Reason.of("where-failed", error_type=type(error).__name__, error=str(error)))
        return None


def _stacks(stages: Stages) -> tuple[KeptStacks, tuple[int, int]]:
    """Make a call, and return the stacks of its GIL events, and when it began and ended."""
    with stacks_of(stages.competing.idents[0]) as kept:
        (span,) = stages.competing.solo(stages.solo.job(1), stages.deadline).spans
    return kept, (span.start_ns, span.end_ns)
