"""What more cores would give, by a model of the measured calls. A projection, and no measurement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Projection
from pytest_gilcheck.judge import rules

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import Estimate
    from pytest_gilcheck.judge.together import Together


@dataclass(frozen=True, slots=True)
class Law:
    """How calls get in each other's way.

    Attributes:
        exclusive_share: Which part of a call only one thread can be in at a time: with the GIL, or under a lock.
        slowed_by: By which part of its time each other thread that runs slows a call down: memory, caches.
    """

    exclusive_share: float
    slowed_by: float

    def speedup(self, n_threads: int) -> float:
        """Return how many times as fast so many threads are as one, with a core for each.

        The exclusive part is a queue with one server, and threads come to it at any time (mean value analysis of a closed
        network): a thread that arrives waits for those whom it finds there. Half of a call under a lock gives 1.6 for two
        threads and comes close to 2 for many.

        Args:
            n_threads: How many threads compete.

        Returns:
            The speed-up.
        """
        share = min(1.0, max(0.0, self.exclusive_share))
        waiting = calls_at_once = 0.0
        for n in range(1, n_threads + 1):
            in_queue = share * (1 + waiting)
            calls_at_once = n / (1 - share + in_queue)
            waiting = calls_at_once * in_queue
        return calls_at_once / (1 + self.slowed_by * (n_threads - 1))

    def most(self, n_threads: int) -> float:
        """Return what threads reach that come to take turns and wait for nobody before the exclusive part is always busy.

        Args:
            n_threads: How many threads compete.

        Returns:
            The speed-up.
        """
        at_once = min(float(n_threads), 1 / max(1e-9, self.exclusive_share))
        return at_once / (1 + self.slowed_by * (n_threads - 1))


def projections(shared: Together, held_share: Estimate) -> tuple[Projection, ...]:
    """Return what machines with more cores would give.

    How much of a call holds the GIL is known exactly, and what the memory costs grows with the threads. What an inner lock
    costs more threads cannot be told from two: calls of which one half is under a lock come to take turns, lose nothing, and
    still never get more than twice as much done. So there is no projection where threads waited for such a lock, unless it
    serialises the calls, which no core changes. The lower bound leaves room for a lock that is too short to show.

    Args:
        shared: What the calls lose while they run together.
        held_share: What the ledger says of single calls.

    Returns:
        A projection for each number of cores; none where nothing can be said.
    """
    value, low, high = shared.speedup.value, shared.speedup.low, shared.speedup.high
    held, least_held, most_held = held_share.value, held_share.low, held_share.high
    if value is None or low is None or high is None or held is None or least_held is None or most_held is None:
        return ()
    if shared.losses is None or not shared.is_even:
        return ()
    if shared.losses["asleep"] > rules.LOCK_FREE_SHARE:
        if high >= rules.OVERLAP_LEAST_SPEEDUP:
            return ()
        return tuple(Projection(n_cores, value, low, high) for n_cores in rules.PROJECTED_CORES)
    n, grown = shared.n_threads, min(0.9, max(0.0, shared.losses["growth"]))
    law = Law(held, grown / (1 - grown) / (n - 1))
    if not low / (1 + rules.AMDAHL_SLACK) <= law.speedup(n) <= high * (1 + rules.AMDAHL_SLACK):
        return ()  # something else happens that this model does not know
    worst = _slowed_to(Law(most_held + rules.HIDDEN_SHARE, law.slowed_by), n, low)
    best = _slowed_to(Law(least_held, 0.0), n, high)
    return tuple(
        Projection(
            n_cores,
            law.speedup(n_cores),
            min(one.speedup(n_cores) for one in (worst, law)),
            max(one.most(n_cores) for one in (best, law)),
        )
        for n_cores in rules.PROJECTED_CORES
    )


def _slowed_to(law: Law, n_threads: int, speedup: float) -> Law:
    """Return this law with threads that slow each other down so much more that so many reach no more than `speedup`."""
    slowed_by = (Law(law.exclusive_share, 0.0).speedup(n_threads) / max(1e-3, speedup) - 1) / (n_threads - 1)
    return Law(law.exclusive_share, max(law.slowed_by, slowed_by))
