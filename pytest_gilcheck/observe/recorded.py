"""From a record of where a thread attached and detached to the share of each call. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from pytest_gilcheck.evidence import RecordedCall

if TYPE_CHECKING:
    from collections.abc import Sequence

#: (when a reading began, when it ended, whether the watched thread was attached, how many others were, the watched thread's
#: run delay since it began).
RawSample = tuple[int, int, bool, int, "int | None"]

#: A part of a span for which no sample speaks: (when it begins, when it ends, how much of it that is).
Blind = tuple[int, int, int]

#: A sample whose reading comes so close to a change may show either state: the clocks of two processors agree only so well.
_CLOCK_SLACK_NS = 2_000


class Timed(Protocol):
    """A call, a block or a pause of a thread: when it began and ended, and what the kernel knows of its thread meanwhile."""

    @property
    def start_ns(self) -> int: ...  # noqa: D102
    @property
    def end_ns(self) -> int: ...  # noqa: D102
    @property
    def delay_ns(self) -> int | None: ...  # noqa: D102
    @property
    def cpu_ns(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Change:
    """A call of a function by which the watched thread attached or detached.

    Attributes:
        start_ns: When the hook began.
        before_ns: When it called the function. What lies between is its own reading of the run delay.
        after_ns: When the function had returned.
        end_ns: When the hook ended, after a reading of its own, too.
        attaches: Whether the thread is attached afterwards.
        delay_ns: The thread's run delay before that reading and after it, since the thread began. None: not read.
    """

    start_ns: int
    before_ns: int
    after_ns: int
    end_ns: int
    attaches: bool
    delay_ns: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Changes:
    """All changes of the watched thread, which was attached at first, in order.

    Attributes:
        changes: They alternate.
        missing_from_ns: From when on some may be missing. None: there are all of them.
    """

    changes: tuple[Change, ...]
    missing_from_ns: int | None = None

    @classmethod
    def of(
        cls, raw: Sequence[tuple[int, int, int, int, bool, tuple[int, int] | None]], missing_from_ns: int | None
    ) -> Changes:
        """Return the changes as the native recording gives them."""
        return cls(tuple(Change(*change) for change in raw), missing_from_ns)


@dataclass(frozen=True, slots=True)
class BlindParts:
    """Where samples speak of a call, and where they do not.

    Attributes:
        positions_ns: For how long the call had run at each sample.
        shared: Where it ran far from any sample, and was kept off the processor.
        unsampled: Where it was far from any sample.
    """

    positions_ns: Sequence[int] = ()
    shared: Sequence[Blind] = ()
    unsampled: Sequence[Blind] = ()


@dataclass(slots=True)
class _Stretch:
    """A part of a call between two readings of the run delay: for how long its thread was attached, detached, or either."""

    attached_ns: int = 0
    detached_ns: int = 0
    either_ns: int = 0

    def add(self, duration_ns: int, *, is_attached: bool) -> None:
        """Add a time in one of the two states."""
        if is_attached:
            self.attached_ns += duration_ns
        else:
            self.detached_ns += duration_ns

    def attached_run_ns(self, delay_ns: int) -> tuple[int, int]:
        """Return the least and the most time for which the thread ran attached, if it was off the processor for so long."""
        run_ns = max(0, self.attached_ns + self.detached_ns + self.either_ns - delay_ns)
        return max(0, self.attached_ns - delay_ns), min(self.attached_ns + self.either_ns, run_ns)


def recorded_call(
    span: Timed,
    changes: Changes,
    weighed: Sequence[tuple[int, RawSample]],
    blind: BlindParts,
) -> RecordedCall | None:
    """Return what was recorded of one call.

    Args:
        span: When it began and ended. It begins and ends attached.
        changes: Those of its thread.
        weighed: The samples inside of it, each with the time that it stands for.
        blind: Of which parts of it they say nothing.

    Returns:
        The bounds of the time for which its thread was attached, and whether the samples confirm it. None where changes may be
        missing, or the system does not report the run delay.
    """
    start_ns, end_ns, delay_ns = span.start_ns, span.end_ns, span.delay_ns
    if delay_ns is None or (changes.missing_from_ns is not None and end_ns >= changes.missing_from_ns):
        return None
    first = bisect_left(changes.changes, start_ns, key=_start)
    inside = changes.changes[first : bisect_left(changes.changes, end_ns, key=_start)]
    if len(inside) % 2 or (inside and (inside[0].attaches or inside[-1].end_ns > end_ns)):
        return None
    least_ns, most_ns, own_ns = _attached_ns(start_ns, end_ns, delay_ns, inside)
    run_ns = max(0, end_ns - start_ns - delay_ns - own_ns)
    attached, detached, n_contradicting = _compared(inside, weighed)
    return RecordedCall(
        run_ns=run_ns,
        least_attached_ns=min(least_ns, run_ns),
        most_attached_ns=min(max(least_ns, most_ns), run_ns),
        n_changes=len(inside),
        n_compared=len(attached) + len(detached) + n_contradicting,
        n_contradicting=n_contradicting,
        n_agreeing_attached=_n_effective(attached),
        n_agreeing_detached=_n_effective(detached),
        shared_ns=_attached_within(inside, blind.shared),
        unsampled_ns=_attached_within(inside, blind.unsampled),
        sampled_tenths=() if inside else _tenths(blind.positions_ns, run_ns),
    )


def _start(change: Change) -> int:
    return change.start_ns


def _attached_ns(start_ns: int, end_ns: int, delay_ns: int, inside: Sequence[Change]) -> tuple[int, int, int]:
    """Return the least and the most time for which a call ran attached, and for how long the hooks' own readings ran.

    Between two readings the run delay is known. What lies before the first one and after the last one, both of which are
    attached in most calls, shares the rest.
    """
    stretches = [_Stretch()]
    readings: list[tuple[int, int]] = []
    at_ns, own_ns = start_ns, 0
    for change in inside:
        stretches[-1].add(change.start_ns - at_ns, is_attached=not change.attaches)
        function_ns = change.after_ns - change.before_ns
        if change.delay_ns is None:
            stretches[-1].either_ns += change.end_ns - change.start_ns
        else:
            before_ns, after_ns = change.delay_ns
            own_ns += change.end_ns - change.start_ns - function_ns - (after_ns - before_ns)
            readings.append(change.delay_ns)
            if change.attaches:  # it was read before the function was called
                stretches.append(_Stretch(either_ns=function_ns))
            else:
                stretches[-1].either_ns += function_ns
                stretches.append(_Stretch())
        at_ns = change.end_ns
    stretches[-1].add(end_ns - at_ns, is_attached=True)
    between = [max(0, later[0] - earlier[1]) for earlier, later in pairwise(readings)]
    rest_ns = max(0, delay_ns - sum(between) - sum(after - before for before, after in readings))
    edges = stretches[0]
    if len(stretches) > 1:
        last = stretches[-1]
        edges = _Stretch(
            edges.attached_ns + last.attached_ns, edges.detached_ns + last.detached_ns, edges.either_ns + last.either_ns
        )
    bounds = [edges.attached_run_ns(rest_ns)]
    bounds += [stretch.attached_run_ns(delay) for stretch, delay in zip(stretches[1:-1], between, strict=True)]
    return sum(least for least, _ in bounds), sum(most for _, most in bounds), own_ns


def _n_effective(weights: Sequence[int]) -> float:
    """Return how many evenly spread samples would say as much."""
    squares = sum(weight * weight for weight in weights)
    return sum(weights) ** 2 / squares if squares else 0.0


def _compared(inside: Sequence[Change], weighed: Sequence[tuple[int, RawSample]]) -> tuple[list[int], list[int], int]:
    """Return the weights of samples that agree on an attached thread, and on a detached one, and how many contradict the record.

    A sample that was taken while the thread changed may show either state.
    """
    begins = [change.before_ns for change in inside]
    attached: list[int] = []
    detached: list[int] = []
    n_contradicting = 0
    for weight_ns, (start_ns, end_ns, is_attached, *_) in weighed:
        n_before = bisect_right(begins, end_ns + _CLOCK_SLACK_NS)
        if n_before and inside[n_before - 1].after_ns >= start_ns - _CLOCK_SLACK_NS:
            continue
        if is_attached != (n_before == 0 or inside[n_before - 1].attaches):
            n_contradicting += 1
        else:
            (attached if is_attached else detached).append(weight_ns)
    return attached, detached, n_contradicting


def _tenths(positions_ns: Sequence[int], run_ns: int) -> tuple[bool, ...]:
    """Return for each tenth of a call's run time whether a sample lies in it."""
    sampled = {min(9, 10 * position_ns // max(1, run_ns)) for position_ns in positions_ns}
    return tuple(tenth in sampled for tenth in range(10))


def _attached_within(inside: Sequence[Change], parts: Sequence[Blind]) -> int:
    """Return how much of these parts may have been attached, as recorded."""
    total_ns = 0
    for from_ns, to_ns, blind_ns in parts:
        detached_ns = sum(
            max(0, min(to_ns, back.before_ns) - max(from_ns, away.after_ns))
            for away, back in zip(inside[::2], inside[1::2], strict=True)
        )
        total_ns += min(blind_ns, to_ns - from_ns - detached_ns)
    return total_ns
