"""What competing threads surely lost to each other, also where too little ran together to give a speed-up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING

from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.moments import alone_by_thread, common_intervals, moments_of, stamps_by_thread
from pytest_gilcheck.judge.pieces import of_two, overlap_ns, pieces_of
from pytest_gilcheck.judge.together import are_stamped, is_stolen_from, others_share

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import Arm, Machine, Round, ShortRound
    from pytest_gilcheck.judge.moments import Moments


def least_losses(rounds: Sequence[Round | ShortRound], machine: Machine) -> Mapping[str, float]:
    """Return what the threads at least lost to each other, as shares of their time.

    While a thread is kept off the processor, each of the others may wait for what it holds, and would not have to on free
    cores. That is at most the delay of all of them, once for each other thread. What threads waited or slept beyond that was
    lost to the calls themselves. Of two threads more is known where their accounts were read from outside: while one worked,
    and the other neither worked nor was kept off, the other was blocked.

    Either bound holds for any moments that are chosen by delay alone, so the largest one counts.

    Args:
        rounds: The rounds, with and without controls.
        machine: Where they were measured.

    Returns:
        Shares (0..1) by the names of `shortfall.losses`: ``waiting``, ``asleep`` and ``growth``. Empty where the accounts of
        these threads do not say.
    """
    if not are_stamped(rounds, machine) or any(r.one_each.delay_ns is None for r in rounds):
        return {}
    others = [max(others_share(r.serial, r.n_threads), others_share(r.one_each, r.n_threads)) for r in rounds]
    alone = alone_by_thread(rounds)
    threads = {stamp.thread for r in rounds for stamp in r.one_each.stamps}
    if median(others) > rules.SPARE_WORK_SHARE or is_stolen_from(rounds, machine) or not threads <= alone.keys():
        return {}
    least = {"waiting": 0.0, "asleep": 0.0, "growth": 0.0}
    moments: list[Moments] = []
    for delay_share in rules.DELAY_SHARES:
        moments = [one for r in rounds if (one := moments_of(r.one_each, alone, delay_share, [])) is not None]
        if sum(m.span_ns for m in moments) >= rules.LEAST_TOGETHER_NS:
            least = {name: max(share, _surely(moments, name)) for name, share in least.items()}
    if not all(alone[thread].computes for thread in threads):
        # Whom such a call waits for when it is alone may be kept off the processor as well.
        return {**least, "asleep": 0.0}
    seen = {name: max(0.0, sum(m.parts_ns[name] for m in moments)) for name in ("waiting", "asleep")}
    blocked = _blocked_share([r.one_each for r in rounds])
    for name, ns in seen.items():
        least[name] = max(least[name], blocked * ns / max(1.0, sum(seen.values())))
    return least


def _surely(moments: Sequence[Moments], name: str) -> float:
    n_threads = len(moments[0].threads)
    delay_ns = 0.0 if name == "growth" else (n_threads - 1) * sum(m.delay_ns for m in moments)
    all_ns = sum(m.on_ns for m in moments) if name == "growth" else n_threads * sum(m.span_ns for m in moments)
    return (sum(m.parts_ns[name] for m in moments) - delay_ns) / max(1, all_ns)


def _blocked_share(arms: Sequence[Arm]) -> float:
    """Return for which part of their time two threads were at least blocked in quiet pieces; 0 where little is known."""
    quiet_ns = blocked_ns = on_ns = 0.0
    for arm in arms:
        by_thread = stamps_by_thread(arm.stamps)
        within = common_intervals([[(s.start_ns, s.end_ns) for s in stamps] for stamps in by_thread.values()])
        for piece in pieces_of(arm):
            in_calls_ns = overlap_ns(within, piece.start_ns, piece.end_ns)
            if len(piece.cpu_ns) != 2 or not in_calls_ns or not piece.is_quiet(rules.QUIET_SHARE):  # noqa: PLR2004
                continue
            part = in_calls_ns / piece.span_ns
            quiet_ns += in_calls_ns
            blocked_ns += part * of_two(piece, piece.kept_off_ns)[1]
            on_ns += part * (2 * piece.span_ns - sum(piece.kept_off_ns.values()))
    return blocked_ns / on_ns if quiet_ns >= rules.LEAST_READ_TOGETHER_NS else 0.0
