"""One sentence that a person can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_gilcheck.evidence.figures import duration, percent
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.uncertainty import median

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import Estimate, Observation


def diagnose(observation: Observation, gil: str, share: Estimate) -> str:
    """What does it mean for the author, and what can be done?"""
    sentence = _of_holding(observation, gil, share)
    if observation.agreement == "differ":
        sentence += " Its answers differ when threads compete: that comes first."
    return sentence


def _of_holding(observation: Observation, gil: str, share: Estimate) -> str:
    if gil == "not_applicable":
        return "This interpreter runs without a GIL: there is nothing to release."
    if gil == "inconclusive" or share.value is None:
        return "The evidence does not decide whether the GIL is released; the reasons say why."
    if not observation.calls:
        return f"Rival threads ran for all but {percent(share.value)} of the call at most."
    held, free = percent(share.value), percent(1 - share.value)
    span_ns = median([call.span_ns for call in observation.calls])
    longest_ns = median([call.longest_hold_ns for call in observation.calls])
    n_letting_go = median([call.n_releases_by_function for call in observation.calls])
    gil_waits = observation.gil_waits
    gives_way = bool(
        gil_waits
        and gil_waits.n_releases_by_interpreter
        and gil_waits.longest_wait_ns <= rules.GIVES_WAY_WAIT_SHARE * span_ns
    )
    if gil == "released":
        sentence = f"Releases the GIL for {free} of the call: other threads run meanwhile."
    elif gil == "partial":
        sentence = f"Releases the GIL for {free} of the call and keeps it for {held}, at most {duration(longest_ns)} at a time."
    elif n_letting_go:
        sentence = f"Lets the GIL go {_times(n_letting_go)}, yet holds it for {held} of the call: other threads gain next to nothing."
    elif gives_way:
        sentence = (
            "Holds the GIL and gives way only when the interpreter asks (Python code runs underneath): "
            "other threads get turns, never parallelism."
        )
    else:
        sentence = f"Holds the GIL from start to end ({duration(span_ns)}) and never lets it go: no other thread runs meanwhile."
    often = n_letting_go >= rules.CHATTER_PER_CALL and n_letting_go / max(1e-9, span_ns / 1e6) > rules.CHATTER_PER_MS
    if gil != "held" and often:
        sentence += f" It lets go {_times(n_letting_go)} a call: under contention each time costs a wait."
    if gil_waits and gil_waits.longest_wait_ns >= rules.FELT_HOLD_NS:
        sentence += f" Another thread waited up to {duration(gil_waits.longest_wait_ns)} for it."
    return sentence


def _times(n: float) -> str:
    return "once" if n == 1 else f"{n:,.0f} times"
