"""The held share over several calls, the longest hold, and the word that the bounds decide."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Estimate, Surroundings
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.call_share import NO_SURROUNDINGS, CallShare, never_let_go, share_of, shares_of
from pytest_gilcheck.judge.claim import are_decided, limits_of
from pytest_gilcheck.judge.ownership import owned_calls
from pytest_gilcheck.judge.uncertainty import median_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_gilcheck.evidence import CallSpan, Claim


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
        factor = 1.0 if as_it_ran or never_let_go(calls) else rules.SINGLE_CALL_FACTOR
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
