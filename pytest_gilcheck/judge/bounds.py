"""One ratio of each round, with what is known of it, and one interval of all of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Estimate
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.uncertainty import median, median_ranks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_gilcheck.evidence import Arm

#: Least, as found, most.
Bounds = tuple[float, float, float]


def speedup_of(serial: Arm, competing: Arm, at_once: float) -> Bounds:
    """How many times as fast were the competing threads in one round? Least, as found, most.

    One thread that nobody waits for would have taken what it took, less the time in which it was ready and not running,
    and at least that less its waits for the GIL, which somebody else who was kept off the processor may have had.
    In the crew such time of one thread may also have kept others waiting, all of it or nothing: without it the crew
    would have taken no more than it did, and no less than that minus the time of all of them, no less than its
    processor time spread over the `at_once` threads that can run (more threads than cores keep each other off), and no
    less than what all of them did with the GIL in hand, one after the other.
    """
    serial_ns = max(1, serial.wall_ns - (serial.delay_ns or 0))
    # A callee with threads of its own uses as many cores in competing threads as it does alone, at least.
    at_once = max(at_once, serial.process_cpu_ns / max(1, serial.wall_ns))
    spread_ns = min(competing.wall_ns, max(competing.cpu_ns, competing.process_cpu_ns) / at_once)
    with_gil_ns = min(competing.wall_ns, competing.held_cpu_ns or 0)
    shortest_competing_ns = max(1.0, competing.wall_ns - (competing.delay_ns or 0), spread_ns, with_gil_ns)
    low, high = (
        max(1, serial_ns - (serial.waiting_ns or 0)) / max(1, competing.wall_ns),
        serial_ns / shortest_competing_ns,
    )
    return low, min(serial.wall_ns / max(1, competing.wall_ns), high), high


def efficiency_of(call: Bounds, control: Bounds) -> Bounds:
    """What did the call reach of what the released control reached in the same round? Least, as found, most."""
    return call[0] / max(1e-9, control[2]), call[1] / max(1e-9, control[1]), call[2] / max(1e-9, control[0])


def is_quiet(bounds: Bounds) -> bool:
    """Was the crew hardly kept off the processor? Chosen by that alone, never by what the round says."""
    return bounds[2] <= bounds[0] * rules.QUIET_ROUND_FACTOR


def are_enough(quiet: Sequence[object], rounds: Sequence[object]) -> bool:
    """Can the quiet ones stand for all rounds?"""
    n = len(quiet)
    return n >= rules.ENOUGH_QUIET_ROUNDS or (n >= rules.FEWEST_QUIET_ROUNDS and 2 * n >= len(rounds))


def most_certain(bounds: Sequence[Bounds]) -> Sequence[Bounds]:
    """The quiet rounds, if there are enough; otherwise all."""
    quiet = [bound for bound in bounds if is_quiet(bound)]
    return quiet if are_enough(quiet, bounds) else bounds


def interval(bounds: Sequence[Bounds], quantity: str, *, is_control: bool = False) -> Estimate:
    """The typical ratio over rounds: the median, and order statistics of least and most, whatever their distribution.

    Quiet rounds alone, if there are enough. Too few rounds for the level: the extremes, widened.
    """
    if not bounds:
        return Estimate(quantity=quantity, why_not="no wall-clock rounds were run")
    chosen = most_certain(bounds)
    first, last = median_ranks(len(chosen), rules.ROUND_LOOK_ALPHA)
    low = sorted(bound[0] for bound in chosen)[first]
    high = sorted(bound[2] for bound in chosen)[last]
    factor = _few_factor(len(chosen), is_control=is_control)
    low, high = low / factor, high * factor
    value = math.exp(median([math.log(max(1e-9, bound[1])) for bound in chosen]))
    return Estimate(value, min(low, value), max(high, value), quantity=quantity)


def _few_factor(n: int, *, is_control: bool) -> float:
    if n >= rules.ENOUGH_ROUNDS:
        return 1.0
    if is_control:
        return rules.FEW_CONTROLS_FACTOR
    return next(factor for least, factor in rules.FEW_ROUNDS_FACTORS if n >= least)


def word_of(speedup: Estimate) -> str | None:
    """Which word does the interval decide? None: it contains the border, or nothing was measured."""
    if speedup.low is None or speedup.high is None:
        return None
    if speedup.low > rules.OVERLAP_LEAST_SPEEDUP:
        return "overlaps"
    return "serialised" if speedup.high < rules.OVERLAP_LEAST_SPEEDUP else None
