"""Everything that one check measured: evidence without thresholds, enough to be judged again."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_gilcheck.evidence.attachment import Attachment
from pytest_gilcheck.evidence.claim import Claim
from pytest_gilcheck.evidence.machine import Machine
from pytest_gilcheck.evidence.places import Places, Sleeps
from pytest_gilcheck.evidence.reason import Reason
from pytest_gilcheck.evidence.rounds import Round, ShortRound
from pytest_gilcheck.evidence.spans import CallSpan


@dataclass(frozen=True, slots=True)
class RoundSize:
    """Size of one wall-clock round.

    Attributes:
        n_calls: Calls that each thread makes.
        n_control_calls: Calls of the controls that each thread makes.
        control_ns: How long each call of a control works.
        n_threads: How many threads compete. Fewer than were asked for where no round of all of them fits into the budget.
        n_on_cores: As many of them as there are usable cores.
        n_stamp_calls: Calls after which a thread's accounts are read.
        n_together_calls: Calls that each thread makes together with the others in a short round.
    """

    n_calls: int
    n_control_calls: int
    control_ns: int
    n_threads: int
    n_on_cores: int
    n_stamp_calls: int
    n_together_calls: int


@dataclass(frozen=True, slots=True)
class Plan:
    """How a call is measured.

    Attributes:
        looks: Numbers of single calls, cumulative, after which the judge is asked whether they decide. They are fixed
            beforehand, so that stopping early does not spoil the bounds. A block runs once, with no budget.
        solo_budget_ns: Time for single calls.
        budget_ns: Time for wall-clock rounds.
        n_threads: How many threads compete.
        waiter_gap_ns: Pause of the native waiter between two requests.
        n_waiter_calls: Calls made beside the native waiter.
        deadline_ns: By when each run of calls must have come back.
        overlap: Whether wall-clock rounds are run.
        seed: Of everything drawn by chance.
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
    """The witness of the GIL, or of who is attached where there is none.

    Attributes:
        name: Name of the witness.
        grade: ``exact``, ``bounded`` or ``none``.
        unavailable: Why a better witness was unavailable.
    """

    name: str
    grade: str
    unavailable: Reason | None = None


@dataclass(frozen=True, slots=True)
class GilWaits:
    """How long the call keeps another thread waiting: a native thread asked for the GIL again and again beside it.

    Attributes:
        n_calls: Calls made beside the native waiter.
        n_waits: Its waits that touched a call.
        longest_wait_ns: The longest of these waits, without the waiter's own time off the processor.
        n_releases_by_function: Releases by the function during these calls.
        n_releases_by_interpreter: Releases that the waiter's requests forced.
    """

    n_calls: int
    n_waits: int
    longest_wait_ns: int
    n_releases_by_function: int
    n_releases_by_interpreter: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a background thread of plain Python got while the call ran.

    The switch interval is so long that no thread is asked to yield: while the background thread runs, the call cannot hold
    the GIL. That is no share of the call: a phase of the background thread that begins while the call has let go lasts
    on while the call wants the GIL back.

    Attributes:
        n_calls: Calls made beside the background thread.
        n_background_runs: Its phases that touched a call.
        background_ns: How long it ran inside the calls' spans.
        span_ns: The calls' spans in all.
        held_ns: How long the same calls held the GIL by the ledger. None: there was no ledger.
        alone_ns: The shortest of some calls that were made alone. None: none were made for this.
    """

    n_calls: int
    n_background_runs: int
    background_ns: int
    span_ns: int
    held_ns: int | None = None
    alone_ns: int | None = None


@dataclass(frozen=True, slots=True)
class ReadyThreads:
    """How many threads of the process were running or ready to run, in looks beside single calls.

    Attributes:
        n_looks: Looks while calls were made.
        n_of_two: Looks in which there were two such threads or more beyond `n_others`.
        n_ready: How many there were beyond `n_others` in these, in sum.
        n_others: How many such threads there were in the median of looks just before the calls.
    """

    n_looks: int
    n_of_two: int
    n_ready: int
    n_others: int


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What went on beside single calls.

    Attributes:
        windows: What other threads did to the GIL between batches of calls, while the call was not running. Each is the
            record of a thread that slept.
        stolen_ns: How long the host or a quota kept processors away. None: the system does not report it.
        ready_ns: How long threads of the process were ready and waited for a processor, in all. None: the system does not
            report it.
        switch_interval_ns: The interpreter's switch interval: a thread that waits for the GIL wakes once in it. None: not
            recorded.
    """

    windows: tuple[CallSpan, ...] = ()
    stolen_ns: int | None = None
    ready_ns: int | None = None
    switch_interval_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything that one check measured. It can be saved and judged again.

    Attributes:
        name: Name of the check.
        claim: What the author requires.
        machine: Where it was measured.
        plan: How it was measured.
        instrument: The witness of the GIL.
        pilot: The first call, which sized the rest.
        calls: Single calls, made alone.
        gil_waits: Calls beside the native waiter.
        rounds: Wall-clock rounds.
        short_rounds: Rounds without controls, made where those decide nothing.
        progress: Calls beside the background thread.
        places: Places in the source, from a diagnosing pass.
        surroundings: What went on beside the single calls.
        notes: Reasons known when it was measured: a neighbour, a refusal of the system, an instrument that stopped early.
        agreement: What came of comparing the same function's answers before, in the same test: ``agree``, ``differ`` or
            ``not_checked``.
        attachment: Whether the calls' thread was attached, on an interpreter without a GIL. None: there is a GIL, or it could
            not be sampled.
        ready_threads: How many threads were ready while calls were made alone. None: nobody asked.
        sleeps: Where competing threads slept, looked at where they wait for each other and not for the GIL.
        sleeps_alone: Where the call's thread slept in single calls, looked at where it never releases the GIL and sleeps.
    """

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
    surroundings: Surroundings = field(default_factory=Surroundings)
    notes: tuple[Reason, ...] = ()
    agreement: str = "not_checked"
    short_rounds: tuple[ShortRound, ...] = ()
    attachment: Attachment | None = None
    ready_threads: ReadyThreads | None = None
    sleeps: Sleeps | None = None
    sleeps_alone: Sleeps | None = None
