"""The time of a call whose work is done by one thread of the callee's own, which is kept off the processor at times.

Two threads work for the call then, one after the other or at the same time, and each has an account of its own: for how long
it held the GIL, and for how long it was ready and did not run. What each did is known; what both did at one moment is bounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_gilcheck.judge import rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_gilcheck.evidence import CallSpan, OtherThread


@dataclass(frozen=True, slots=True)
class BothThreads:
    """For how long the call held the GIL and was free of it, without the time in which it was kept from going on.

    Attributes:
        held_ns: How long one of the two threads held the GIL and was not kept off the processor.
        least_held_ns: Its lower bound.
        free_ns: How long neither held the GIL and the call went on: one of them worked, or both slept.
        least_free_ns: Its lower bound.
        most_free_ns: Its upper bound.
        off_ns: How long they were kept off the processor in all.
    """

    held_ns: int
    least_held_ns: int
    free_ns: int
    least_free_ns: int
    most_free_ns: int
    off_ns: int


def both_threads(
    call: CallSpan,
    workers: Sequence[OtherThread],
    total_ns: int,
    idle_waits_ns: int,
    switch_interval_ns: int | None = None,
) -> BothThreads | None:
    """Return the time of a call and of the thread that works for it, or None where it is not known by state.

    The call is kept from going on while none of the two runs and one of them is ready, or wants a GIL that nobody holds.
    Adding up both threads' delays bounds that from above. From below, a moment counts once, and not at all if the other
    thread may have run then:

    - What the worker was kept off the processor, the call's thread may have run, held the GIL or waited for it.
    - What the call's thread was, the worker may have worked or have been ready, too, but not after its last reading
      (`OffProcessor.alone_ready_ns`); whatever it was ready after that is counted once with it.

    Args:
        call: The call, with the worker's holds.
        workers: The worker, and further threads that are, or may be, the callee's own. What these did beside the two is not
            known: all that they were kept off the processor may be, or may not be, time in which the call did not go on,
            and whenever they worked it may have gone on.
        total_ns: The call's length without waiting.
        idle_waits_ns: How long the call's thread waited for the GIL while nobody held it. The worker may have worked.
        switch_interval_ns: The interpreter's switch interval, if it is known.

    Returns:
        What is known, with bounds.
    """
    worker, *more = workers
    off = worker.off_processor
    off_of_more = [other.off_processor for other in more if other.off_processor is not None]
    if off is None or len(off_of_more) < len(more) or call.held_delay_ns is None or call.free_delay_ns is None:
        return None
    held_ns = min(total_ns, call.held_ns + sum(other.held_ns for other in workers))
    rest_ns = total_ns - held_ns
    held_delay_ns = min(call.held_delay_ns, call.held_ns) + min(off.held_delay_ns, worker.held_ns)
    unsplit_ns = (call.unsplit_delay_ns or 0) + off.unsplit_delay_ns
    workers_ns = off.free_delay_ns + worker.idle_waiting_ns + off.instrument_ns
    beside_ns = call.cpu_ns + call.held_ns + idle_waits_ns
    surely_off_ns = max(0, workers_ns - beside_ns) + max(
        min(off.alone_ready_ns, call.free_delay_ns), off.late_delay_ns - beside_ns
    )
    likely_off_ns = workers_ns + max(call.free_delay_ns, off.late_delay_ns)
    perhaps_off_ns = workers_ns + call.free_delay_ns + off.late_delay_ns + unsplit_ns
    # A wait for a neighbour that is left out already may have been one for the call's own thread.
    worked_ns = min(idle_waits_ns, off.free_cpu_ns) + min(worker.waiting_ns - worker.idle_waiting_ns, call.held_ns)
    for other, its in zip(more, off_of_more, strict=True):
        held_delay_ns += min(its.held_delay_ns, other.held_ns)
        unsplit_ns += its.unsplit_delay_ns
        perhaps_off_ns += its.free_delay_ns + its.late_delay_ns + its.unsplit_delay_ns
        perhaps_off_ns += other.idle_waiting_ns + its.instrument_ns
        worked_ns += its.free_cpu_ns + other.waiting_ns + other.held_ns
    most_free_ns = max(0, rest_ns - surely_off_ns) + worked_ns
    least_free_ns = max(0, rest_ns - perhaps_off_ns)
    held_ns = max(0, held_ns - held_delay_ns)
    # What the call's own thread did bounds both, however many others there are: eight sleeping threads that took the GIL for 0.1 ms
    # in a call that computes itself made [0.04, 1] of a share of 0.5.
    workers_held_ns = sum(other.held_ns for other in workers)
    others_ran_ns = sum(its.free_cpu_ns for its in (off, *off_of_more)) + workers_held_ns
    own_least_ns, own_most_ns = free_by_own_thread(
        call,
        total_ns,
        idle_waits_ns=idle_waits_ns,
        others_ran_ns=others_ran_ns,
        workers_held_ns=workers_held_ns,
        switch_interval_ns=switch_interval_ns,
    )
    least_free_ns = max(least_free_ns, min(own_least_ns, most_free_ns))
    most_free_ns = max(least_free_ns, min(most_free_ns, own_most_ns))
    return BothThreads(
        held_ns=held_ns,
        least_held_ns=max(0, held_ns - unsplit_ns),
        free_ns=min(most_free_ns, max(least_free_ns, rest_ns - likely_off_ns)),
        least_free_ns=least_free_ns,
        most_free_ns=most_free_ns,
        off_ns=held_delay_ns + perhaps_off_ns,
    )


def free_by_own_thread(
    call: CallSpan,
    total_ns: int,
    *,
    idle_waits_ns: int,
    others_ran_ns: int,
    workers_held_ns: int,
    switch_interval_ns: int | None,
) -> tuple[int, int]:
    """Return for how long the call was free of the GIL at least and at most, by the accounts of its own thread.

    While it ran without the GIL, the call was free or a worker held. While it was ready without the GIL, the call went on only
    as far as others ran.
    """
    own_held_ns = call.held_ns - min(call.held_delay_ns or 0, call.held_ns)
    least_ns = least_cpu_ns(call, switch_interval_ns) - own_held_ns - workers_held_ns
    most_ns = total_ns + idle_waits_ns - call.held_ns - max(0, (call.free_delay_ns or 0) - others_ran_ns)
    return least_ns, most_ns


def least_cpu_ns(call: CallSpan, switch_interval_ns: int | None) -> int:
    """Return for how long the thread used the processor at least, apart from waiting and from the instrument's readings.

    So long it was not ready, whatever else is not known. A call that computes all the time was ready in a wait only.
    """
    n_readings = 1 + call.n_releases_by_function + call.n_releases_by_interpreter
    readings_ns = min(call.instrument_ns, rules.READINGS_CPU_NS * n_readings)
    n_wakes = n_readings + call.waiting_ns // max(1, switch_interval_ns or 1)
    return call.cpu_ns - readings_ns - min(call.waiting_ns, rules.WAKE_CPU_NS * n_wakes)
