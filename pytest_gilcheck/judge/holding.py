"""Which share of the call was the GIL held for, and what do the bounds decide?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Estimate
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.claim import share_claim_met
from pytest_gilcheck.judge.uncertainty import median, median_ranks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_gilcheck.evidence import CallSpan, Claim


@dataclass(frozen=True, slots=True)
class CallShare:
    """What does one call say? ``low <= value <= high``; `is_disturbed`: descheduled for long, and not told apart when;
    `is_quiet`: hardly descheduled at all."""

    value: float
    low: float
    high: float
    is_disturbed: bool
    is_quiet: bool


def share_of(call: CallSpan, clock_price_ns: int) -> CallShare:
    """Held share of one call, with the bounds that its disturbances leave.

    Held time over span without waiting. While the thread was ready but off the processor it neither worked nor held
    anything of its own making: that time is left out, from holding or from the rest where the record tells which;
    where it does not, both extremes are the bounds. Waiting for threads that the callee itself brought is part of
    the call, and so is what they hold.
    """
    held_ns = call.held_ns + call.workers_held_ns
    total_ns = call.span_ns - (call.waiting_ns - call.waiting_on_workers_ns)
    if total_ns <= 0:
        return CallShare(0.5, 0.0, 1.0, is_disturbed=True, is_quiet=False)
    held_ns = min(held_ns, total_ns)
    resolution = (
        min(1.0, 2 * clock_price_ns / total_ns)
        if call.n_releases_by_function + call.n_releases_by_interpreter + call.n_workers
        else 0.0
    )
    free_ns = total_ns - held_ns
    if free_ns <= 0:  # wherever it was kept off the processor, it was so with the GIL in hand
        return CallShare(1.0, 1.0 - resolution, 1.0, is_disturbed=False, is_quiet=True)
    # Nobody is kept off the processor while he uses it: what the scheduler says beyond that came before or after the call.
    # The instrument's readings use it too, and are no part of the total: with 35,000 of them the processor time was more
    # than the call, no delay was believed, and a share of 0.43 came out as 0.19, 0.33 and 0.77, each without a margin.
    own_cpu_ns = max(0, call.cpu_ns - call.instrument_ns)
    most_delay_ns = total_ns - min(own_cpu_ns, total_ns)
    delay_ns = min(call.delay_ns or 0, most_delay_ns)
    is_quiet = delay_ns <= rules.QUIET_SHARE * total_ns
    if call.held_delay_ns is not None and call.free_delay_ns is not None:
        told_ns = min(call.held_delay_ns, held_ns) + min(call.free_delay_ns, free_ns)
        slack_ns = max(rules.CONTRADICTED_DELAY_SHARE * call.cpu_ns, rules.CONTRADICTED_DELAY_READINGS * clock_price_ns)
        if told_ns <= most_delay_ns + slack_ns and told_ns < total_ns:
            held_ns -= min(call.held_delay_ns, held_ns)
            free_ns -= min(call.free_delay_ns, free_ns)
            delay_ns = 0
    value = held_ns / (held_ns + free_ns)
    low, high = _extremes(held_ns, free_ns, delay_ns)
    return CallShare(
        value=value,
        low=max(0.0, min(low, value) - resolution),
        high=min(1.0, max(high, value) + resolution),
        is_disturbed=delay_ns > rules.UNDISTURBED_SHARE * total_ns,
        is_quiet=is_quiet,
    )


def _extremes(held_ns: int, free_ns: int, delay_ns: int) -> tuple[float, float]:
    """All of the delay fell on holding; all of it fell on the rest."""
    all_on_held = (max(0, held_ns - delay_ns), free_ns - max(0, delay_ns - held_ns))
    all_on_free = (held_ns - max(0, delay_ns - free_ns), max(0, free_ns - delay_ns))
    shares = [held / (held + free) if held + free > 0 else 0.5 for held, free in (all_on_held, all_on_free)]
    return shares[0], shares[1]


def held_share(calls: Sequence[CallSpan], clock_price_ns: int, *, as_it_ran: bool = False) -> Estimate:
    """Typical held share over single calls: the median, and bounds that hold whatever the noise.

    The calmer calls alone, if there are enough. One call: its own bounds, widened by what a single call may be off.
    Several: the interval of the median over their lower and upper bounds. With `as_it_ran` the one call that there is
    stands for itself alone, and nothing is widened.
    """
    if not calls:
        return Estimate(quantity="held share", why_not="no call was recorded")
    shares = _calmest([share_of(call, clock_price_ns) for call in calls])
    value = median([share.value for share in shares])
    if len(shares) == 1:  # also where the others were left out
        factor = 1.0 if as_it_ran or _never_let_go(calls) else rules.SINGLE_CALL_FACTOR
        low, high = _stretched(shares[0].low, 1 / factor), _stretched(shares[0].high, factor)
    else:
        first, last = median_ranks(len(shares), rules.MEDIAN_ALPHA)
        low = sorted(share.low for share in shares)[first]
        high = sorted(share.high for share in shares)[last]
    return Estimate(value, max(0.0, min(low, value)), min(1.0, max(high, value)), quantity="held share")


def _calmest(shares: list[CallShare]) -> list[CallShare]:
    """Those that were hardly descheduled, if they are enough; else those whose delays were told apart; else all."""
    quiet = [share for share in shares if share.is_quiet and not share.is_disturbed]
    if len(quiet) >= rules.ENOUGH_QUIET_CALLS:
        return quiet
    return [share for share in shares if not share.is_disturbed] or shares


def _stretched(share: float, factor: float) -> float:
    """The share if the held part had taken `factor` times as long, against the rest."""
    return share * factor / (share * factor + (1 - share))


def _never_let_go(calls: Sequence[CallSpan]) -> bool:
    return all(call.n_releases_by_function + call.n_releases_by_interpreter + call.n_workers == 0 for call in calls)


def word(share: Estimate) -> str | None:
    """Which word do the bounds decide? None: they lie on both sides of a border."""
    if share.low is None or share.high is None:
        return None
    if share.high <= rules.RELEASED_MOST_HELD_SHARE:
        return "released"
    if share.low >= rules.HELD_LEAST_HELD_SHARE:
        return "held"
    if share.low > rules.RELEASED_MOST_HELD_SHARE and share.high < rules.HELD_LEAST_HELD_SHARE:
        return "partial"
    return None


def decides_holding(calls: Sequence[CallSpan], pilot: CallSpan, clock_price_ns: int, claim: Claim) -> bool:
    """Do these calls decide the word, and what is claimed of the share, so that no more are needed?

    One call alone does not where it may still be a cold one (the call before it was much longer, or of another
    share), nor where threads of the callee's own held the GIL: nobody tells for how long *they* were descheduled.
    """
    share = held_share(calls, clock_price_ns)
    found = word(share)
    if found is None or share_claim_met(claim, found, share) is None:
        return False
    return len(calls) > 1 or not (_may_be_cold(calls[0], pilot, share, clock_price_ns) or calls[0].n_workers)


def _may_be_cold(call: CallSpan, pilot: CallSpan, share: Estimate, clock_price_ns: int) -> bool:
    """Was the call before this one of another kind? (A first call fills caches, grows pools, compiles.)"""
    if pilot.span_ns > rules.COLD_CALL_FACTOR * call.span_ns:
        return True
    before = share_of(pilot, clock_price_ns)
    if share.low is None or share.high is None or before.is_disturbed:
        return False
    return (
        before.high < share.low - rules.COLD_SHARE_DIFFERENCE or before.low > share.high + rules.COLD_SHARE_DIFFERENCE
    )


def is_disturbed(calls: Sequence[CallSpan], clock_price_ns: int) -> bool:
    """Was every one of these calls descheduled for long, without telling when?"""
    return all(share_of(call, clock_price_ns).is_disturbed for call in calls)
