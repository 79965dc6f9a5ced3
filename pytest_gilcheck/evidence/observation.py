"""Everything that was seen in one check: evidence without thresholds, enough to be judged again."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_gilcheck.evidence.bench import Bench
from pytest_gilcheck.evidence.claim import Claim
from pytest_gilcheck.evidence.places import Places
from pytest_gilcheck.evidence.plan import Plan
from pytest_gilcheck.evidence.reason import Reason
from pytest_gilcheck.evidence.rounds import Round
from pytest_gilcheck.evidence.spans import CallSpan


@dataclass(frozen=True, slots=True)
class Instrument:
    """Which witness saw the GIL, and how well? `grade` is ``exact``, ``bounded`` or ``none``; where a better one
    was unavailable, `unavailable` says why."""

    name: str
    grade: str
    unavailable: Reason | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How did calls of one thread end? `kind` is ``returned``, ``raised``, ``skipped`` or ``deadline``."""

    kind: str
    thread: int
    n_calls: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Knocks:
    """How long does the call keep another thread waiting? A native thread asked for the GIL again and again
    beside `n_calls` calls; `longest_wait_ns` is its longest wait that touched a call, its own time off the
    processor subtracted. `n_on_request` hand-overs were forced by its requests."""

    n_calls: int
    n_knocks: int
    longest_wait_ns: int
    n_voluntary: int
    n_on_request: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Did a rival thread of plain Python get anywhere while the call ran?

    It ran for `rival_ns` in `n_turns` turns inside spans of `span_ns` in all, under a switch interval so long
    that nobody is asked to yield: during its turns the call cannot have held the GIL. That is no share of the call: a
    turn that begins while the call has let go lasts on while the call wants the GIL back. `held_ns` is for how long, by
    the ledger, the same calls held it (None: there was none).
    """

    n_calls: int
    n_turns: int
    rival_ns: int
    span_ns: int
    held_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen? Can be saved and judged again; `notes` are reasons known when it was made (a neighbour, a
    refusal of the system, an instrument that stopped early). `results` tells what came of comparing the same function's answers
    before, in the same test: ``agree``, ``differ`` or ``not_checked``."""

    name: str
    claim: Claim
    bench: Bench
    plan: Plan
    instrument: Instrument
    pilot: CallSpan | None
    calls: tuple[CallSpan, ...]
    outcomes: tuple[Outcome, ...]
    knocks: Knocks | None = None
    rounds: tuple[Round, ...] = ()
    progress: Progress | None = None
    places: Places | None = None
    notes: tuple[Reason, ...] = ()
    results: str = "not_checked"
