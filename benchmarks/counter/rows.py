"""Measures the ratio of the times of sides that run in turn, in one process and on one text."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CALM_S = 0.15
CALM_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: the median over rounds, between its quartiles `low` and `high`.

    `bound` is the bar (None: for information): the least figure, or the largest with `at_most`. `limit` names what makes the
    bar impossible on this machine, where that was measured in the same rounds. `doubt` says why even a bar that seems met
    is inconclusive.
    """

    bar: str
    case: str
    figure: float
    low: float
    high: float
    columns: dict[str, str] = field(default_factory=dict)
    bound: float | None = None
    at_most: bool = False
    limit: str = ""
    doubt: str = ""

    @property
    def times_the_bar(self) -> float | None:
        """How far beyond the bar the figure is: 1 is just met, more is better. None: there is no bar."""
        if self.bound is None:
            return None
        return self.bound / self.figure if self.at_most else self.figure / self.bound

    @property
    def met(self) -> str:
        """Whether the bar is met, or what limits it; empty where there is no bar."""
        times = self.times_the_bar
        if times is None:
            return ""
        return self.doubt or ("yes" if times >= 1 else self.limit or "no")


class IdleCores:
    """Lets rounds begin when nothing else wants to run, and counts those that began anyway (`n_disturbed`)."""

    def __init__(self, patience_s: float) -> None:
        self.patience_s = patience_s
        self.n_rounds = 0
        self.n_disturbed = 0

    def wait(self) -> None:
        """Wait until the cores were almost idle for a moment, but not longer than `patience_s`."""
        self.n_rounds += 1
        give_up = time.perf_counter() + self.patience_s
        while self.patience_s:
            idle, total = self._ticks()
            time.sleep(CALM_S)
            idle_later, total_later = self._ticks()
            if idle_later - idle >= CALM_SHARE * (total_later - total):
                return
            if time.perf_counter() > give_up:
                break
        self.n_disturbed += 1

    @staticmethod
    def _ticks() -> tuple[int, int]:
        """Return the ticks of all cores since the machine was started: idle ones, and all."""
        with contextlib.suppress(OSError):
            ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
            return ticks[3] + ticks[4], sum(ticks)
        return 0, 0


IDLE_CORES = IdleCores(patience_s=0)


def in_turn(sides: Sequence[Callable[[], object]], n_rounds: int) -> list[list[float]]:
    """Return the seconds that each side took in each round.

    The order is reversed from one round to the next. One more round before them does not count.
    """
    times: list[list[float]] = [[] for _ in sides]
    for n in range(n_rounds + 1):
        order = range(len(sides)) if n % 2 else range(len(sides))[::-1]
        IDLE_CORES.wait()
        for side in order:
            begin = time.perf_counter()
            sides[side]()
            taken = time.perf_counter() - begin
            if n:
                times[side].append(taken)
    return times


def quartiles(first: Sequence[float], second: Sequence[float]) -> tuple[float, float, float]:
    """Return the quartiles of how many times as long the second took in a round: lower, median, upper."""
    low, middle, high = statistics.quantiles([b / a for a, b in zip(first, second, strict=True)], n=4)
    return low, middle, high


def row(bar: str, case: str, times: Sequence[Sequence[float]], bound: float | None = None, **columns: str) -> Row:
    """Return how many times as long the second side took; `bound`: it must be at least so many times."""
    low, middle, high = quartiles(times[0], times[1])
    medians = " against ".join(f"{statistics.median(side) * 1e3:.3g} ms" for side in times[:2])
    return Row(bar, case, middle, low, high, {"medians": medians, **columns}, bound)


def gigabytes(n_bytes: int, side: Sequence[float]) -> float:
    """Return the median speed in gigabytes a second."""
    return n_bytes / statistics.median(side) / 1e9
