"""How the check is run: sized from the pilot before anything counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RoundSize:
    """How large is one wall-clock round? Each thread makes `n_calls` calls, and `n_control_calls` of the controls, which
    work for `control_ns` each."""

    n_calls: int
    n_control_calls: int
    control_ns: int


@dataclass(frozen=True, slots=True)
class Plan:
    """How is it measured? `looks` are the numbers of single calls, cumulative, after which the judge is asked
    whether they decide (fixed beforehand, so that stopping early does not spoil the bounds; a block runs once, with no budget). `budget_ns`
    bounds the time spent on wall-clock rounds and `solo_budget_ns` that on single calls. `n_threads` compete.
    `knock_gap_ns` is the native waiter's pause between two requests, `n_knock_calls` the calls made beside it.
    """

    looks: tuple[int, ...]
    solo_budget_ns: int
    budget_ns: int
    n_threads: int
    knock_gap_ns: int
    n_knock_calls: int
    deadline_ns: int
    overlap: bool = True
    seed: int = 0
