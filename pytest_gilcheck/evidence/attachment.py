"""Whether a call's thread was attached to an interpreter without a GIL, as it was sampled and recorded."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_gilcheck.evidence.reason import Reason


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One call as the functions recorded it by which loaded modules attach and detach its thread.

    What the interpreter does by itself is not recorded. The samples show whether there was such a thing.

    Attributes:
        run_ns: How long it took, without its run delay and the recording's own time.
        least_attached_ns: For how much of `run_ns` its thread was attached at least, as recorded.
        most_attached_ns: For how much of it at most. Where the run delay fell may not be known.
        n_changes: How often the thread attached or detached.
        n_compared: So many samples were not taken while it did.
        n_contradicting: So many of these show another state than the recorded one.
        n_agreeing_attached: So many evenly spread samples would confirm as much of the recorded attached time.
        n_agreeing_detached: The same of the recorded detached time.
        shared_ns: How much of the call's `shared_ns` was attached at most.
        unsampled_ns: How much of the call's `unsampled_ns` was attached at most.
        sampled_tenths: For each tenth of its run time whether a sample lies in it. Empty for a call that detaches.
    """

    run_ns: int
    least_attached_ns: int
    most_attached_ns: int
    n_changes: int
    n_compared: int
    n_contradicting: int
    n_agreeing_attached: float
    n_agreeing_detached: float
    shared_ns: int = 0
    unsampled_ns: int = 0
    sampled_tenths: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class AttachedCall:
    """One call, or a pause between two, as the samples show it.

    A sample stands for the time halfway to its neighbours, without what the thread was ready to run and did not run of it.

    Attributes:
        span_ns: How long it took.
        n_samples: How many samples lie in it. They are taken at irregular moments.
        n_effective: So many evenly spread samples would say as much.
        run_ns: The time that all of them stand for.
        attached_ns: The part of `run_ns` of samples that show its thread attached.
        either_ns: The part of samples that show this thread or another one of the process attached.
        n_most_others: The most other threads that one sample shows attached.
        unsampled_ns: How much of `span_ns` lies far from any sample: the sampling thread was kept off the processor.
        shared_ns: For how long it ran far from any sample, and was kept off the processor between the same two samples.
        longest_attached_ns: The longest stretch in which every sample shows the thread attached.
        delay_ns: How long the thread was ready to run and not running. None: the system does not report it.
        cpu_ns: Processor time of the thread.
        recorded: What was recorded of the call. None: changes may be missing.
    """

    span_ns: int
    n_samples: int
    n_effective: float
    run_ns: int
    attached_ns: int
    either_ns: int
    n_most_others: int = 0
    unsampled_ns: int = 0
    shared_ns: int = 0
    longest_attached_ns: int = 0
    delay_ns: int | None = None
    cpu_ns: int = 0
    recorded: RecordedCall | None = None


@dataclass(frozen=True, slots=True)
class GcPauses:
    """How long garbage collections in another thread took beside the call. Each waits until every thread has stopped.

    Attributes:
        n_calls: Calls made beside the collecting thread.
        n_collections: Its collections that touched a call.
        longest_ns: The longest of these collections, without the collecting thread's own time off the processor.
        alone_ns: The quickest collection with no call beside it. (Beside a load a typical one took as long as a call.)
    """

    n_calls: int
    n_collections: int
    longest_ns: int
    alone_ns: int


@dataclass(frozen=True, slots=True)
class Attachment:
    """What was sampled and recorded of calls on an interpreter without a GIL.

    Attributes:
        calls: Single calls.
        windows: Pauses between them: what other threads do while the call does not run.
        pauses: How long collections took beside the call. None: not measured.
        not_recorded: Why calls are not recorded, if some are not.
    """

    calls: tuple[AttachedCall, ...]
    windows: tuple[AttachedCall, ...] = ()
    pauses: GcPauses | None = None
    not_recorded: Reason | None = None
