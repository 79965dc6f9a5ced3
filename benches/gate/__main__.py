"""``python -m benches.gate regress|unchanged|documents|workers``; without a word: all of them."""

from __future__ import annotations

import argparse
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUITE = """
import threading
from pytest_gilcheck import specimens

LOCK = threading.Lock()

def search(ns):
    {body}

def test_search(gilcheck):
    gilcheck.options(threads=2, budget=1.0)(search, 3_000_000)
"""
BODIES = {
    "unchanged": "specimens.releases(ns)",
    "release removed": "specimens.holds(ns)",
    "lock added": "with LOCK:\n        specimens.releases(ns)",
}
GATE = (
    "--gilcheck-compare=main",
    "--gilcheck-compare-fail=gil",
    "--gilcheck-compare-fail=overlap",
    "--gilcheck-compare-fail=held_share:0.05",
)


def pytest_run(folder: Path, body: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One build of the project, one run of its gate."""
    (folder / "test_it.py").write_text(SUITE.format(body=BODIES[body]))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        f"--rootdir={folder}",
        "--gilcheck",
        *arguments,
        str(folder),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def spin() -> None:
    """Keeps a processor busy."""
    while True:
        pass


@contextmanager
def busy(n: int) -> Iterator[None]:
    """`n` busy processes beside the block."""
    spinners = [multiprocessing.Process(target=spin, daemon=True) for _ in range(n)]
    for process in spinners:
        process.start()
    try:
        yield
    finally:
        for process in spinners:
            process.terminate()
            process.join()


def gates(bodies: list[str], n: int, n_busy: int) -> None:
    """How often does the gate pass, fail with name, limit and margin, or say that it cannot tell?"""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        saved = pytest_run(folder, "unchanged", "--gilcheck-save=main")
        if saved.returncode != 0:
            raise SystemExit(saved.stdout)
        for body in bodies:
            found = {"passes": 0, "fails": 0, "cannot tell": 0, "other": 0}
            with busy(n_busy):
                for _ in range(n):
                    run = pytest_run(folder, body, *GATE)
                    worse = [
                        line
                        for line in run.stdout.splitlines()
                        if line.startswith("gilcheck: WORSE: ") and "(limit: " in line and "search" in line
                    ]
                    kind = (
                        "passes"
                        if run.returncode == 0
                        else "fails"
                        if worse
                        else "cannot tell"
                        if "CANNOT TELL" in run.stdout
                        else "other"
                    )
                    found[kind] += 1
            print(
                f"{body:16} {n_busy} busy: {', '.join(f'{kind} {count}' for kind, count in found.items())}, of {n}",
                flush=True,
            )


def documents(sizes: tuple[int, ...] = (1_000, 10_000)) -> None:
    """Seconds and peak memory of each verb, for documents of growing size: made of one real check."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        pytest_run(folder, "unchanged", "--gilcheck-json=one.json")
        head, line, tail = (folder / "one.json").read_text().split("\n", 2)
        for n in sizes:
            lines = ",\n".join(
                line.replace("test_it.py::test_search", f"test_it.py::test_{index}") for index in range(n)
            )
            (folder / f"{n}.json").write_text(f"{head}\n{lines}\n{tail}")
            file = str(folder / f"{n}.json")
            for verb in (
                ["show", "-q", file],
                ["show", "-f", "markdown", file],
                ["compare", file, file],
                ["merge", file, "-o", str(folder / "m.json")],
            ):
                program = (
                    "import resource, sys; from pytest_gilcheck.__main__ import main; s = main(sys.argv[1:]); "
                    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr); sys.exit(s)"
                )
                start = time.perf_counter()
                run = subprocess.run(
                    [sys.executable, "-c", program, *verb], capture_output=True, text=True, check=False
                )
                took = time.perf_counter() - start
                peak = int(run.stderr.strip().splitlines()[-1]) // 1024
                print(
                    f"{n:6} checks, {' '.join(verb[: 1 if verb[0] != 'show' else 2]):10} {took:6.1f} s, peak {peak} MB, status {run.returncode}",
                    flush=True,
                )


def main() -> None:
    """Everything, or what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benches.gate")
    parser.add_argument("parts", nargs="*", default=["regress", "unchanged", "documents"], metavar="PART")
    parser.add_argument("-n", type=int, default=20, help="runs of each gate")
    parser.add_argument("--busy", type=int, default=0, help="busy processes beside it")
    options = parser.parse_args()
    for part in options.parts:
        if part == "regress":
            gates(["release removed", "lock added"], options.n, options.busy)
        elif part == "unchanged":
            gates(["unchanged"], options.n, options.busy)
        elif part == "documents":
            documents()
        else:
            parser.error(f"unknown part {part!r}: expected regress, unchanged or documents")


if __name__ == "__main__":
    main()
