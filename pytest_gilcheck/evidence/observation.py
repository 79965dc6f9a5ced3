"""Everything that was seen in one check: evidence without thresholds, enough to be judged again."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_gilcheck.evidence.claim import Claim
from pytest_gilcheck.evidence.machine import Machine
from pytest_gilcheck.evidence.places import Places
from pytest_gilcheck.evidence.reason import Reason
from pytest_gilcheck.evidence.rounds import Round
from pytest_gilcheck.evidence.spans import CallSpan


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
    `waiter_gap_ns` is the native waiter's pause between two requests, `n_waiter_calls` the calls made beside it.
    """

    looks: tuple[int, ...]
    solo_budget_ns: int
    budget_ns: int
    n_threads: int
    waiter_gap_ns: int
    n_waiter_calls: int
    deadline_ns: int
    overlap: bool = True
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Instrument:
    """Which witness saw the GIL, and how well? `grade` is ``exact``, ``bounded`` or ``none``; where a better one
    was unavailable, `unavailable` says why."""

    name: str
    grade: str
    unavailable: Reason | None = None


@dataclass(frozen=True, slots=True)
class GilWaits:
    """How long does the call keep another thread waiting? A native thread asked for the GIL again and again
    beside `n_calls` calls; `longest_wait_ns` is its longest wait that touched a call, its own time off the
    processor subtracted. `n_releases_by_interpreter` hand-overs were forced by its requests."""

    n_calls: int
    n_waits: int
    longest_wait_ns: int
    n_releases_by_function: int
    n_releases_by_interpreter: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Did a rival thread of plain Python get anywhere while the call ran?

    It ran for `background_ns` in `n_background_runs` turns inside spans of `span_ns` in all, under a switch interval so long
    that nobody is asked to yield: during its turns the call cannot have held the GIL. That is no share of the call: a
    turn that begins while the call has let go lasts on while the call wants the GIL back. `held_ns` is for how long, by
    the ledger, the same calls held it (None: there was none).
    """

    n_calls: int
    n_background_runs: int
    background_ns: int
    span_ns: int
    held_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen? Can be saved and judged again; `notes` are reasons known when it was made (a neighbour, a
    refusal of the system, an instrument that stopped early). `agreement` tells what came of comparing the same function's answers
    before, in the same test: ``agree``, ``differ`` or ``not_checked``."""

    name: str
    claim: Claim
    machine: Machine
    plan: Plan
    instrument: Instrument
    pilot: CallSpan | None
    calls: tuple[CallSpan, ...]
    gil_waits: GilWaits | None = None
    rounds: tuple[Round, ...] = ()
    progress: Progress | None = None
    places: Places | None = None
    notes: tuple[Reason, ...] = ()
    agreement: str = "not_checked"
