"""Single calls as the ledger saw them."""

from __future__ import annotations

from dataclasses import dataclass

#: Events kept of one call or block; totals stay exact beyond.
MAX_EVENTS = 50_000


@dataclass(frozen=True, slots=True)
class GilEvent:
    """What happened to the GIL at this moment? `kind` is ``take``, ``release`` (voluntary), ``release_by_interpreter`` or
    ``wait`` (the thread begins to wait for it). `at_ns` is counted from the start of the span; `thread` is
    the index of the thread within the timeline (0 is the call's own)."""

    at_ns: int
    kind: str
    thread: int


@dataclass(frozen=True, slots=True)
class GilTimeline:
    """Who held the GIL when, within one span? The call's own thread holds it at 0. `n_dropped` events did not
    fit into the bounded log (totals stay exact without them) and are missing at the end."""

    events: tuple[GilEvent, ...] = ()
    n_dropped: int = 0


@dataclass(frozen=True, slots=True)
class CallSpan:
    """Where did the time of one call go? Stamped natively; it ends before the result is disposed of.

    ``end_ns - start_ns = held_ns + waiting_ns + released_ns + instrument_ns``. `cpu_ns` is processor time of the call's
    thread, `process_cpu_ns` that of all threads. `delay_ns` is the time during which the call's thread was ready to run
    and not running (None: the system does not tell); `held_delay_ns` and `free_delay_ns` are the parts of it that fell
    while it held the GIL, and while it had let go (None: not told apart; the rest fell on waiting and on the
    instrument). `instrument_ns` was spent by the instrument itself and belongs to no state.
    `workers_held_ns` is how long threads that the callee itself brought held the GIL within the span, and
    `waiting_on_workers_ns` the part of `waiting_ns` during which they did.
    """

    start_ns: int
    end_ns: int
    held_ns: int
    waiting_ns: int
    longest_hold_ns: int
    n_releases_by_function: int
    n_releases_by_interpreter: int
    cpu_ns: int
    thread: int = 0
    delay_ns: int | None = None
    held_delay_ns: int | None = None
    free_delay_ns: int | None = None
    instrument_ns: int = 0
    workers_held_ns: int = 0
    waiting_on_workers_ns: int = 0
    n_workers: int = 0
    process_cpu_ns: int = 0
    timeline: GilTimeline | None = None

    @property
    def span_ns(self) -> int:
        """How long did the call take, the instrument's own time left out?"""
        return self.end_ns - self.start_ns - self.instrument_ns

    @property
    def released_ns(self) -> int:
        """For how long did the call's thread neither hold the GIL nor wait for it?"""
        return self.span_ns - self.held_ns - self.waiting_ns
