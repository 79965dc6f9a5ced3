"""The bars of an interpreter without a GIL: ``python3.13t -m benchmarks.free_threaded``.

Specimens whose thread is attached for 0, 0.25, 0.5, 0.75 and 1 of a call of 1 to 20 ms are judged, idle and beside busy
processes. A word is wrong if it is decided and is another one than the specimen's; bounds are wrong if the share lies
outside by more than 0.01. A share is recorded if native modules were seen to attach and detach the thread, and exact if
samples confirm that closely; its error is its distance from the specimen's share, and must not be more than 0.01 either. The
longest pause that a garbage collection suffers is shown for calls of 20 ms.

The races are those of the agreement: ``python3.13t -m benchmarks.agreement --runs 20 --pairs 1``.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Sequence

from benchmarks.ledger.load import busy
from pytest_gilcheck import check, specimens
from pytest_gilcheck.evidence import Verdict

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
LENGTHS_MS = (1, 2, 5, 10, 20)
#: How far a share may lie outside of its bounds: what a specimen does besides its work.
SLACK = 0.01
MS = 1_000_000


def specimen(share: float, length_ns: int) -> tuple[Callable[..., object], tuple[int, ...]]:
    """Return a function that is attached for this share of `length_ns`, and its arguments."""
    attached_ns = round(share * length_ns)
    if attached_ns == length_ns:
        return specimens.holds, (length_ns,)
    if not attached_ns:
        return specimens.releases, (length_ns,)
    return specimens.releases_then_holds, (length_ns - attached_ns, attached_ns)


def word_of(share: float) -> str:
    """Return the word that is right by construction."""
    return {0.0: "detached", 1.0: "attached"}.get(share, "partial")


def outcome(share: float, verdict: Verdict) -> str:
    """Return ``right``, ``inconclusive`` or ``wrong`` for the word of a verdict on a specimen of this share."""
    if verdict.attachment == "inconclusive":
        return "inconclusive"
    return "right" if verdict.attachment == word_of(share) else "wrong"


def is_covered(share: float, verdict: Verdict) -> bool:
    """Return whether the share lies inside the bounds, or there are none."""
    low, high = verdict.attached_share.low, verdict.attached_share.high
    return low is None or high is None or low - SLACK <= share <= high + SLACK


def measure(n_checks: int, n_busy: int) -> bool:
    """Judge so many specimens beside busy processes, print a row, and return whether it meets the bar."""
    checker = check.options(overlap=False)
    words: Counter[str] = Counter()
    n_outside, half_widths, pauses = 0, [], dict.fromkeys(SHARES, 0.0)
    errors: dict[str, list[float]] = {"exact": [], "bounded": []}
    cases = [(share, length) for length in LENGTHS_MS for share in SHARES]
    with busy(n_busy):
        for number in range(n_checks):
            share, length_ms = cases[number % len(cases)]
            function, arguments = specimen(share, length_ms * MS)
            verdict = checker(function, *arguments)
            found = outcome(share, verdict)
            words[found] += 1
            n_outside += not is_covered(share, verdict)
            if found == "wrong" or not is_covered(share, verdict):
                sys.stderr.write(f"  share {share} of {length_ms} ms: {verdict!r}\n")
            if verdict.attached_share.low is not None and verdict.attached_share.high is not None:
                half_widths.append((verdict.attached_share.high - verdict.attached_share.low) / 2)
            if verdict.instrument.name == "recorder" and verdict.attached_share.value is not None:
                errors[verdict.instrument.grade].append(abs(verdict.attached_share.value - share))
            if length_ms == max(LENGTHS_MS):
                pauses[share] = max(pauses[share], (verdict.longest_pause_ns or 0) / MS)
    width = f"{statistics.median(half_widths):.3f}" if half_widths else "-"
    shown = ", ".join(f"{pause:.1f}" for pause in pauses.values())
    counts = " | ".join(str(words[word]) for word in ("right", "inconclusive", "wrong"))
    recorded = " | ".join(f"{len(found)} | {max(found):.4f}" if found else "0 | -" for found in errors.values())
    sys.stdout.write(f"| {n_busy} | {n_checks} | {counts} | {n_outside} | {width} | {recorded} | {shown} |\n")
    sys.stdout.flush()
    return not words["wrong"] and not n_outside and max(errors["exact"], default=0.0) <= SLACK


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; the exit status says whether every bar is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checks", type=int, default=200, help="checks for each load (default: 200)")
    parser.add_argument("--busy", type=int, nargs="*", default=[0, 2], help="busy processes (default: 0 and 2)")
    options = parser.parse_args(arguments)
    if getattr(sys, "_is_gil_enabled", lambda: True)():
        parser.error("this interpreter has a GIL: run it with python3.13t")
    shares = ", ".join(f"{share:g}" for share in SHARES)
    sys.stdout.write(
        f"| busy processes | checks | right | inconclusive | wrong | outside of the bounds | half-width (median) | exact | "
        "largest error of them | recorded, with bounds | largest error of them | longest pause in ms, "
        f"attached for {shares} of 20 ms |\n|{'---|' * 12}\n"
    )
    met = [measure(options.checks, n_busy) for n_busy in options.busy]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
