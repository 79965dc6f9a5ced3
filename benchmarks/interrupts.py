"""Ctrl-C at random moments of checks: ``python -m benchmarks.interrupts``; half of them in pytest, half in a plain script.

A run is right if it ends as it would have without this tool: pytest with status 2 and a summary that counts the test that had
passed, a script by the signal or with status 130, both with a `KeyboardInterrupt`. An abort, a fault, a hang, an error of the
report and a run that goes on are wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

#: Time in which a run that was interrupted ends by itself.
PATIENCE_SECONDS = 60
#: Time in which its first check begins. On a busy machine the import of pytest takes some of it.
BEGIN_SECONDS = 300
#: The moments lie in so long a time after the first check has begun.
SPREAD_SECONDS = 1.0

CHECKS_FOR_EVER = """
import itertools
from pytest_gilcheck import check, specimens

def checks_for_ever(check):
    open("begun", "w").close()
    for n in itertools.count():
        check.options(budget="20ms", seed=n)(specimens.releases_then_holds, 500_000, 500_000)
        check.options(budget="20ms", seed=n)(specimens.yields, 1_000_000)
"""

INTERRUPTED_TEST = (
    CHECKS_FOR_EVER
    + """
def test_before():
    pass

def test_checks(gilcheck):
    checks_for_ever(gilcheck)
"""
)

INTERRUPTED_SCRIPT = CHECKS_FOR_EVER + "\nchecks_for_ever(check)\n"


@dataclass(frozen=True)
class Run:
    """A run that was interrupted `seconds` after its first check began, its exit status, and what it wrote."""

    how: str
    seconds: float
    status: int | str
    said: str

    @property
    def is_right(self) -> bool:
        """Whether it ended as it would have without this tool."""
        if "KeyboardInterrupt" not in self.said:
            return False
        if self.how == "pytest":
            return self.status == 2 and "1 passed" in self.said  # noqa: PLR2004  (pytest's status of an interrupted run)
        return self.status in (-signal.SIGINT, 128 + signal.SIGINT)


def interrupted(how: str, folder: Path, seconds: float) -> Run:
    """Interrupt a run in `folder` so long after its checks have begun, and return what came of it."""
    if how == "pytest":
        (folder / "test_interrupted.py").write_text(INTERRUPTED_TEST)
        command = [sys.executable, "-m", "pytest", "--gilcheck", "-p", "no:cacheprovider"]
    else:
        (folder / "script.py").write_text(INTERRUPTED_SCRIPT)
        command = [sys.executable, "script.py"]
    with (folder / "said").open("w+") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, cwd=folder)
        try:
            until = time.monotonic() + BEGIN_SECONDS
            while not (folder / "begun").exists() and process.poll() is None and time.monotonic() < until:
                time.sleep(0.01)  # a poll, ended by the progress of the other process
            time.sleep(seconds)  # the random moment
            process.send_signal(signal.SIGINT)
            status = _end_of(process)
        finally:
            process.kill()
            process.wait()
        said.seek(0)
        return Run(how, seconds, status, said.read())


def _end_of(process: subprocess.Popen[bytes]) -> int | str:
    """Return the exit status, or ``hangs``. Time in which the process waits for a processor does not count.

    At idle priority beside two busy processes a run had the processor for 1 s in 60, and seemed to hang.
    """
    left_s, delays_ns = float(PATIENCE_SECONDS), _delays_ns(process.pid)
    while left_s > 0:
        begun_s = time.monotonic()
        try:
            return process.wait(1)
        except subprocess.TimeoutExpired:
            before_ns, delays_ns = delays_ns, _delays_ns(process.pid)
            delay_ns = max((delay - before_ns.get(thread, 0) for thread, delay in delays_ns.items()), default=0)
            # A machine that sleeps, or stops all of this for a while, uses up a second of the patience and not all of it.
            left_s -= max(0.0, min(1.0, time.monotonic() - begun_s) - delay_ns / 1e9)
    return "hangs"


def _delays_ns(pid: int) -> dict[str, int]:
    """Return for how long each thread of a process has waited for a processor; nothing where the system does not tell."""
    delays_ns = {}
    for schedstat in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):  # the thread has ended
            delays_ns[schedstat.parent.name] = int(schedstat.read_text().split()[1])
    return delays_ns


def runs(how: str, n_runs: int, seed: int = 0) -> Iterator[Run]:
    """Interrupt so many runs, ``pytest`` or ``script``, each at a moment of its own, and yield what came of each."""
    dice = random.Random(f"{how}{seed or ''}")  # noqa: S311  (moments, no secret)
    for _ in range(n_runs):
        with tempfile.TemporaryDirectory(prefix="gilcheck-interrupts-") as folder:
            yield interrupted(how, Path(folder), dice.uniform(0, SPREAD_SECONDS))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a row of the table, and on stderr each run that is wrong; 0: all are right, 1: one is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.interrupts", description=__doc__)
    parser.add_argument("--moments", type=int, default=200, metavar="N", help="half in pytest (default: 200)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    options = parser.parse_args(arguments)
    # A shell starts background jobs with SIGINT ignored, and these runs would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    n_scripts = options.moments // 2
    cells = [platform.python_version()]
    all_right = True
    for how, n_runs in (("pytest", options.moments - n_scripts), ("script", n_scripts)):
        n_right = 0
        for run in runs(how, n_runs, options.seed):
            n_right += run.is_right
            if not run.is_right:
                sys.stderr.write(f"{how}, after {run.seconds:.4f} s: status {run.status}\n{run.said}\n")
        all_right = all_right and n_right == n_runs
        cells.append(f"{n_right} of {n_runs}")
    sys.stdout.write(f"| {' | '.join(cells)} |\n")
    return 0 if all_right else 1


if __name__ == "__main__":
    sys.exit(main())
