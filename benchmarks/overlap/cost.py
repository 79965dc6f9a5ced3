"""Measures what checks cost, over the number of threads and over the number of checks of one pytest session."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pytest_gilcheck import check, specimens

MS = 1_000_000
N_THREADS = (1, 2, 4, 8, 16, 32, 64)
N_CHECKS = (10, 100, 1_000, 10_000)

SUITE = """
import pytest
from pytest_gilcheck import specimens

@pytest.mark.parametrize("index", range({n}))
def test_releases(gilcheck, index):
    gilcheck.options(overlap=False)(specimens.releases, 10_000)  # the rounds would cost their budget, each time
"""


def over_threads() -> list[tuple[int, float]]:
    """Return the seconds of one check with a budget of 1 s, for each number of threads."""
    seconds = []
    for n_threads in N_THREADS:
        begun = time.perf_counter()
        check.options(threads=n_threads, budget=1.0)(specimens.releases, MS)
        seconds.append((n_threads, time.perf_counter() - begun))
        print(f"{n_threads:6} threads: {seconds[-1][1]:.3f} s a check with a budget of 1 s", flush=True)
    return seconds


def over_checks(most: int) -> list[tuple[int, float, float]]:
    """Return seconds and peak megabytes of sessions of up to `most` tests with one check each, which save a report."""
    costs = []
    for n in (n for n in N_CHECKS if n <= most):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "test_many.py").write_text(SUITE.format(n=n), encoding="utf-8")
            pytest = [sys.executable, "-m", "pytest", "-q", "-p", "pytest_gilcheck.plugin"]
            command = [*pytest, "--gilcheck", "--gilcheck-json=out.json", "test_many.py"]
            begun = time.perf_counter()
            # No other plugin: those that are installed beside ours cost something too.
            environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
            process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, env=environment)
            _, status, usage = os.wait4(process.pid, 0)
            seconds, megabytes = time.perf_counter() - begun, usage.ru_maxrss / 1024
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            message = f"the session of {n} checks ended with status {process.returncode}"
            raise RuntimeError(message)
        costs.append((n, seconds, megabytes))
        print(f"{n:6} checks: {seconds:.2f} s, {1e3 * seconds / n:.1f} ms each, {megabytes:.0f} MB at most", flush=True)
    return costs


def cost(most: int, plot: str | None) -> None:
    """Measure both, and plot them to the file `plot`."""
    threads, checks = over_threads(), over_checks(most)
    if plot is None:
        return
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(11, 3.4))
    axes[0].plot(*zip(*threads, strict=True), marker="o")
    axes[0].set(xscale="log", xticks=N_THREADS, xticklabels=N_THREADS, xlabel="threads", ylabel="seconds a check", ylim=(0, None))  # fmt: skip
    axes[0].set_title("one check, budget 1 s", fontsize="medium")
    n, seconds, megabytes = zip(*checks, strict=True)
    axes[1].loglog(n, seconds, marker="o")
    axes[1].set(xlabel="checks", ylabel="seconds a session")
    axes[1].set_title("pytest --gilcheck", fontsize="medium")
    axes[2].semilogx(n, megabytes, marker="o")
    axes[2].set(xlabel="checks", ylabel="peak MB", ylim=(0, None))
    axes[2].set_title("its memory", fontsize="medium")
    figure.tight_layout()
    figure.savefig(plot)
