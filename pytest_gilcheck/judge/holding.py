"""The share of a call during which the GIL is held, the longest hold, and the word that the bounds decide."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Estimate, Surroundings
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.claim import are_decided, limits_of
from pytest_gilcheck.judge.delegation import both_threads
from pytest_gilcheck.judge.ownership import owned_calls
from pytest_gilcheck.judge.uncertainty import median_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_gilcheck.evidence import CallSpan, Claim, OtherThread
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

    Returns:
        The share and its bounds.
    """
    held_ns = call.held_ns + call.workers_held_ns
    total_ns = call.span_ns - (call.waiting_ns - call.waiting_on_workers_ns)
    if total_ns <= 0:
        return CallShare(0.5, 0.0, 1.0, is_undisturbed=False, is_unresolved=True)
    held_ns = min(held_ns, total_ns)
    resolution = 0.0 if _never_let_go([call]) else min(1.0, 2 * clock_price_ns / total_ns)
    free_ns = total_ns - held_ns
    hidden_ns = round(taken.stolen_share * total_ns) if taken.stolen_share > rules.STOLEN_SHARE else 0
    if workers and (both := both_threads(call, workers, total_ns, idle_waits_ns)) is not None:
        return _share_of_both(both, total_ns, hidden_ns, resolution)
    doubt = _worker_doubt(call, total_ns, taken, idle_waits_ns)
    if free_ns <= 0 and not doubt.in_all_ns:  # whenever it was kept off the processor, it held the GIL
        return CallShare(1.0, 1.0 - resolution, 1.0, is_undisturbed=True, is_unresolved=False)
    # Whatever its own delay, a worker may have worked meanwhile.
    least = _share(held_ns - min(doubt.in_holds_ns, held_ns), free_ns + doubt.idle_waits_ns) if call.n_workers else 1.0
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
    if call.held_delay_ns is not None and call.free_delay_ns is not None:
        resolved_ns = min(call.held_delay_ns, held_ns) + min(call.free_delay_ns, free_ns)
        slack_ns = max(rules.CONTRADICTED_DELAY_SHARE * call.cpu_ns, rules.CONTRADICTED_DELAY_READINGS * clock_price_ns)
        if resolved_ns <= most_delay_ns + slack_ns and resolved_ns < total_ns:
            held_ns -= min(call.held_delay_ns, held_ns)
            free_ns -= min(call.free_delay_ns, free_ns)
            delay_ns = 0
    delay_ns = min(held_ns + free_ns, delay_ns + hidden_ns)
    value = _share(held_ns, free_ns)
    low, high = _extremes(held_ns, free_ns, min(held_ns + free_ns, delay_ns + doubt.in_rest_ns))
    low = min(low, least)
    # This part fell on a wait, which is left out already, or it is no part of a hold, or of the rest.
    unsplit_ns = call.unsplit_delay_ns or 0
    low = min(low, _extremes(held_ns - min(unsplit_ns, held_ns), free_ns, delay_ns)[0])
    high = max(high, _extremes(held_ns, free_ns - min(unsplit_ns, free_ns), delay_ns)[1])
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


def _unexplained_ns(call: CallSpan, total_ns: int) -> int:
    """Return how much of a call its thread slept while no other thread of the process is known to have worked for it.

    A worker may have been ready then and kept off the processor, which no account of the call's thread shows: beside busy
    processes a call whose worker holds the GIL throughout came out as half released.
    """
    held_by_others_ns = sum(other.held_ns for other in call.others)
    worked_ns = max(0, call.process_cpu_ns - call.cpu_ns - held_by_others_ns)
    return max(0, total_ns - call.cpu_ns - call.workers_held_ns - worked_ns)


def _extremes(held_ns: int, free_ns: int, delay_ns: int) -> tuple[float, float]:
    """Return the share if all of the delay fell on holding, and the share if all of it fell on the rest."""
    all_on_held = (max(0, held_ns - delay_ns), free_ns - max(0, delay_ns - held_ns))
    all_on_free = (held_ns - max(0, delay_ns - free_ns), max(0, free_ns - delay_ns))
    return _share(*all_on_held), _share(*all_on_free)


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
        waits_ns = owned.idle_waits_ns
        least = share_of(owned.least, clock_price_ns, taken, idle_waits_ns=waits_ns, workers=owned.own_workers)
        if owned.most is owned.least:
            shares.append(least)
            continue
        most = share_of(owned.most, clock_price_ns, taken, idle_waits_ns=waits_ns, workers=owned.possible_workers)
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


def held_share(
    calls: Sequence[CallSpan],
    clock_price_ns: int,
    *,
    surroundings: Surroundings = NO_SURROUNDINGS,
    as_it_ran: bool = False,
) -> Estimate:
    """Return the typical held share over single calls: the median, with bounds that hold whatever the noise.

    The calmer calls alone are used if there are enough of them.

    Args:
        calls: The calls.
        clock_price_ns: What one reading of the clock costs.
        surroundings: What went on beside them.
        as_it_ran: The one call stands for itself alone, and its bounds are not widened.

    Returns:
        For one call its own bounds, widened by what a single call may be off. For several the interval of the median
        over their lower and upper bounds. Not measured without calls.
    """
    if not calls:
        return Estimate(quantity="held share", why_not="no-calls")
    shares = _calmest(shares_of(calls, clock_price_ns, surroundings))
    value = median([share.value for share in shares])
    if len(shares) == 1:  # also where the others were left out
        factor = 1.0 if as_it_ran or _never_let_go(calls) else rules.SINGLE_CALL_FACTOR
        low, high = _stretched(shares[0].low, 1 / factor), _stretched(shares[0].high, factor)
    else:
        low, high = median_interval(
            (share.low for share in shares), (share.high for share in shares), rules.MEDIAN_ALPHA
        )
    return Estimate(value, max(0.0, min(low, value)), min(1.0, max(high, value)), quantity="held share")


def _calmest(shares: list[CallShare]) -> list[CallShare]:
    """Return the undisturbed calls if they are enough, else those whose delays are resolved, else all."""
    undisturbed = [share for share in shares if share.is_undisturbed and not share.is_unresolved]
    if len(undisturbed) >= rules.ENOUGH_UNDISTURBED_CALLS:
        return undisturbed
    return [share for share in shares if not share.is_unresolved] or shares


def _stretched(share: float, factor: float) -> float:
    """Return the share if the held part had taken `factor` times as long, against the rest."""
    return share * factor / (share * factor + (1 - share))


def _never_let_go(calls: Sequence[CallSpan]) -> bool:
    return all(
        call.n_releases_by_function + call.n_releases_by_interpreter + call.n_workers + len(call.others) == 0
        for call in calls
    )


def word(share: Estimate) -> str | None:
    """Return the word that the bounds decide, or None where they lie on both sides of a border."""
    if share.low is None or share.high is None:
        return None
    if share.high <= rules.RELEASED_MOST_HELD_SHARE:
        return "released"
    if share.low >= rules.HELD_LEAST_HELD_SHARE:
        return "held"
    if share.low > rules.RELEASED_MOST_HELD_SHARE and share.high < rules.HELD_LEAST_HELD_SHARE:
        return "partial"
    return None


def others_matter(calls: Sequence[CallSpan]) -> bool:
    """Return whether other threads held the GIL within these calls for so long that it matters whose they are."""
    return any(
        sum(other.held_ns for other in call.others) > rules.OTHERS_MATTER_SHARE * max(1, call.span_ns) for call in calls
    )


def decides_holding(
    calls: Sequence[CallSpan],
    pilot: CallSpan,
    clock_price_ns: int,
    claim: Claim,
    *,
    surroundings: Surroundings = NO_SURROUNDINGS,
) -> bool:
    """Return whether these calls decide the word and the claim of the share, so that no more are needed.

    One call alone does not where it may still be a cold one (the call before it was much longer, or of another share).
    Nor does it where other threads held the GIL that may be the callee's: no record says for how long *they* were
    descheduled.

    Args:
        calls: The calls so far.
        pilot: The call before them.
        clock_price_ns: What one reading of the clock costs.
        claim: What the author requires.
        surroundings: What went on beside them.

    Returns:
        True if the word and every part of the claim that bounds the held share are decided.
    """
    share = held_share(calls, clock_price_ns, surroundings=surroundings)
    gil = word(share)
    if gil is None or not are_decided(limits_of(claim, {"gil": gil, "held_share": share})):
        return False
    return len(calls) > 1 or not (_may_be_cold(calls[0], pilot, share, clock_price_ns) or others_matter(calls))


def knows_share(
    calls: Sequence[CallSpan], clock_price_ns: int, *, surroundings: Surroundings = NO_SURROUNDINGS
) -> bool:
    """Return whether the held share is known as a figure, and not only as a word.

    Args:
        calls: The calls so far.
        clock_price_ns: What one reading of the clock costs.
        surroundings: What went on beside them.

    Returns:
        True if the bounds are close enough to be read as one figure.
    """
    share = held_share(calls, clock_price_ns, surroundings=surroundings)
    return share.low is not None and share.high is not None and share.high - share.low <= 2 * rules.SHARE_HALF_WIDTH


def _may_be_cold(call: CallSpan, pilot: CallSpan, share: Estimate, clock_price_ns: int) -> bool:
    """Return whether the call before this one was of another kind: a first call fills caches, grows pools, compiles."""
    if pilot.span_ns > rules.COLD_CALL_FACTOR * call.span_ns:
        return True
    before = share_of(pilot, clock_price_ns)
    if share.low is None or share.high is None or before.is_unresolved:
        return False
    return (
        before.high < share.low - rules.COLD_SHARE_DIFFERENCE or before.low > share.high + rules.COLD_SHARE_DIFFERENCE
    )


def are_unresolved(calls: Sequence[CallSpan], clock_price_ns: int) -> bool:
    """Return whether every one of these calls was kept off the processor for long, in a state that is not known."""
    return all(share_of(call, clock_price_ns).is_unresolved for call in calls)


def asleep_while_holding_ns(calls: Sequence[CallSpan]) -> int | None:
    """Return for how long a call holds the GIL and sleeps: it neither uses the processor nor is it ready to.

    Args:
        calls: The calls.

    Returns:
        The least time in nanoseconds, median over calls: all processor time may have been used while holding, and so may
        all delay whose state is not known. None where the system does not report delay.
    """
    known = [_asleep_while_holding(call) for call in calls if call.delay_ns is not None]
    return round(median(known)) if known else None


def _asleep_while_holding(call: CallSpan) -> int:
    delay_ns = call.delay_ns or 0
    if call.held_delay_ns is not None:
        delay_ns = call.held_delay_ns + (call.unsplit_delay_ns or 0)
    return max(0, call.held_ns - delay_ns - call.cpu_ns)


def longest_hold(calls: Sequence[CallSpan], windows: Sequence[CallSpan] = ()) -> Estimate:
    """Return the longest hold of a call in nanoseconds (median over calls), its own threads' included.

    While its thread was ready and off the processor, the hold went on through no fault of the callee. The lower bound
    leaves that time out, as if all of it had fallen on this hold.
    """
    if not calls:
        return Estimate(quantity="longest hold", why_not="no-calls")
    owned = owned_calls(calls, windows)
    value = median([call.least.longest_hold_ns for call in owned])
    low = median([_without_delay(call.least) for call in owned])
    high = median([call.most.longest_hold_ns for call in owned])
    return Estimate(value, min(low, value), max(high, value), quantity="longest hold")


def longest_hold_share(calls: Sequence[CallSpan]) -> Estimate:
    """Return the longest hold over the whole call: the same on machines of different speed."""
    spans = [call for call in calls if call.span_ns > 0]
    if not spans:
        return Estimate(quantity="longest hold over the call", why_not="no-calls")
    value = median([min(1.0, call.longest_hold_ns / call.span_ns) for call in spans])
    low = median([min(1.0, _without_delay(call) / call.span_ns) for call in spans])
    high = median([min(1.0, call.longest_hold_ns / max(1, call.span_ns - (call.delay_ns or 0))) for call in spans])
    return Estimate(value, min(low, value), max(high, value), quantity="longest hold over the call")


def _without_delay(call: CallSpan) -> int:
    delay_ns = call.delay_ns if call.held_delay_ns is None else call.held_delay_ns
    return max(0, call.longest_hold_ns - (delay_ns or 0))
