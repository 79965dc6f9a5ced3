"""The recorded calls of a report as a trace, in the Trace Event Format that Perfetto and ``chrome://tracing`` read.

The format's description: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU. Of its events
complete ones (``X``), instant ones (``i``) and metadata (``M``) are used. Perfetto asks that complete events of a thread nest.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from pytest_gilcheck.evidence import own_version
from pytest_gilcheck.report.intervals import thread_intervals
from pytest_gilcheck.report.tables import row_name
from pytest_gilcheck.store.json_report import AgreementEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_gilcheck.evidence import CallSpan
    from pytest_gilcheck.store.json_report import CheckEntry, Entry

#: The trace's number of the thread that makes the calls. Numbers of other threads follow.
_CALLING_THREAD = 1

#: Colours of `chrome://tracing`, which knows them by these names. Perfetto chooses its own.
_COLOURS = {"held": "terrible", "waiting": "bad", "released": "good"}


def trace(entries: Iterable[Entry]) -> Iterator[str]:
    """Yield the parts of a trace: one JSON object with a process for each check and a thread for each recorded thread.

    Each check begins at 0. Its calls keep their distances. A call has the intervals of its record, and one without a record
    has none, only its own length.

    Args:
        entries: Checks and agreements; agreements record no calls and are passed over.

    Yields:
        str: A part of the text.
    """
    yield '{"displayTimeUnit":"ns","otherData":'
    yield _json({"tool": f"pytest-gilcheck {own_version()}"})
    yield ',"traceEvents":['
    separator = "\n"
    checks = (entry for entry in entries if not isinstance(entry, AgreementEntry))
    for number, check in enumerate(checks, 1):
        for event in _events(number, check):
            yield f"{separator}{_json(event)}"
            separator = ",\n"
    yield "\n]}\n"


def _json(record: dict[str, Any]) -> str:
    return json.dumps(record, separators=(",", ":"))


def _events(process: int, check: CheckEntry) -> Iterator[dict[str, Any]]:
    verdict = check.verdict
    name = " ".join(row_name(check).split())
    yield _named("process_name", process, _CALLING_THREAD, name=f"{name}: {verdict.gil.replace('_', ' ')}")
    yield _named("process_sort_index", process, _CALLING_THREAD, sort_index=process)
    yield _named("thread_name", process, _CALLING_THREAD, name="calling thread")
    calls = sorted(check.observation.calls, key=lambda call: call.start_ns)
    others = 0
    for number, call in enumerate(calls, 1):
        at_ns = call.start_ns - calls[0].start_ns
        yield _complete(
            f"call {number}",
            "call",
            (process, _CALLING_THREAD),
            at_ns,
            _length_ns(call),
            held_ns=call.held_ns,
            released_ns=call.released_ns,
            waiting_ns=call.waiting_ns,
        )
        for thread, intervals in thread_intervals(call).items():
            track = _CALLING_THREAD
            if thread:
                # The record numbers other threads anew in each call: two calls' are not known to be the same.
                others += 1
                track += others
                yield _named("thread_name", process, track, name=f"other thread {thread} of call {number}")
            for one in intervals:
                colour = {"cname": _COLOURS[one.state]}
                event = _complete(one.state, "gil", (process, track), at_ns + one.start_ns, one.length_ns)
                yield event | colour
        if call.timeline is not None and call.timeline.n_dropped:
            events = call.timeline.events
            cut_ns = min(max(0, events[-1].at_ns), _length_ns(call)) if events else 0
            yield _cut(process, at_ns + cut_ns, call.timeline.n_dropped)


def _length_ns(call: CallSpan) -> int:
    return max(0, call.end_ns - call.start_ns)


def microseconds(ns: int) -> float:
    """Return nanoseconds as microseconds that are the same number of nanoseconds again.

    Perfetto multiplies by 1000 and cuts off what is behind the point: of 1.001 it makes 1000. Intervals that touch would then
    overlap by a nanosecond, and it moves those to another line.
    """
    us = ns / 1000
    return us if us * 1000.0 >= ns else math.nextafter(us, math.inf)


def _named(what: str, process: int, thread: int, **arguments: str | int) -> dict[str, Any]:
    """Return an event of metadata."""
    return {"name": what, "ph": "M", "ts": 0, "pid": process, "tid": thread, "args": arguments}


def _cut(process: int, at_ns: int, n_dropped: int) -> dict[str, Any]:
    """Return an instant event, of its thread alone, for where a record ends before its call does."""
    event = _complete("record cut", "gil", (process, _CALLING_THREAD), at_ns, 0, n_dropped=n_dropped)
    del event["dur"]
    return event | {"ph": "i", "s": "t"}


def _complete(
    name: str, category: str, track: tuple[int, int], at_ns: int, length_ns: int, **arguments: int
) -> dict[str, Any]:
    """Return a complete event. Its times are microseconds, as the format has them."""
    return {
        "name": name,
        "cat": category,
        "ph": "X",
        "ts": microseconds(at_ns),
        "dur": microseconds(length_ns),
        "pid": track[0],
        "tid": track[1],
        "args": arguments,
    }
