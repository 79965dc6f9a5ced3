"""The report as Markdown: for a job's summary, a pull request, a wiki."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_gilcheck.report import agreement as agreement_text
from pytest_gilcheck.report.comparison import comparison_lines
from pytest_gilcheck.report.figures import duration
from pytest_gilcheck.report.text import limit_text, margin_text, share_text
from pytest_gilcheck.store.json_report import AgreementEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_gilcheck.evidence import Comparison
    from pytest_gilcheck.store.json_report import Check, Entry


def markdown(
    entries: Iterable[Entry], *, comparison: Comparison | None = None, failures: Sequence[str] = ()
) -> Iterator[str]:
    """The report, line by line, without line ends. Of `entries`, agreements come after the checks."""
    yield "## gilcheck"
    yield ""
    for failure in failures:
        yield f"- **The gate fails:** {escaped(failure)}"
    if failures:
        yield ""
    yield from _entries(entries)
    if comparison is not None:
        yield ""
        yield "### Compared with a baseline"
        yield ""
        yield "```text"
        yield from comparison_lines(comparison)
        yield "```"


_OF_CHECKS = ("| check | GIL | held | longest hold | speed-up | claim | margin |", "|---|---|---|---|---|---|---|")
_OF_AGREEMENTS = ("| agreement of | answers | examples | calls | threads |", "|---|---|---|---|---|")


def _entries(entries: Iterable[Entry]) -> Iterator[str]:
    """A table of the checks and one of the agreements, each followed by what is to be told of its rows."""
    heading: tuple[str, str] | None = None
    told: list[str] = []
    for entry in entries:
        wanted = _OF_AGREEMENTS if isinstance(entry, AgreementEntry) else _OF_CHECKS
        if heading is not wanted:
            yield from _told(told)
            yield from ((*wanted,) if heading is None else ("", *wanted))
            heading, told = wanted, []
        row, more = _of_answers(entry) if isinstance(entry, AgreementEntry) else _of_check(entry)
        yield f"| {' | '.join(escaped(cell) for cell in row)} |"
        told += more
    if heading is None:
        yield from _OF_CHECKS
    yield from _told(told)


def _told(told: list[str]) -> Iterator[str]:
    if told:
        yield ""
        yield from told


def _name(entry: Entry) -> str:
    return f"{entry.origin}: {entry.name}" if entry.origin else entry.name


def _of_check(check: Check) -> tuple[tuple[str, ...], list[str]]:
    """A row's cells, and what is told below the table."""
    verdict, name = check.verdict, _name(check)
    hold = "-" if verdict.longest_hold_ns is None else duration(verdict.longest_hold_ns)
    speedup = f"{verdict.speedup.value:.3g}" if verdict.speedup.value is not None else "-"
    row = (name, verdict.gil, share_text(verdict.held_share), hold, speedup, _claim(check), margin_text(verdict))
    told = []
    if check.failed or verdict.claim_met is False or verdict.gil == "inconclusive":
        told.append(f"- **{escaped(name)}**: {escaped(verdict.diagnosis)}")
        told += [f"  - {escaped(limit_text(limit))}" for limit in verdict.limits if not limit.met]
        told += [f"  - `{note.slug}` {escaped(note.detail)}".rstrip() for note in verdict.notes]
    return row, told


def _of_answers(entry: AgreementEntry) -> tuple[tuple[str, ...], list[str]]:
    """The same of an agreement."""
    agreement = entry.agreement
    word = agreement_text.WORDS.get(agreement.word, agreement.word)
    counts = (agreement.n_examples, agreement.n_calls, agreement.n_threads)
    row = (_name(entry), word, *(f"{n:,}" for n in counts))
    return row, [] if agreement.difference is None else [f"- {escaped(agreement_text.line(agreement))}"]


def _claim(check: Check) -> str:
    if not check.verdict.limits:
        return "-"
    return {True: "met", False: "NOT met", None: "undecided"}[check.verdict.claim_met]


def escaped(text: str) -> str:
    """A text that Markdown, and a table's cell, show as it is."""
    for sign in "\\`*_[]<>|":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())
