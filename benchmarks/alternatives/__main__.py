"""What each way of asking says about the same calls: ``python -m benchmarks.alternatives [--table PATH] [--load N]``.

The calls are specimens of 200 ms of processor time, so the right answer is known. Each answer is made in a process of its own,
`N_TIMES` times. A tool that is not installed, or cannot run here, is left out and said to be.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from benchmarks.ledger.rivals import counter_test, ratio_test
from benchmarks.living.neighbours import in_threads
from pytest_gilcheck import check, specimens

MS = 1_000_000
N_TIMES = 5
TIMEOUT_S = 180
#: Of a metric of a whole process: at least this share of the time counts as held.
BORDER = 0.5
#: For how long a tool that looks at a process from outside sees the call made over and over.
SECONDS = 3
#: Name -> (the call, the right answer). Half of the third one is held, and a fiftieth of the fourth.
CASES: dict[str, tuple[Callable[[], object], str]] = {
    "holds the GIL": (lambda: specimens.holds(200 * MS), "held"),
    "releases it": (lambda: specimens.releases(200 * MS), "released"),
    "releases it for a half": (lambda: specimens.releases_then_holds(100 * MS, 100 * MS), "partial"),
    "holds it for a fiftieth": (lambda: specimens.releases_then_holds(196 * MS, 4 * MS), "released"),
    "releases it for a fiftieth": (lambda: specimens.releases_then_holds(4 * MS, 196 * MS), "held"),
    "releases it, behind a lock": (lambda: specimens.serialises(200 * MS), "released"),
    "holds it, in plain Python": (lambda: specimens.yields(200 * MS), "held"),
}


def ours(call: Callable[[], object]) -> tuple[str, float | None]:
    """Return the word of a check, and the held share."""
    verdict = check.options(overlap=False)(call)
    return verdict.gil, verdict.held_share.value


def two_threads(call: Callable[[], object]) -> tuple[str, float | None]:
    """Return whether two threads are at least 1.5 times as fast as one, and how fast they are."""
    verdict = ratio_test(call)
    return verdict.gil, verdict.figure


def counter(call: Callable[[], object]) -> tuple[str, float | None]:
    """Return whether a counting thread moves although the interpreter never asks for the GIL, and in how many calls."""
    verdict = counter_test(call)
    return verdict.gil, verdict.figure


def repeating(call: Callable[[], object]) -> contextlib.AbstractContextManager[None]:
    """Make the call over and over in another thread, whose samples `_samples` knows by the name of its function."""

    def calls(stop: threading.Event) -> None:
        while not stop.is_set():
            call()

    return in_threads([calls])


def gilknocker(call: Callable[[], object]) -> tuple[str, float | None]:
    """Return what the contention metric says while the call is made over and over."""
    from gilknocker import KnockKnock

    knocker = KnockKnock(
        polling_interval_micros=1_000, sampling_interval_micros=10_000, sleeping_interval_micros=10_000
    )
    with repeating(call):
        knocker.start()
        time.sleep(SECONDS)
        metric = knocker.contention_metric
        knocker.stop()
    return "held" if metric >= BORDER else "released", metric


def py_spy(call: Callable[[], object]) -> tuple[str, float | None]:
    """Return which share of the samples of the thread that calls hold the GIL."""
    with repeating(call), tempfile.TemporaryDirectory() as folder:
        counts = {option: _samples(Path(folder, f"{option}.txt"), option) for option in ("--gil", "--idle")}
    share = counts["--gil"] / max(1, counts["--idle"])
    return "held" if share >= BORDER else "released", share


def _samples(path: Path, option: str) -> int:
    # This process is the one that is looked at, so the profiler is its child.
    command = [
        "py-spy",
        "record",
        option,
        "--pid",
        str(os.getpid()),
        "--duration",
        str(SECONDS),
        "--format",
        "raw",
        "-o",
        str(path),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT_S)
    return sum(int(line.rsplit(" ", 1)[1]) for line in path.read_text().splitlines() if "calls (" in line)


TOOLS: dict[str, Callable[[Callable[[], object]], tuple[str, float | None]]] = {
    "ours": ours,
    "two threads": two_threads,
    "counter": counter,
    "gilknocker": gilknocker,
    "py-spy": py_spy,
}


def ask(tool: str, case: str) -> tuple[str, float | None]:
    """Return the answer of a tool on a case, from a process of its own; the word is ``-`` where it cannot answer."""
    command = [sys.executable, "-m", "benchmarks.alternatives", "--answer", tool, case]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return "-", None
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        print(f"{tool}, {case}: no answer, exit status {done.returncode}: {last}", file=sys.stderr)
        return "-", None
    word, figure = json.loads(done.stdout)
    return word, figure


def cell(answers: list[tuple[str, float | None]], truth: str) -> str:
    """Return the words of all runs with how often each was said, a wrong one in bold, and the range of the figures."""
    words = Counter(word for word, _ in answers)
    said = ", ".join(
        f"**{w}** {n}" if w not in (truth, "inconclusive", "-") else f"{w} {n}" for w, n in words.most_common()
    )
    figures = [figure for _, figure in answers if figure is not None]
    return f"{said} ({min(figures):.2g} to {max(figures):.2g})" if figures else said


def table(n_times: int, n_busy: int) -> str:
    """Return the table, and a line that says how it was made."""
    before = os.getloadavg()[0]
    rows = [f"| the call | right | {' | '.join(TOOLS)} |", "|---" * (len(TOOLS) + 2) + "|"]
    for case, (_, truth) in CASES.items():
        cells = [cell([ask(tool, case) for _ in range(n_times)], truth) for tool in TOOLS]
        rows.append(f"| {case} | {truth} | {' | '.join(cells)} |")
    load = f"{n_busy} busy processes beside it" if n_busy else f"a load of {before:.1f} before it began"
    versions = f"Python {sys.version.split()[0]}, {os.cpu_count()} processors, {n_times} runs of each, {load}"
    return (
        "\n".join([f"{versions}. Wrong answers are bold; in brackets the least and the largest figure.", "", *rows])
        + "\n"
    )


def main() -> None:
    """Print the table, or the answer of one tool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answer", nargs=2, metavar=("TOOL", "CASE"), help=argparse.SUPPRESS)
    parser.add_argument("--table", type=Path, help="write the table here")
    parser.add_argument("--load", type=int, default=0, help="how many processes are kept busy meanwhile")
    parser.add_argument("-n", type=int, default=N_TIMES, help="how often each is asked")
    options = parser.parse_args()
    if options.answer:
        tool, case = options.answer
        print(json.dumps(TOOLS[tool](CASES[case][0])))
        return
    if not shutil.which("py-spy"):
        print("py-spy is not installed: pip install -r benchmarks/alternatives/requirements.txt", file=sys.stderr)
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(options.load)]
    try:
        text = table(options.n, options.load)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    print(text)
    if options.table:
        options.table.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
