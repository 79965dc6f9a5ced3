"""Fibonacci numbers in one process, in a pool of processes, and in threads."""

import multiprocessing
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from native_fibonacci import native_fib

#: A new interpreter for each process. A copy of this one (fork) would copy locks that its other threads hold.
SPAWN = multiprocessing.get_context("spawn")


def fib(n):
    """Return the n-th Fibonacci number, in the slowest way."""
    return 1 if n <= 2 else fib(n - 1) + fib(n - 2)


def seconds_of(run):
    """Return how many seconds this takes. `run` returns an iterable of results, which is used up."""
    start = time.perf_counter()
    list(run())
    return time.perf_counter() - start


def main(n=30, native_n=38, n_rounds=9):
    """Print how much faster four equal numbers come in each way than in a row. Each round runs all ways once."""
    with SPAWN.Pool(2) as pool, ThreadPoolExecutor(2) as threads:
        pool.map(fib, [1] * 8)  # the processes start before the clock does
        in_a_row = {"Python": lambda: map(fib, [n] * 4), "C": lambda: map(native_fib, [native_n] * 4)}
        ways = {
            ("Python", "2 threads"): lambda: threads.map(fib, [n] * 4),
            ("Python", "2 processes"): lambda: pool.map(fib, [n] * 4, chunksize=1),
            ("C", "2 threads"): lambda: threads.map(native_fib, [native_n] * 4),
        }
        for (language, name), run in ways.items():
            # Both parts of a ratio are measured one right after the other, as the load of a machine changes.
            gains = sorted(seconds_of(in_a_row[language]) / seconds_of(run) for _ in range(n_rounds))
            median = statistics.median(gains)
            print(f"{language:6} {name:11} {median:.2f} times as fast as in a row ({gains[1]:.2f} to {gains[-2]:.2f})")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
