"""Single calls as the ledger recorded them."""

from __future__ import annotations

from dataclasses import dataclass

#: How many events of one call or block are kept; totals are exact without the others.
MAX_EVENTS = 50_000


@dataclass(frozen=True, slots=True)
class GilEvent:
    """What happened to the GIL at one moment.

    Attributes:
        at_ns: Time since the start of the span.
        kind: ``take``, ``release`` (by the function), ``release_by_interpreter``, or ``wait`` (the thread begins to wait).
        thread: Index of the thread within the timeline; 0 is the call's own.
    """

    at_ns: int
    kind: str
    thread: int


@dataclass(frozen=True, slots=True)
class GilTimeline:
    """Who held the GIL when, within one span. The call's own thread holds it at 0.

    Attributes:
        events: The events in order.
        n_dropped: Events that did not fit into the bounded log. They are missing at the end; totals are exact without them.
    """

    events: tuple[GilEvent, ...] = ()
    n_dropped: int = 0


@dataclass(frozen=True, slots=True)
class OffProcessor:
    """How long another thread was kept off the processor within a span: it was ready to run, and did not run.

    A thread is read after each release of the GIL, before each take, and after a take for which it waited.

    Attributes:
        held_delay_ns: How long while it held the GIL.
        free_delay_ns: How long while it had let go, up to its last reading.
        unsplit_delay_ns: How long while it held the GIL, had let go, or waited, or outside of the span: nothing tells which.
        late_delay_ns: How long after its last reading.
        free_cpu_ns: Processor time that it used without the GIL, at most.
        instrument_ns: Time of the instrument in this thread.
        alone_ready_ns: How long, at least, the span's own thread was ready while this one neither worked nor was ready, apart
            from `late_delay_ns`.
    """

    held_delay_ns: int
    free_delay_ns: int
    unsplit_delay_ns: int = 0
    late_delay_ns: int = 0
    free_cpu_ns: int = 0
    instrument_ns: int = 0
    alone_ready_ns: int = 0


@dataclass(frozen=True, slots=True)
class OtherThread:
    """What one other thread did to the GIL within a span.

    Attributes:
        thread: Its thread; 0 stands for all threads beyond the 63rd together.
        held_ns: How long it held the GIL.
        longest_hold_ns: Its longest hold in one piece.
        n_holds: How often it took the GIL and released it.
        waited_on_ns: How long the span's own thread waited for the GIL while this one held it.
        waiting_ns: How long it waited for the GIL itself.
        idle_waiting_ns: The part of that during which nobody held the GIL: it was kept off the processor.
        off_processor: How long it was kept off the processor apart from that. None: not known.
    """

    thread: int
    held_ns: int
    longest_hold_ns: int = 0
    n_holds: int = 0
    waited_on_ns: int = 0
    waiting_ns: int = 0
    idle_waiting_ns: int = 0
    off_processor: OffProcessor | None = None


@dataclass(frozen=True, slots=True)
class CallSpan:
    """Where the time of one call went. It is stamped natively and ends before the result is disposed of.

    ``end_ns - start_ns = held_ns + waiting_ns + released_ns + instrument_ns``.

    Attributes:
        start_ns: When the call began.
        end_ns: When it ended.
        held_ns: How long its thread held the GIL.
        waiting_ns: How long its thread waited for the GIL.
        longest_hold_ns: Its longest hold in one piece.
        n_releases_by_function: How often the callee let the GIL go.
        n_releases_by_interpreter: How often the interpreter gave way to a waiting thread.
        cpu_ns: Processor time of its thread.
        thread: Its thread.
        delay_ns: How long its thread was ready to run and not running. None: the system does not report it.
        held_delay_ns: The part of that while it held the GIL, and for how long its processor was stopped then. None: not
            known by state.
        free_delay_ns: The same while it had let go. None: not known by state. The rest fell on waiting and on the instrument.
        unsplit_delay_ns: A part of the delay that fell on waiting or on another state: nothing tells which.
        instrument_ns: Time of the instrument itself, which belongs to no state.
        others: What each other thread that took the GIL within the span did. They may be the callee's or a neighbour's.
        workers_held_ns: How long the callee's own threads held the GIL within the span. The judge finds out which threads
            are its own; reports of schema versions 1 and 2 have it from the start.
        waiting_on_workers_ns: The part of `waiting_ns` during which they did.
        n_workers: How many of these threads took the GIL.
        process_cpu_ns: Processor time of all threads of the process.
        timeline: Its GIL events, where they were kept.
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
    unsplit_delay_ns: int | None = None
    instrument_ns: int = 0
    others: tuple[OtherThread, ...] = ()
    workers_held_ns: int = 0
    waiting_on_workers_ns: int = 0
    n_workers: int = 0
    process_cpu_ns: int = 0
    timeline: GilTimeline | None = None

    @property
    def span_ns(self) -> int:
        """How long the call took, without the instrument's own time."""
        return self.end_ns - self.start_ns - self.instrument_ns

    @property
    def released_ns(self) -> int:
        """How long the call's thread neither held the GIL nor waited for it."""
        return self.span_ns - self.held_ns - self.waiting_ns
