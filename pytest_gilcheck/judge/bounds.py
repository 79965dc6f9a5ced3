"""One ratio of each round, with its bounds, and one interval of all rounds."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Estimate
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.uncertainty import median_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_gilcheck.evidence import Arm

#: Lower bound, as measured, upper bound.
Bounds = tuple[float, float, float]


def speedup_of(serial: Arm, competing: Arm, at_once: float) -> Bounds:
    """Return how many times as fast the competing threads of one round were, with its bounds.

    One thread that nobody waits for would have taken the time it took, less the time in which it was ready and not
    running. It would have taken at least that less its waits for the GIL: the holder may itself have been kept off the
    processor.

    Such time of one competing thread may have kept the others waiting as well, for all of it or for none. Without it the
    competing threads would have taken at most the time they took. They would have taken at least the longest of:

    - their time minus the off-processor time of all of them,
    - their processor time spread over the `at_once` threads that can run (more threads than cores keep each other off),
    - the processor time that they used while holding the GIL, one after the other.

    Args:
        serial: The calls one after the other.
        competing: The same calls in competing threads.
        at_once: How many threads can run at once.

    Returns:
        Lower bound, measured ratio, upper bound.
    """
    # It took at least its processor time, whatever was read of its delay. (With a delay as long as the arm a speed-up of
    # 8.7e-07 came out, and a call that overlaps was serialised.)
    serial_ns = max(1, serial.wall_ns - (serial.delay_ns or 0), min(serial.wall_ns, serial.cpu_ns))
    # A callee with threads of its own uses at least as many cores in competing threads as it does alone.
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
    """Return the call's speed-up over that of the released control in the same round, with its bounds."""
    return call[0] / max(1e-9, control[2]), call[1] / max(1e-9, control[1]), call[2] / max(1e-9, control[0])


def is_undisturbed(bounds: Bounds) -> bool:
    """Return whether the competing threads of a round were hardly kept off the processor.

    A round is chosen by that alone, never by its ratio.
    """
    return bounds[2] <= bounds[0] * rules.UNDISTURBED_ROUND_FACTOR


def are_enough(undisturbed: Sequence[object], rounds: Sequence[object]) -> bool:
    """Return whether the undisturbed rounds can stand for all rounds."""
    n = len(undisturbed)
    return n >= rules.ENOUGH_UNDISTURBED_ROUNDS or (n >= rules.FEWEST_UNDISTURBED_ROUNDS and 2 * n >= len(rounds))


def most_certain(bounds: Sequence[Bounds]) -> Sequence[Bounds]:
    """Return the undisturbed rounds if there are enough of them, otherwise all rounds."""
    undisturbed = [bound for bound in bounds if is_undisturbed(bound)]
    return undisturbed if are_enough(undisturbed, bounds) else bounds


def interval(bounds: Sequence[Bounds], quantity: str, *, is_control: bool = False) -> Estimate:
    """Return the typical ratio over rounds: the median, with an interval that assumes no distribution.

    Args:
        bounds: The ratio of each round. The undisturbed ones alone are used if there are enough of them.
        quantity: Name of the ratio.
        is_control: Whether the rounds are those of a control, which varies less.

    Returns:
        The median and its interval. Where the rounds are too few for the level, the interval is that of the extremes,
        widened. Without rounds it is not measured.
    """
    if not bounds:
        return Estimate(quantity=quantity, why_not="no-rounds")
    chosen = most_certain(bounds)
    low, high = median_interval((bound[0] for bound in chosen), (bound[2] for bound in chosen), rules.ROUND_LOOK_ALPHA)
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
    """Return the word that the interval decides, or None where it contains the border or nothing was measured."""
    if speedup.low is None or speedup.high is None:
        return None
    if speedup.low > rules.OVERLAP_LEAST_SPEEDUP:
        return "overlaps"
    return "serialised" if speedup.high < rules.OVERLAP_LEAST_SPEEDUP else None
