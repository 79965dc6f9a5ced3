"""The report as Markdown, for the summary of a job, a pull request or a wiki."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_gilcheck.evidence.requirement import DECIDED_ATTACHMENTS, DECIDED_WORDS
from pytest_gilcheck.report import agreement as agreement_text
from pytest_gilcheck.report.figures import duration
from pytest_gilcheck.report.tables import row_name
from pytest_gilcheck.report.text import limit_text, margin_text, overlap_text, share_text
from pytest_gilcheck.store.json_report import AgreementEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_gilcheck.store.json_report import CheckEntry, Entry


def markdown(
    entries: Iterable[Entry], *, comparison: Iterable[str] | None = None, failures: Iterable[Sequence[str]] = ()
) -> Iterator[str]:
    """Yield the lines of the report: a table of the checks, a table of the agreements, and the comparison.

    Args:
        entries: Checks and agreements in any order.
        comparison: The lines of the comparison with a baseline, if there was one.
        failures: Why the gate fails: for each reason its lines.

    Yields:
        str: A line without its line end.
    """
    yield "## gilcheck"
    yield ""
    has_failures = False
    for message, *details in failures:
        has_failures = True
        yield f"- **The gate fails:** {escaped(message)}"
        yield from (f"  - {escaped(detail)}" for detail in details)
    if has_failures:
        yield ""
    yield from _entries(entries)
    if comparison is not None:
        yield ""
        yield "### Compared with a baseline"
        yield ""
        yield "```text"
        yield from comparison
        yield "```"


_OF_CHECKS = ("| check | GIL | held | max hold | overlap | claim | margin |", "|---|---|---|---|---|---|---|")
_OF_AGREEMENTS = ("| agreement of | results | examples | calls | threads |", "|---|---|---|---|---|")


def _entries(entries: Iterable[Entry]) -> Iterator[str]:
    """Yield a table of the checks, then one of the agreements, each with what is to be said of its rows below it.

    The rows of checks are yielded as they come. Those of agreements wait as text: a session has few, and they are short.
    """
    agreements: list[str] = []
    below: list[str] = []
    below_agreements: list[str] = []
    has_checks = False
    for entry in entries:
        if isinstance(entry, AgreementEntry):
            cells, details = _of_agreement(entry)
            agreements.append(_row(cells))
            below_agreements += details
            continue
        if not has_checks:
            yield from _OF_CHECKS
            has_checks = True
        cells, details = _of_check(entry)
        yield _row(cells)
        below += details
    if not has_checks and not agreements:
        yield from _OF_CHECKS
    if below:
        yield from ("", *below)
    if agreements:
        yield from (*([""] if has_checks else []), *_OF_AGREEMENTS, *agreements)
    if below_agreements:
        yield from ("", *below_agreements)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(escaped(cell) for cell in cells)} |"


def _of_check(check: CheckEntry) -> tuple[tuple[str, ...], list[str]]:
    """Return the cells of a row, and the lines about it below the table."""
    verdict, name = check.verdict, row_name(check).replace("\n ", "")
    is_decided = verdict.gil in DECIDED_WORDS
    hold = duration(verdict.longest_hold_ns) if is_decided and verdict.longest_hold_ns is not None else "-"
    share = share_text(verdict.held_share) if is_decided else "-"
    if verdict.attachment in DECIDED_ATTACHMENTS:
        share = share_text(verdict.attached_share)
    row = (
        name,
        verdict.word.replace("_", " "),
        share,
        hold,
        overlap_text(verdict),
        _claim(check),
        margin_text(verdict),
    )
    details = []
    if check.failed or verdict.claim_met is False or verdict.word == "inconclusive":
        details.append(f"- **{escaped(name)}**: {escaped(verdict.diagnosis)}")
        details += [f"  - {escaped(limit_text(limit))}" for limit in verdict.limits if not limit.met]
        details += [
            f"  - `{note.slug}` {'' if note.detail in verdict.diagnosis else escaped(note.detail)}".rstrip()
            for note in verdict.notes
        ]
    return row, details


def _of_agreement(entry: AgreementEntry) -> tuple[tuple[str, ...], list[str]]:
    """Return the same of an agreement."""
    agreement = entry.agreement
    word = agreement_text.WORDS.get(agreement.word, agreement.word)
    counts = (agreement.n_examples, agreement.n_calls, agreement.n_threads)
    row = (row_name(entry).replace("\n ", ""), word, *(f"{n:,}" for n in counts))
    return row, [] if agreement.difference is None else [f"- {escaped(agreement_text.line(agreement))}"]


def _claim(check: CheckEntry) -> str:
    if not check.verdict.limits:
        return "-"
    return {True: "met", False: "FAILED", None: "inconclusive"}[check.verdict.claim_met]


def escaped(text: str) -> str:
    """Return a text that Markdown shows as it is, in the cell of a table too."""
    for sign in "\\`*_[]<>|":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())
