"""The report as one HTML page, which needs nothing else: no network, no other file."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_gilcheck.evidence import own_version
from pytest_gilcheck.evidence.requirement import DECIDED_ATTACHMENTS, DECIDED_WORDS
from pytest_gilcheck.report import agreement as agreement_text
from pytest_gilcheck.report import where
from pytest_gilcheck.report.advice import advice
from pytest_gilcheck.report.answer import asks_overlap
from pytest_gilcheck.report.check import figures, requirements
from pytest_gilcheck.report.comparison import comparison_lines, finding_lines
from pytest_gilcheck.report.figures import counted, duration, percent, percent_at_most, share_bounds
from pytest_gilcheck.report.html_timelines import (
    Drawing,
    drawing_of,
    drawn_threads,
    said_of,
    strip,
    strip_text,
    timelines_json,
)
from pytest_gilcheck.report.intervals import shown_call
from pytest_gilcheck.report.tables import counts_text, row_name
from pytest_gilcheck.report.text import overlap_text
from pytest_gilcheck.store.baselines import keyed
from pytest_gilcheck.store.json_report import AgreementEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from jinja2 import Environment

    from pytest_gilcheck.evidence import Comparison, Finding, Machine, Verdict
    from pytest_gilcheck.store.json_report import CheckEntry, Entry

_HEADINGS = ("check", "GIL", "held", "max hold", "longest wait", "overlap", "agreement")
_NUMERIC = (2, 3, 4)


class _Cell(NamedTuple):
    """A cell of the table: what it shows and sorts by, or why it has no figure."""

    text: str = ""
    sort: str = ""
    kind: str = ""
    word: str = ""
    why: str = ""


def html(
    entries: Iterable[Entry],
    *,
    comparison: Comparison | None = None,
    findings: Sequence[Finding] = (),
    failures: Iterable[Sequence[str]] = (),
    notes: Iterable[str] = (),
) -> Iterator[str]:
    """Return the parts of the page.

    Args:
        entries: Checks and agreements in any order.
        comparison: The comparison with a baseline, if there was one.
        findings: What it means for the checks.
        failures: Why the gate fails: for each reason its lines.
        notes: What else the reader must know. It is read after the entries.

    Returns:
        Iterator[str]: Parts of the text, which can be written as UTF-8.
    """
    from markupsafe import Markup  # noqa: PLC0415  (it comes with jinja2)

    environment = _environment()
    template = environment.get_template("row.html.jinja")
    changed = None if comparison is None else _Changed(comparison, findings)
    rows: list[str] = []
    agreements: list[dict[str, Any]] = []
    drawings: dict[int, Drawing] = {}
    words: Counter[str] = Counter()
    agreement_words: Counter[str] = Counter()
    for key, entry in keyed(entries):
        if isinstance(entry, AgreementEntry):
            agreements.append(_agreement(entry))
            agreement_words[agreements[-1]["text"]] += 1
            continue
        number = len(rows) + 1
        words[entry.verdict.word] += 1
        call = shown_call(entry.observation, entry.verdict)
        said: list[str] = []
        if call is not None:
            threads, n_left_out = drawn_threads(call)
            drawings[number] = drawing_of(call, threads)
            said = list(said_of(call, threads, n_left_out))
        row = _row(entry, said, None if changed is None else changed.of(key))
        rows.append(Markup(template.render(row=row, number=number)))  # noqa: S704  (escaped by the template)
    script = _asset("page.js")
    page = environment.get_template("page.html.jinja").generate(
        version=own_version(),
        headline=counts_text(words, agreement_words),
        rows=rows,
        words=[(word, word.replace("_", " "), n) for word, n in words.most_common()],
        headings=[*_HEADINGS, *([] if changed is None else ["baseline"]), "over time"],
        numeric=_NUMERIC,
        agreements=agreements,
        failures=[(message, details) for message, *details in failures],
        comparison=None if changed is None else changed.section(),
        notes=list(notes),
        # Text of our own, none of a user's.
        timelines=Markup(timelines_json(drawings)),  # noqa: S704
        style=Markup(_asset("page.css")),  # noqa: S704
        script=Markup(script),  # noqa: S704
        script_hash="sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    # A name may have half of a surrogate pair, which no file can have.
    return (part.encode("utf-8", "replace").decode("utf-8") for part in page)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415  (only where a page is made)

    loader = PackageLoader("pytest_gilcheck.report")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _asset(name: str) -> str:
    return (resources.files("pytest_gilcheck.report") / "templates" / name).read_text(encoding="utf-8")


class _Changed:
    """What a comparison says about each check, and about all of them."""

    def __init__(self, comparison: Comparison, findings: Sequence[Finding]) -> None:
        self._comparison = comparison
        self._findings = findings
        self._new = frozenset(comparison.new)
        self._of_key: dict[str, list[Finding]] = {}
        for finding in findings:  # the most serious first
            self._of_key.setdefault(finding.check.entry.key, []).append(finding)

    def of(self, key: str) -> tuple[str, list[str]]:
        """Return the most serious kind of change of a check, and the lines about all of them."""
        found = self._of_key.get(key, [])
        lines = [line.strip() for finding in found for line in finding_lines(finding, self._comparison.before)]
        return (found[0].kind if found else "new" if key in self._new else "same"), lines

    def section(self) -> dict[str, Any]:
        """Return the values of the template for the section about the comparison."""
        headline, *rest = comparison_lines(self._comparison, self._findings, left_out=self._findings)
        lines = [(found.kind, list(finding_lines(found, self._comparison.before))) for found in self._findings]
        return {"headline": headline, "findings": lines, "rest": [line.strip() for line in rest]}


#: Kind of a change -> its word in the table.
_CHANGES = {"undecided": "inconclusive now", "no_baseline": "not compared"}


def _row(entry: CheckEntry, said: list[str], change: tuple[str, list[str]] | None) -> dict[str, Any]:
    """Return the values of the template for one check."""
    verdict, observation = entry.verdict, entry.observation
    title, _, function = row_name(entry).partition("\n  ")
    kind, changes = change or ("", [])
    cells = _cells(entry)
    if kind:
        cells.append(_Cell(_CHANGES.get(kind, kind), kind, word=f"change {kind}"))
    place = "" if entry.file is None else f"{entry.file}{'' if entry.line is None else f':{entry.line}'}"
    return {
        "title": title,
        "function": function,
        "gil": verdict.word,
        "failed": entry.failed,
        "change": kind,
        "changes": changes,
        "cells": cells,
        "strip": strip(verdict.timeline),
        "strip_width": len(verdict.timeline),
        "strip_text": strip_text(verdict.timeline),
        "diagnosis": verdict.diagnosis,
        "advice": advice(verdict),
        "failure": entry.failure,
        "threads": said,
        "steps": list(where.steps(verdict.where)),
        "figures": [*_figures(entry), *requirements(observation, verdict)],
        "notes": [
            (note.slug, "" if note.detail in verdict.diagnosis else " ".join(note.detail.split()))
            for note in verdict.notes
        ],
        "place": place,
        "machine": _machine(verdict.machine),
    }


def _cells(entry: CheckEntry) -> list[_Cell]:
    verdict, is_decided = entry.verdict, entry.verdict.gil in DECIDED_WORDS
    is_overlap_shown = verdict.overlap != "inconclusive" or asks_overlap(entry.observation.claim)
    overlap, agreement = overlap_text(verdict), verdict.agreement
    return [
        _Cell(verdict.word.replace("_", " "), verdict.word, word=verdict.word),
        _held(verdict),
        _time(verdict.longest_hold_ns, is_decided=is_decided),
        _time(verdict.longest_wait_ns, is_decided=is_decided),
        _Cell(overlap, overlap, word=verdict.overlap)
        if overlap != "-" and is_overlap_shown
        else _Cell(why="not measured" if overlap == "-" else "inconclusive, and no claim asks for it"),
        _Cell(why="not checked")
        if agreement == "not_checked"
        else _Cell(agreement_text.WORDS.get(agreement, agreement), agreement, word=agreement),
    ]


def _held(verdict: Verdict) -> _Cell:
    share = verdict.held_share
    if verdict.attachment in DECIDED_ATTACHMENTS and verdict.attached_share.value is not None:
        value = verdict.attached_share.value
        return _Cell(percent(value), repr(float(value)), "number")
    if share.value is None or share.high is None:
        return _Cell(kind="number", why="not measured")
    if verdict.gil not in DECIDED_WORDS:
        return _Cell(kind="number", why="not decided")
    # Without the ledger only the most is known.
    text = percent(share.value) if verdict.n_calls else f"at most {percent_at_most(share.high)}"
    return _Cell(text, repr(float(share.value)), "number")


def _time(ns: int | None, *, is_decided: bool) -> _Cell:
    if ns is None or not is_decided:
        return _Cell(kind="number", why="not measured" if ns is None else "not decided")
    return _Cell(duration(ns), str(ns), "number")


#: Figures that say nothing of a call whose word is not decided, unless that is said with them.
_OF_HOLDING = ("longest hold", "longest wait", "releases")


def _figures(entry: CheckEntry) -> Iterator[tuple[str, str]]:
    verdict, share = entry.verdict, entry.verdict.held_share
    for title, text in figures(entry.observation, verdict):
        if verdict.gil not in DECIDED_WORDS and title == "held":
            bounds = None if share.low is None or share.high is None else share_bounds(share.low, share.high)
            yield title, f"not decided{f': between {bounds} %' if bounds and share.low != share.high else ''}"
        elif verdict.gil not in DECIDED_WORDS and title in _OF_HOLDING:
            yield title, f"not decided; in the recorded calls: {text}"
        else:
            yield title, text


def _machine(machine: Machine) -> str:
    return f"{machine.implementation} {machine.python}, {machine.cpu}, {counted(machine.n_cpus, 'usable core')}"


def _agreement(entry: AgreementEntry) -> dict[str, Any]:
    agreement = entry.agreement
    title, _, function = row_name(entry).partition("\n  ")
    return {
        "title": title,
        "function": function,
        "word": agreement.word,
        "text": agreement_text.WORDS.get(agreement.word, agreement.word),
        "lines": "" if agreement.difference is None else agreement_text.message(agreement),
        "counts": [f"{n:,}" for n in (agreement.n_examples, agreement.n_calls, agreement.n_threads)],
    }
