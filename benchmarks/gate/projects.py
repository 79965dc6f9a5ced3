"""A project whose builds regress, the runs of its gate, and the same suite on several workers."""

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

#: Keeps what it works on in one place for all threads, and lets the GIL go meanwhile: what a static buffer in C does.
#: It sleeps and does not yield its processor: beside busy processes each yield would cost a whole turn of theirs. (A
#: shared counter is no good subject: threads that take turns evenly read and write in lock-step, and all count right.)
RACE = """global scratch
    scratch = min(n, 1000)
    time.sleep(1e-4)
    return scratch"""


@dataclass(frozen=True)
class Build:
    """One state of the project: the bodies of its two functions, and which of them has become worse."""

    name: str
    search: str = "specimens.releases(ns)"
    count: str = "return min(n, 1000)"
    worse: str | None = None

    @property
    def suite(self) -> str:
        """Its tests."""
        return SUITE.format(search=self.search, count=self.count)


UNCHANGED = Build("unchanged")
REGRESSED = (
    replace(UNCHANGED, name="release removed", search="specimens.holds(ns)", worse="search"),
    replace(UNCHANGED, name="lock added", search="with LOCK:\n        specimens.releases(ns)", worse="search"),
    replace(UNCHANGED, name="race added", count=RACE, worse="count"),
)
#: So often is a baseline made until it decides.
_MOST_BASELINES = 5

GATE = (
    "--gilcheck-compare=main",
    "--gilcheck-compare-fail=gil",
    "--gilcheck-compare-fail=overlap",
    "--gilcheck-compare-fail=agreement",
    "--gilcheck-compare-fail=held_share:0.05",
    "--gilcheck-compare-fail=speedup:25%",
)


def pytest_run(folder: Path, suite: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One run of a suite's gate."""
    (folder / "test_it.py").write_text(suite)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={folder}", "--gilcheck"]
    return subprocess.run([*command, *arguments, str(folder)], capture_output=True, text=True, check=False, cwd=folder)


def outcome(run: subprocess.CompletedProcess[str], worse: str | None) -> str:
    """What has the gate done? It fails as it should where a line names function and limit, and one of them the margin, or
    the wrong answer in place of the right one."""
    if run.returncode == 0:
        return "passes"
    lines = [line for line in run.stdout.splitlines() if line.startswith("gilcheck: WORSE: ") and "(limit: " in line]
    named = [line for line in lines if worse and worse in line.partition(" -> ")[0]]
    if any("margin " in line or ": expected " in line for line in named):
        return "fails"
    if named:
        return "fails without margin"
    if lines:
        return "fails on another"
    return "cannot tell" if ", not compared" in run.stdout else "other"


def _save_baseline(folder: Path) -> None:
    """As a maintainer would: one that decides whether calls overlap. Against another, nothing can be told of overlap."""
    for _ in range(_MOST_BASELINES):
        saved = pytest_run(folder, UNCHANGED.suite, "--gilcheck-save=main", "--gilcheck-json=main.json")
        if saved.returncode != 0:
            raise SystemExit(saved.stdout)
        if any(overlap == "overlaps" for _, _, overlap in words(folder / "main.json").values()):
            return
    print(f"no baseline of {_MOST_BASELINES} saw calls overlap: this machine has no core to spare", file=sys.stderr)


def gate(build: Build, n: int, n_busy: int) -> Counter[str]:
    """How often does the gate do what, on this build against the unchanged one, beside `n_busy` busy processes?"""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        _save_baseline(folder)
        found: Counter[str] = Counter()
        with busy(n_busy):
            for _ in range(n):
                run = pytest_run(folder, build.suite, *GATE)
                kind = outcome(run, build.worse)
                found[kind] += 1
                if kind not in ("passes", "fails", "cannot tell"):
                    print(f"{build.name}, {n_busy} busy, {kind}:\n{run.stdout}", file=sys.stderr)
        return found


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
    """Each check's and each agreement's words: of the GIL, of results, of overlap."""
    found = {}
    for line in map(json.loads, path.read_text().splitlines()):
        if check := line.get("check"):
            verdict = check["verdict"]
            found[check["test"], check["name"]] = verdict["gil"], verdict["agreement"], verdict["overlap"]
        elif entry := line.get("agreement"):
            found[entry["test"], f"agreement of {entry['agreement']['name']}"] = "-", entry["agreement"]["word"], "-"
    return found


def workers(n: int, arguments: Sequence[str] = ("-n", "4")) -> Counter[str]:
    """How often does the suite on several workers give the words that it gives alone, in one report?

    Overlap needs quiet, which a busy machine does not give: undecided on one side is counted as the same, two different
    words are not.
    """
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for _ in range(n):
            alone = pytest_run(folder, WORKERS_SUITE, "--gilcheck-json=alone.json")
            shared = pytest_run(folder, WORKERS_SUITE, "--gilcheck-json=shared.json", *arguments)
            if alone.returncode or shared.returncode:
                found["failed run"] += 1
                print(alone.stdout, shared.stdout, shared.stderr, file=sys.stderr)
                continue
            if shared.stdout.count("agreement of ") != alone.stdout.count("agreement of "):
                found["not one report"] += 1
                continue
            before, after = words(folder / "alone.json"), words(folder / "shared.json")
            other = {key: (before.get(key), after.get(key)) for key in before.keys() | after.keys()}
            other = {key: pair for key, pair in other.items() if not _are_same(*pair)}
            found["other words" if other else "same"] += 1
            for key, pair in other.items():
                print(f"workers: {key}: {pair}", file=sys.stderr)
    return found


def _are_same(one: tuple[str, str, str] | None, other: tuple[str, str, str] | None) -> bool:
    if one is None or other is None:
        return False
    return one[:2] == other[:2] and (one[2] == other[2] or "inconclusive" in (one[2], other[2]))
