"""The held share of one call, with the bounds that its disturbances leave."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Surroundings
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.delegation import both_threads, free_by_own_thread, least_cpu_ns
from pytest_gilcheck.judge.ownership import owned_calls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_gilcheck.evidence import CallSpan, OtherThread
    from pytest_gilcheck.judge.delegation import BothThreads


@dataclass(frozen=True, slots=True)
class Taken:
    """Parts of calls that may have been taken from them, each in 0..1.

    Attributes:
        stolen_share: The host or a quota kept processors away.
        ready_share: Some thread of the process was ready and waited for a processor.
    """

    stolen_share: float = 0.0
    ready_share: float = 0.0


NOTHING_TAKEN = Taken()
NO_SURROUNDINGS = Surroundings()


@dataclass(frozen=True, slots=True)
class CallShare:
    """Held share of one call, with ``low <= value <= high``.

    Attributes:
        value: The share, in 0..1.
        low: Its lower bound.
        high: Its upper bound.
        is_undisturbed: The call was hardly kept off the processor.
        is_unresolved: The call was kept off the processor for long, and nothing tells whether it held the GIL then.
    """

    value: float
    low: float
    high: float
    is_undisturbed: bool
    is_unresolved: bool


def share_of(
    call: CallSpan,
    clock_price_ns: int,
    taken: Taken = NOTHING_TAKEN,
    *,
    idle_waits_ns: int = 0,
    workers: Sequence[OtherThread] = (),
    switch_interval_ns: int | None = None,
) -> CallShare:
    """Return the held share of one call, with the bounds that its disturbances leave.

    The share is held time over the span without waiting. Time in which the thread was ready but off the processor is
    left out: the call neither works then nor decides to hold. It is left out of holding or of the rest where the record
    separates them; where it does not, the two extremes are the bounds. Where the system does not report it, it may be all
    that processor time leaves of the call. Waiting for the callee's own threads is part of the call, and so is the time
    that they hold (see `judge.ownership`).

    Args:
        call: The call.
        clock_price_ns: What one reading of the clock costs.
        taken: Parts of the call that may have been taken from it, and that no account of its thread shows.
        idle_waits_ns: How long its thread waited for the GIL while nobody held it, because it was off the processor.
        workers: The callee's own threads, the one that is so most certainly first.
        switch_interval_ns: The interpreter's switch interval, if it is known.

    Returns:
        The share and its bounds.
    """
    held_ns = call.held_ns + call.workers_held_ns
    total_ns = call.span_ns - (call.waiting_ns - call.waiting_on_workers_ns)
    if total_ns <= 0:
        return CallShare(0.5, 0.0, 1.0, is_undisturbed=False, is_unresolved=True)
    held_ns = min(held_ns, total_ns)
    resolution = 0.0 if never_let_go([call]) else min(1.0, 2 * clock_price_ns / total_ns)
    free_ns = total_ns - held_ns
    hidden_ns = round(taken.stolen_share * total_ns) if taken.stolen_share > rules.STOLEN_SHARE else 0
    if workers and (both := both_threads(call, workers, total_ns, idle_waits_ns, switch_interval_ns)) is not None:
        return _share_of_both(both, total_ns, hidden_ns, resolution)
    doubt = _worker_doubt(call, total_ns, taken, idle_waits_ns)
    if free_ns <= 0 and not doubt.in_all_ns:  # whenever it was kept off the processor, it held the GIL
        return CallShare(1.0, 1.0 - resolution, 1.0, is_undisturbed=True, is_unresolved=False)
    own_free_ns = free_ns
    # A thread is not kept off the processor while it uses it: delay beyond the rest of the span came before or after the
    # call. The instrument's readings use the processor, too, and are no part of the total: with 35,000 of them the
    # processor time was more than the call, no delay was believed, and a share of 0.43 came out as 0.19, 0.33 and 0.77,
    # each without a margin.
    own_cpu_ns = max(0, call.cpu_ns - call.instrument_ns)
    most_delay_ns = total_ns - min(own_cpu_ns, total_ns)
    unreported_ns = max(0, most_delay_ns - call.workers_held_ns)  # while a worker holds the GIL, its caller sleeps
    unreported_ns = unreported_ns if unreported_ns > rules.UNREPORTED_DELAY_NS else 0
    delay_ns = unreported_ns if call.delay_ns is None else min(call.delay_ns, most_delay_ns)
    is_undisturbed = delay_ns <= rules.UNDISTURBED_SHARE * total_ns
    unsplit_ns = call.unsplit_delay_ns or 0
    if call.held_delay_ns is not None and call.free_delay_ns is not None:
        resolved_ns = min(call.held_delay_ns, held_ns) + min(call.free_delay_ns, free_ns)
        slack_ns = max(rules.CONTRADICTED_DELAY_SHARE * call.cpu_ns, rules.CONTRADICTED_DELAY_READINGS * clock_price_ns)
        if resolved_ns <= most_delay_ns + slack_ns and resolved_ns < total_ns:
            held_ns -= min(call.held_delay_ns, held_ns)
            free_ns -= min(call.free_delay_ns, free_ns)
            delay_ns = _unseen_ns(held_ns + free_ns, call.cpu_ns)
            if switch_interval_ns is not None and not call.n_workers:
                unsplit_ns = min(unsplit_ns, max(0, held_ns + free_ns - least_cpu_ns(call, switch_interval_ns)))
    delay_ns = min(held_ns + free_ns, delay_ns + hidden_ns)
    value = _share(held_ns, free_ns)
    low, high = _extremes(held_ns, free_ns, min(held_ns + free_ns, delay_ns + min(doubt.in_rest_ns, free_ns)))
    if call.n_workers:
        # While the call's thread was ready, a worker may have worked, for as long as it used a processor, or have held: no part of
        # the rest then.
        worked_ns = min(own_free_ns - free_ns + doubt.idle_waits_ns, _worked_ns(call) + call.workers_held_ns)
        least_held_ns = max(0, held_ns - doubt.in_holds_ns)
        low = min(low, _share(least_held_ns, free_ns + worked_ns)) if least_held_ns else 0.0
    # This part fell on a wait, which is left out already, or it is no part of a hold, or of the rest.
    low = min(low, _extremes(held_ns - min(unsplit_ns, held_ns), free_ns, delay_ns)[0])
    high = max(high, _extremes(held_ns, free_ns - min(unsplit_ns, free_ns), delay_ns)[1])
    if call.n_workers and call.held_delay_ns is not None and call.free_delay_ns is not None and not hidden_ns:
        own_low, own_high = _own_extremes(call, total_ns, doubt.idle_waits_ns, switch_interval_ns)
        low, high = max(low, own_low), min(high, own_high)
        value = min(max(value, low), high)
    return CallShare(
        value=value,
        low=max(0.0, min(low, value) - resolution),
        high=min(1.0, max(high, value) + resolution),
        is_undisturbed=is_undisturbed,
        is_unresolved=delay_ns + doubt.in_all_ns > rules.UNRESOLVED_SHARE * total_ns,
    )


def _share_of_both(both: BothThreads, total_ns: int, hidden_ns: int, resolution: float) -> CallShare:
    """Return the held share of a call for which a thread of the callee's own works, too."""
    low = _extremes(both.least_held_ns, both.most_free_ns, hidden_ns)[0]
    high = _extremes(both.held_ns, both.least_free_ns, hidden_ns)[1]
    value = _share(both.held_ns, both.free_ns)
    in_doubt_ns = both.most_free_ns - both.least_free_ns + both.held_ns - both.least_held_ns + hidden_ns
    return CallShare(
        value=value,
        low=max(0.0, min(low, value) - resolution),
        high=min(1.0, max(high, value) + resolution),
        is_undisturbed=both.off_ns <= rules.UNDISTURBED_SHARE * total_ns,
        is_unresolved=in_doubt_ns > rules.UNRESOLVED_WITH_WORKER_SHARE * total_ns,
    )


def _own_extremes(
    call: CallSpan, total_ns: int, idle_waits_ns: int, switch_interval_ns: int | None
) -> tuple[float, float]:
    """Return what the accounts of a call's own thread allow, whatever the threads did that may be the callee's."""
    own_held_ns = call.held_ns - min(call.held_delay_ns or 0, call.held_ns)
    least_held_ns = max(0, own_held_ns - (call.unsplit_delay_ns or 0))
    least_free_ns, most_free_ns = free_by_own_thread(
        call,
        total_ns,
        idle_waits_ns=idle_waits_ns,
        others_ran_ns=_worked_ns(call),
        workers_held_ns=call.workers_held_ns,
        switch_interval_ns=switch_interval_ns,
    )
    return (
        _share(least_held_ns, most_free_ns) if least_held_ns else 0.0,
        _share(own_held_ns + call.workers_held_ns, least_free_ns) if least_free_ns > 0 else 1.0,
    )


def _unseen_ns(work_ns: int, cpu_ns: int) -> int:
    """Return for how long a call that computes nearly all the time neither did nor was ready: it slept, or was stopped."""
    unseen_ns = max(0, work_ns - cpu_ns)
    return unseen_ns if unseen_ns <= rules.UNSEEN_SHARE * work_ns else 0


def _share(held_ns: float, free_ns: float) -> float:
    return held_ns / (held_ns + free_ns) if held_ns + free_ns > 0 else 0.5


@dataclass(frozen=True, slots=True)
class _WorkerDoubt:
    """What the accounts of a call's thread do not say of the callee's own threads.

    Attributes:
        in_holds_ns: So much of their holds they may have been off the processor.
        in_rest_ns: So much of the rest of the call they may have been.
        idle_waits_ns: The call's thread waited while nobody held the GIL: it was kept off the processor, and they may have
            worked.
    """

    in_holds_ns: int = 0
    in_rest_ns: int = 0
    idle_waits_ns: int = 0

    @property
    def in_all_ns(self) -> int:
        """All that is in doubt."""
        return self.in_holds_ns + self.in_rest_ns + self.idle_waits_ns


def _worker_doubt(call: CallSpan, total_ns: int, taken: Taken, idle_waits_ns: int) -> _WorkerDoubt:
    """Return what is not known of the callee's own threads; nothing where there are none.

    A worker is kept off the processor with the GIL or without it, and no account of the call's thread shows that. Nor does the
    thread's own delay say that nobody worked: beside six busy processes a worker held for 20 ms and then worked for 5 ms, all
    of these while the call's thread was ready, and the share was 1 for a truth of 0.8.
    """
    if not (call.n_workers and call.others):  # reports of schema versions 1 and 2 have no others, and keep their words
        return _WorkerDoubt()
    ready_ns = round(taken.ready_share * total_ns)
    return _WorkerDoubt(
        min(ready_ns, call.workers_held_ns), min(ready_ns, _unexplained_ns(call, total_ns)), idle_waits_ns
    )


def _worked_ns(call: CallSpan) -> int:
    """Return for how long other threads that took the GIL worked without it at most, on one processor or several."""
    used = [None if other.off_processor is None else other.off_processor.free_cpu_ns for other in call.others]
    known = [ns for ns in used if ns is not None]
    others_ns = max(0, call.process_cpu_ns - call.cpu_ns) if call.process_cpu_ns else call.span_ns  # 0: not recorded
    return min(others_ns, sum(known)) if call.others and len(known) == len(used) else others_ns


def _unexplained_ns(call: CallSpan, total_ns: int) -> int:
    """Return how much of a call its thread slept while no other thread of the process is known to have worked for it.

    A worker may have been ready then and kept off the processor, which no account of the call's thread shows: beside busy
    processes a call whose worker holds the GIL throughout came out as half released.
    """
    own_free_cpu_ns = max(0, call.cpu_ns - call.held_ns)
    known_ns = min(call.cpu_ns, call.held_ns) + max(own_free_cpu_ns, call.workers_held_ns)  # both at once, perhaps
    # While one of them held, or the call's thread worked, others may have worked, too.
    beside_ns = call.held_ns + sum(other.held_ns for other in call.others) + own_free_cpu_ns
    worked_ns = max(0, call.process_cpu_ns - call.cpu_ns - beside_ns)
    return max(0, total_ns - known_ns - worked_ns)


def _extremes(held_ns: int, free_ns: int, delay_ns: int) -> tuple[float, float]:
    """Return the share if all of the delay fell on holding, and the share if all of it fell on the rest."""
    all_on_held = (max(0, held_ns - delay_ns), free_ns - max(0, delay_ns - held_ns))
    all_on_free = (held_ns - max(0, delay_ns - free_ns), max(0, free_ns - delay_ns))
    return (_share(*all_on_held) if any(all_on_held) else 0.0), (_share(*all_on_free) if any(all_on_free) else 1.0)


def shares_of(
    calls: Sequence[CallSpan], clock_price_ns: int, surroundings: Surroundings = NO_SURROUNDINGS
) -> list[CallShare]:
    """Return the held share of each call, with bounds for whatever is not known, also about whose holds count.

    Args:
        calls: The calls, in order.
        clock_price_ns: What one reading of the clock costs.
        surroundings: What went on beside them.

    Returns:
        As many shares as calls.
    """
    taken = taken_from(calls, surroundings)
    shares = []
    for owned in owned_calls(calls, surroundings.windows):
        share = partial(
            share_of,
            clock_price_ns=clock_price_ns,
            taken=taken,
            idle_waits_ns=owned.idle_waits_ns,
            switch_interval_ns=surroundings.switch_interval_ns,
        )
        least = share(owned.least, workers=owned.own_workers)
        if owned.most is owned.least:
            shares.append(least)
            continue
        most = share(owned.most, workers=owned.possible_workers)
        shares.append(
            CallShare(
                value=(least.value + most.value) / 2,
                low=min(least.low, most.low),
                high=max(least.high, most.high),
                is_undisturbed=least.is_undisturbed,
                is_unresolved=least.is_unresolved,
            )
        )
    return shares


def taken_from(calls: Sequence[CallSpan], surroundings: Surroundings) -> Taken:
    """Return the largest part of these calls that may have been taken from them.

    What all threads of the process but the call's own waited for a processor bounds what a worker did. Where the system does
    not report it, the worker may have waited all the time.
    """
    total_ns = max(1, sum(call.span_ns for call in calls))
    stolen_ns, ready_ns = surroundings.stolen_ns, surroundings.ready_ns
    own_ns = sum(call.delay_ns or 0 for call in calls)
    return Taken(
        stolen_share=min(1.0, (stolen_ns or 0) / total_ns),
        ready_share=1.0 if ready_ns is None else min(1.0, max(0, ready_ns - own_ns) / total_ns),
    )


def never_let_go(calls: Sequence[CallSpan]) -> bool:
    """Return whether nobody but the calls' own thread had the GIL in any of them."""
    return all(
        call.n_releases_by_function + call.n_releases_by_interpreter + call.n_workers + len(call.others) == 0
        for call in calls
    )
