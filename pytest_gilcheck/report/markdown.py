"""The report as Markdown: for a job's summary, a pull request, a wiki."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_gilcheck.evidence.figures import duration
from pytest_gilcheck.report.text import limit_text, margin_text, share_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_gilcheck.gate.comparison import Comparison
    from pytest_gilcheck.report.document import Check


def markdown(
    checks: Iterable[Check], *, comparison: Comparison | None = None, failures: Sequence[str] = ()
) -> Iterator[str]:
    """The report, line by line, without line ends."""
    yield "## gilcheck"
    yield ""
    for failure in failures:
        yield f"- **The gate fails:** {escaped(failure)}"
    if failures:
        yield ""
    yield "| check | GIL | held | longest hold | speed-up | claim | margin |"
    yield "|---|---|---|---|---|---|---|"
    told: list[str] = []
    for check in checks:
        verdict = check.verdict
        name = f"{check.origin}: {check.name}" if check.origin else check.name
        hold = "-" if verdict.longest_hold_ns is None else duration(verdict.longest_hold_ns)
        speedup = f"{verdict.speedup.value:.3g}" if verdict.speedup.value is not None else "-"
        cells = (name, verdict.gil, share_text(verdict.held_share), hold, speedup, _claim(check), margin_text(verdict))
        yield f"| {' | '.join(escaped(cell) for cell in cells)} |"
        if check.failed or verdict.claim_met is False or verdict.gil == "inconclusive":
            told.append(f"- **{escaped(name)}**: {escaped(verdict.diagnosis)}")
            told += [f"  - {escaped(limit_text(limit))}" for limit in verdict.limits if not limit.met]
            told += [f"  - `{note.slug}` {escaped(note.detail)}".rstrip() for note in verdict.notes]
    if told:
        yield ""
        yield from told
    if comparison is not None:
        yield ""
        yield "### Compared with a baseline"
        yield ""
        yield "```text"
        yield from comparison.lines()
        yield "```"


def _claim(check: Check) -> str:
    if not check.verdict.limits:
        return "-"
    return {True: "met", False: "NOT met", None: "undecided"}[check.verdict.claim_met]


def escaped(text: str) -> str:
    """A text that Markdown, and a table's cell, show as it is."""
    for sign in "\\`*_[]<>|":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())
