"""The page's bars, a row each: ``python -m benchmarks.pictures [-n CHECKS] [--keep PATH]``.

A report of 1,000 checks is made of the saved observations of the tests, each with a timeline as long as a report keeps. The
page is written, opened and sorted in a headless Chromium, five times each, and the median is compared.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.pictures.chromium import Browser, chromium
from pytest_gilcheck.evidence import CallSpan, GilEvent, GilTimeline
from pytest_gilcheck.judge import judge
from pytest_gilcheck.judge.timeline import timeline_of
from pytest_gilcheck.report.html import html
from pytest_gilcheck.report.sentences import with_text
from pytest_gilcheck.store import json_report
from pytest_gilcheck.store.json_report import CheckEntry
from pytest_gilcheck.store.stream import Stream

CAPTURES = Path(__file__).parents[2] / "tests" / "captures"
AT_MOST_BYTES = 5_000_000
AT_MOST_MS = 2_000
N_TIMES = 5


def checks(n: int, *, seed: int = 15) -> Iterator[CheckEntry]:
    """Yield checks of which each has another name, and every second a timeline of as many events as a report keeps."""
    chance = random.Random(seed)  # noqa: S311  (no secret)
    captures = [entry for path in sorted(CAPTURES.glob("*.json")) for entry in Stream(path)]
    captured = [entry for entry in captures if isinstance(entry, CheckEntry)]
    for number in range(n):
        entry = captured[number % len(captured)]
        n_events = json_report.MAX_SAVED_EVENTS if number % 2 else chance.randrange(0, 40, 2)
        calls = tuple(
            call if number else _with_events(call, n_events, chance)
            for number, call in enumerate(entry.observation.calls)
        )
        observation = replace(entry.observation, calls=calls)
        verdict = with_text(judge(observation), observation)
        # The judge draws none whose holds are not those of its figures, which chance does not keep to.
        verdict = replace(verdict, timeline=next(filter(None, map(timeline_of, calls)), ""))
        test = f"tests/package/test_module_{number // 40}.py::TestClass{number % 7}::test_function[{number}]"
        yield replace(
            entry, test=test, file=test.partition("::")[0], line=number + 1, observation=observation, verdict=verdict
        )


def _with_events(call: CallSpan, n: int, chance: random.Random) -> CallSpan:
    length_ns = call.end_ns - call.start_ns
    at = sorted(chance.randrange(max(1, length_ns)) for _ in range(n))
    kinds = ("release", "wait", "take")
    threads = [chance.randrange(3) for _ in at]
    events = [
        GilEvent(at_ns, kinds[index % 3], thread) for index, (at_ns, thread) in enumerate(zip(at, threads, strict=True))
    ]
    return replace(call, timeline=GilTimeline(tuple(events), 0))


def _ms(browser: Browser, path: Path) -> tuple[float, float]:
    """Return how long the page takes to open, until it has been drawn, and to be sorted and drawn again."""
    browser.open(path.as_uri())
    drawn = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))"
    opened = browser.run(
        f"{drawn}.then(at => Math.max(at, performance.getEntriesByType('navigation')[0].loadEventEnd))"
    )
    browser.run("window.before = performance.now(); document.querySelectorAll('.sort')[2].click()")
    return opened, browser.run(drawn) - browser.run("window.before")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print. Return 0 where no bar is missed, 1 where one is, 3 where there is no browser."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pictures", description=__doc__)
    parser.add_argument("-n", type=int, default=1000, metavar="CHECKS", help="default: 1000")
    parser.add_argument("--keep", type=Path, metavar="PATH", help="keep the page there")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        path = options.keep or Path(folder) / "report.html"
        entries = list(checks(options.n))
        began = time.perf_counter()
        json_report.write(path, html(entries))
        made_s = time.perf_counter() - began
        n_bytes = path.stat().st_size
        print(f"| {options.n} checks | required | measured | |\n|---|---|---|---|")
        is_met = n_bytes <= AT_MOST_BYTES
        print(f"| size of the page | at most {AT_MOST_BYTES / 1e6:g} MB | {n_bytes / 1e6:.2f} MB | {_word(is_met)} |")
        print(f"| made in | - | {made_s:.1f} s | |")
        program = chromium()
        if program is None:
            print("| opened and sorted | | NOT MEASURED: there is no Chromium on PATH | |")
            return 3
        times, complaints = [], []
        for _ in range(N_TIMES):
            with Browser(program) as browser:
                times.append(_ms(browser, path.resolve()))
                complaints += browser.complaints
        for what, measured in zip(("opened and drawn", "sorted and drawn"), zip(*times, strict=True), strict=True):
            median = statistics.median(measured)
            is_met &= median <= AT_MOST_MS
            listed = ", ".join(f"{ms:.0f}" for ms in sorted(measured))
            print(
                f"| {what}, median of {N_TIMES} | at most {AT_MOST_MS} ms | {median:.0f} ms ({listed}) | {_word(median <= AT_MOST_MS)} |"
            )
        is_met &= not complaints
        print(f"| errors and warnings in the console | 0 | {len(complaints)} | {_word(not complaints)} |")
        return 0 if is_met else 1


def _word(is_met: bool) -> str:  # noqa: FBT001  (a word for a yes or no)
    return "met" if is_met else "missed"


if __name__ == "__main__":
    sys.exit(main())
