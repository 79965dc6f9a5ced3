"""One figure: sides that run in turn, in one process and on one text, and the ratio of their times."""

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
    """What was measured? `figure` is the median over rounds, between its quartiles.

    `bound` is the bar (None: for information), from below, or from above with `at_most`. `limit` names what denies the
    bar to anybody on this machine, where that was measured in the same rounds; `doubt` what leaves even a bar that seems
    met undecided.
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
        """How far beyond the bar: 1 is just met, more is better. None: there is no bar."""
        if self.bound is None:
            return None
        return self.bound / self.figure if self.at_most else self.figure / self.bound

    @property
    def met(self) -> str:
        """Is the bar met? Where it is not, its limit, if it has one; nothing, where there is no bar."""
        times = self.times_the_bar
        if times is None:
            return ""
        return self.doubt or ("yes" if times >= 1 else self.limit or "no")


class MachineLock:
    """Are the cores ours? Rounds begin when nothing else wants to run, and how many began without that is told."""

    def __init__(self, patience_s: float) -> None:
        self.patience_s = patience_s
        self.n_rounds = 0
        self.n_disturbed = 0

    def wait(self) -> None:
        """Waits until the cores have done next to nothing for a moment, but not for ever."""
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
        """Of all cores, since the machine was started: idle ones, and all."""
        with contextlib.suppress(OSError):
            ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
            return ticks[3] + ticks[4], sum(ticks)
        return 0, 0


QUIET = MachineLock(patience_s=0)


def in_turn(sides: Sequence[Callable[[], object]], n_rounds: int) -> list[list[float]]:
    """How many seconds did each side take in each round?

    The order is turned round from one round to the next; one round before does not count.
    """
    times: list[list[float]] = [[] for _ in sides]
    for n in range(n_rounds + 1):
        order = range(len(sides)) if n % 2 else range(len(sides))[::-1]
        QUIET.wait()
        for side in order:
            begin = time.perf_counter()
            sides[side]()
            taken = time.perf_counter() - begin
            if n:
                times[side].append(taken)
    return times


def quartiles(first: Sequence[float], second: Sequence[float]) -> tuple[float, float, float]:
    """How many times as long did the second take, round for round? Lower quartile, median, upper quartile."""
    low, middle, high = statistics.quantiles([b / a for a, b in zip(first, second, strict=True)], n=4)
    return low, middle, high


def row(bar: str, case: str, times: Sequence[Sequence[float]], bound: float | None = None, **columns: str) -> Row:
    """How many times as long did the second side take? `bound`: at least so many times."""
    low, middle, high = quartiles(times[0], times[1])
    medians = " against ".join(f"{statistics.median(side) * 1e3:.3g} ms" for side in times[:2])
    return Row(bar, case, middle, low, high, {"medians": medians, **columns}, bound)


def gigabytes(n_bytes: int, side: Sequence[float]) -> float:
    """How many gigabytes a second, at the median?"""
    return n_bytes / statistics.median(side) / 1e9
