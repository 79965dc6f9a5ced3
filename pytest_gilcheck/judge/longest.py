"""How long was the GIL held in one piece, and which part of that may the system have added?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Estimate
from pytest_gilcheck.judge.uncertainty import median

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_gilcheck.evidence import CallSpan


def longest_hold(calls: Sequence[CallSpan]) -> Estimate:
    """Longest hold of a call in nanoseconds (median over calls). While its thread was ready and off the processor, the hold
    went on without the callee's doing: the lower bound leaves that time out, as if all of it had fallen on this hold."""
    if not calls:
        return Estimate(quantity="longest hold", why_not="no call was recorded")
    high = median([call.longest_hold_ns for call in calls])
    low = median([_without_delay(call) for call in calls])
    return Estimate(high, min(low, high), high, quantity="longest hold")


def longest_hold_share(calls: Sequence[CallSpan]) -> Estimate:
    """Longest hold over the whole call: the same on machines of different speed."""
    spans = [call for call in calls if call.span_ns > 0]
    if not spans:
        return Estimate(quantity="longest hold over the call", why_not="no call was recorded")
    value = median([min(1.0, call.longest_hold_ns / call.span_ns) for call in spans])
    low = median([min(1.0, _without_delay(call) / call.span_ns) for call in spans])
    high = median([min(1.0, call.longest_hold_ns / max(1, call.span_ns - (call.delay_ns or 0))) for call in spans])
    return Estimate(value, min(low, value), max(high, value), quantity="longest hold over the call")


def _without_delay(call: CallSpan) -> int:
    delay_ns = call.delay_ns if call.held_delay_ns is None else call.held_delay_ns
    return max(0, call.longest_hold_ns - (delay_ns or 0))
