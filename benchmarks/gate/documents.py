"""Measures seconds and peak memory of each verb on JSON reports of different sizes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gate.projects import UNCHANGED, pytest_run

#: Prints the peak memory of this process image. (getrusage gives the parent's peak where that was larger: it outlives exec.)
_MEASURED = (
    "import re, sys; from pathlib import Path; from pytest_gilcheck.__main__ import main; s = main(sys.argv[1:]); "
    "print(re.search(r'VmHWM:\\s*(\\d+)', Path('/proc/self/status').read_text())[1], file=sys.stderr); sys.exit(s)"
)


@dataclass(frozen=True)
class Cost:
    """The time and the peak memory of one verb."""

    seconds: float
    peak_mb: int


def grown(one: Path, n: int, to: Path) -> None:
    """Write to `to` a report with each check and each agreement of `one` `n` times, each time of another test."""
    with to.open("w") as file:
        for line in one.read_text().splitlines(keepends=True):
            is_entry = line.startswith(('{"check"', '{"agreement"'))
            file.writelines(line.replace("::test_", f"::test_{index}_") for index in range(n if is_entry else 1))


def verbs(report: Path) -> dict[str, list[str]]:
    """Return the commands that read a report, under their names."""
    file = str(report)
    return {
        "show -q": ["show", "-q", file],
        "show -f markdown": ["show", "-f", "markdown", file],
        "compare": ["compare", file, file],
        "merge": ["merge", file, "-o", f"{file}.merged"],
    }


def costs(small: int, large: int) -> dict[str, tuple[Cost, Cost]]:
    """Measure each verb on a small report and on a large one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = pytest_run(folder, UNCHANGED.suite, "--gilcheck-json=one.json")
        if run.returncode != 0:
            raise SystemExit(run.stdout)
        for n in (small, large):
            grown(folder / "one.json", n, folder / f"{n}.json")
        few, many = verbs(folder / f"{small}.json"), verbs(folder / f"{large}.json")
        return {verb: (_cost(few[verb]), _cost(many[verb])) for verb in few}


def _cost(arguments: list[str]) -> Cost:
    begin = time.perf_counter()
    run = subprocess.run([sys.executable, "-c", _MEASURED, *arguments], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begin
    if run.returncode not in (0, 3):  # 3: some checks are inconclusive
        raise SystemExit(run.stderr)
    return Cost(seconds, int(run.stderr.strip().splitlines()[-1]) // 1024)
