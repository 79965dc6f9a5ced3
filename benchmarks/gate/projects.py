"""A project with regressions, the runs of its gate, and the same suite on several workers."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.ledger.load import busy

SUITE = """
import threading
import time
from hypothesis import strategies as st
from pytest_gilcheck import specimens

LOCK = threading.Lock()

def search(ns):
    {search}

def count(n):
    {count}

def test_search(gilcheck):
    gilcheck.options(threads=2, budget=1.0)(search, 3_000_000)

def test_count(gilcheck):
    gilcheck.agrees(count, lambda n: min(n, 1000), st.integers(0, 2000).map(lambda n: (n,)))
"""

#: All threads share what it works on, and it releases the GIL: a static buffer in C does the same. It sleeps because a yield
#: of the processor would cost a whole time slice of each busy process. (A shared counter is no good subject: threads that
#: take turns evenly read and write in lock-step, and all counts are right.)
RACE = """global scratch
    scratch = min(n, 1000)
    time.sleep(1e-4)
    return scratch"""


@dataclass(frozen=True)
class Build:
    """One state of the project: the bodies of its two functions, which of them is worse, and what the gate asks for."""

    name: str
    search: str = "specimens.releases(ns)"
    count: str = "return min(n, 1000)"
    worse: str | None = None
    gate: tuple[str, ...] = ("--gilcheck-compare=main",)

    @property
    def suite(self) -> str:
        """Its test module."""
        return SUITE.format(search=self.search, count=self.count)


UNCHANGED = Build("unchanged")
REGRESSED = (
    replace(UNCHANGED, name="release removed", search="specimens.holds(ns)", worse="search"),
    replace(
        UNCHANGED,
        name="lock added",
        search="with LOCK:\n        specimens.releases(ns)",
        worse="search",
        # A lock of the function's own changes nothing about the GIL.
        gate=("--gilcheck-compare=main", "--gilcheck-compare-fail=overlap"),
    ),
    replace(UNCHANGED, name="race added", count=RACE, worse="count"),
)
#: Outcomes that need no look at what pytest wrote.
EXPECTED = ("passes", "passes, said", "named", "inconclusive")

#: How often a baseline is made until it decides overlap.
_MOST_BASELINES = 5


def pytest_run(folder: Path, suite: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a suite under the gate."""
    (folder / "test_it.py").write_text(suite)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={folder}"]
    return subprocess.run([*command, *arguments, str(folder)], capture_output=True, text=True, check=False, cwd=folder)


def outcome(run: subprocess.CompletedProcess[str], worse: str | None) -> str:
    """Return what the gate did.

    It fails as it should where one of the last lines names the function, what was and what is.
    """
    lines = run.stdout.splitlines()
    if run.returncode == 0:
        # Nothing to compare with, and said: overlap that the baseline had not decided.
        return "passes, said" if any(line.endswith("not compared") for line in lines) else "passes"
    if run.returncode != 1:
        return "other"
    named = [line for line in lines if line.startswith("gilcheck: WORSE: ")]
    if any(worse and f" {worse}:" in line and " -> " in line for line in named):
        return "named"
    if named:
        return "another named"
    return "inconclusive" if any(line.startswith("gilcheck: INCONCLUSIVE: ") for line in lines) else "other"


def _save_baseline(folder: Path) -> None:
    """Save a baseline that decides whether calls overlap, as a maintainer would: another one is no baseline for overlap."""
    for _ in range(_MOST_BASELINES):
        saved = pytest_run(folder, UNCHANGED.suite, "--gilcheck-save=main", "--gilcheck-json=main.json")
        if saved.returncode != 0:
            raise SystemExit(saved.stdout)
        if any(overlap == "overlaps" for _, _, overlap in words(folder / "main.json").values()):
            return
    print(f"no baseline of {_MOST_BASELINES} saw calls overlap: this machine has no core to spare", file=sys.stderr)


def gate(build: Build, n: int, n_busy: int, arguments: Sequence[str] = ()) -> Counter[str]:
    """Count what the gate does on this build against the unchanged one, beside `n_busy` busy processes.

    The arguments are further ones of each run of pytest, such as ``-n 2``.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _save_baseline(folder)
        outcomes: Counter[str] = Counter()
        with busy(n_busy):
            for _ in range(n):
                run = pytest_run(folder, build.suite, *build.gate, *arguments)
                kind = outcome(run, build.worse)
                outcomes[kind] += 1
                if kind not in EXPECTED:
                    print(f"{build.name}, {n_busy} busy, {kind}:\n{run.stdout}", file=sys.stderr)
        return outcomes


WORKERS_SUITE = """
import pytest
from hypothesis import strategies as st
from pytest_gilcheck import Disagreement, specimens

MS = 1_000_000
INTS = st.integers(0, 2000).map(lambda n: (n,))

@pytest.mark.parametrize("work", [specimens.releases, specimens.holds, specimens.yields], ids=lambda work: work.__name__)
@pytest.mark.parametrize("ms", [5, 10, 20])
def test_word(gilcheck, work, ms):
    gilcheck(work, ms * MS)

@pytest.mark.parametrize("ms", [5, 10])
def test_partial(gilcheck, ms):
    gilcheck(specimens.releases_then_holds, ms * MS, ms * MS)

@pytest.mark.gilcheck(expect="held", overlap=False)
def test_marked():
    specimens.holds(5 * MS)

def test_agrees(gilcheck):
    gilcheck.agrees(specimens.releases, lambda _ns: None, INTS)
    gilcheck(specimens.releases, 5 * MS)

def test_differs(gilcheck):
    with pytest.raises(Disagreement):
        gilcheck.agrees(specimens.races, lambda n: min(n, 1000), INTS)
"""


def words(path: Path) -> dict[tuple[str, str], tuple[str, str, str]]:
    """Return the words of each check and each agreement: on the GIL, on agreement, on overlap."""
    by_test = {}
    for line in map(json.loads, path.read_text().splitlines()):
        if check := line.get("check"):
            verdict = check["verdict"]
            by_test[check["test"], check["name"]] = verdict["gil"], verdict["agreement"], verdict["overlap"]
        elif entry := line.get("agreement"):
            by_test[entry["test"], f"agreement of {entry['agreement']['name']}"] = "-", entry["agreement"]["word"], "-"
    return by_test


def workers(n: int, arguments: Sequence[str] = ("-n", "4")) -> Counter[str]:
    """Count how often the suite on several workers gives the same words as in one process, in one report.

    A busy machine may leave overlap inconclusive. Inconclusive on one side counts as the same, and two different words do
    not.
    """
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for _ in range(n):
            alone = pytest_run(folder, WORKERS_SUITE, "--gilcheck-json=alone.json")
            shared = pytest_run(folder, WORKERS_SUITE, "--gilcheck-json=shared.json", *arguments)
            if alone.returncode or shared.returncode:
                outcomes["failed run"] += 1
                print(alone.stdout, shared.stdout, shared.stderr, file=sys.stderr)
                continue
            if shared.stdout.count("agreement of ") != alone.stdout.count("agreement of "):
                outcomes["not one report"] += 1
                continue
            before, after = words(folder / "alone.json"), words(folder / "shared.json")
            other = {key: (before.get(key), after.get(key)) for key in before.keys() | after.keys()}
            other = {key: pair for key, pair in other.items() if not _are_same(*pair)}
            outcomes["other words" if other else "same"] += 1
            for key, pair in other.items():
                print(f"workers: {key}: {pair}", file=sys.stderr)
    return outcomes


def _are_same(one: tuple[str, str, str] | None, other: tuple[str, str, str] | None) -> bool:
    if one is None or other is None:
        return False
    return one[:2] == other[:2] and (one[2] == other[2] or "inconclusive" in (one[2], other[2]))
