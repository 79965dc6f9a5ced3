"""Compares the model that projections rest on with plain threads, at the numbers of threads that this machine has cores for."""

from __future__ import annotations

import os

from benchmarks.overlap.friends import Friend, timed
from pytest_gilcheck import specimens
from pytest_gilcheck.judge.projection import Law

MS = 1_000_000
TOLERANCE = 0.1
HELD_SHARES = (0.0, 0.1, 0.3, 0.5, 0.8, 1.0)
N_THREADS = (2, 4)


def simulated() -> int:
    """Print the speed-up by the model and by plain threads, and return how many are further apart than a tenth.

    Only right on an idle machine. More threads than cores reach no more than there are cores.
    """
    n_cores = len(os.sched_getaffinity(0))
    friends = [(_partial(share), Law(share, 0.0)) for share in HELD_SHARES]
    friends.append((Friend("lock", specimens.serialises, lambda _index: (MS,), MS), Law(1.0, 0.0)))
    n_far = 0
    for friend, law in friends:
        for n_threads in N_THREADS:
            model, measured = min(float(n_cores), law.speedup(n_threads)), timed(friend, n_threads)
            is_far = abs(model / measured - 1) > TOLERANCE
            n_far += is_far
            print(
                f"{friend.name:10} {n_threads} threads: model {model:.2f}, measured {measured:.2f}{', FAR' if is_far else ''}",
                flush=True,
            )
    print(f"{n_far} of {len(friends) * len(N_THREADS)} further apart than {TOLERANCE:.0%}; {n_cores} cores")
    return n_far


def _partial(share: float) -> Friend:
    args = (round(MS * (1 - share)), round(MS * share))
    return Friend(f"held {share}", specimens.releases_then_holds, lambda _index: args, MS)
