"""Comparisons of two runs as text."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Estimate
from pytest_gilcheck.evidence.requirement import REQUIREMENTS, WORDS
from pytest_gilcheck.report import where
from pytest_gilcheck.report.agreement import WORDS as AGREEMENT_WORDS
from pytest_gilcheck.report.figures import percent

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from pytest_gilcheck.evidence import BaselineEntry, Change, Comparison, Finding

#: So many new checks are named.
_MOST_NAMES = 5

_TITLES = {"gil": "GIL", "overlap": "overlap", "agreement": "results"}
_UNITS: dict[str, str] = {}
for _requirement in REQUIREMENTS:
    if _requirement.is_compared:
        _TITLES.setdefault(_requirement.figure, _requirement.title)
        _UNITS[_requirement.figure] = _requirement.unit

#: What a summary calls the kinds of findings.
_COUNTED = {
    "worse": "worse",
    "undecided": "inconclusive now",
    "no_baseline": "not compared",
    "better": "better",
}


def comparison_lines(
    comparison: Comparison, findings: Sequence[Finding], *, left_out: Collection[Finding] = ()
) -> Iterator[str]:
    """Yield the lines of a comparison.

    Args:
        comparison: The comparison.
        findings: What it means for its checks, the most serious first.
        left_out: Findings that are reported elsewhere. They are counted, and have no line here.

    Yields:
        str: A line without its line end. Lines below the first one are indented.
    """
    yield _counts(comparison, findings)
    if comparison.machines:
        yield f"  ANOTHER CLASS OF MACHINE: {'; '.join(comparison.machines)}. Words and shares compare, speed-ups may not."
    for finding in findings:
        if finding not in left_out:
            yield from (f"  {line}" for line in finding_lines(finding, comparison.before))
    if comparison.new:
        n, names = len(comparison.new), ", ".join(comparison.new[:_MOST_NAMES])
        yield f"  new: {names}{f' and {n - _MOST_NAMES} more' if n > _MOST_NAMES else ''}"
    if comparison.n_not_run:
        n = comparison.n_not_run
        yield f"  {n} check{'' if n == 1 else 's'} of {comparison.before} not compared: this run did not run their tests to the end"
    if comparison.n_examples:
        yield f"  {comparison.n_examples} checks under @given not compared: their examples differ from run to run"


def _counts(comparison: Comparison, findings: Sequence[Finding]) -> str:
    kind_of_check: dict[str, str] = {}
    for finding in findings:  # the most serious first
        if finding.check.after is not None:
            kind_of_check.setdefault(finding.check.entry.key, finding.kind)
    n_of_kind = Counter(kind_of_check.values())
    n_of_kind["same"] = comparison.n_checks - len(kind_of_check)
    parts = [f"{n_of_kind[kind]} {text}" for kind, text in {**_COUNTED, "same": "same"}.items() if n_of_kind[kind]]
    n_checks = comparison.n_checks
    both = f"{n_checks} check{'' if n_checks == 1 else 's'} in both"
    parts += [f"{n} {what}" for n, what in ((len(comparison.gone), "gone"), (len(comparison.new), "new")) if n]
    return f"{comparison.after} compared with {comparison.before}: {both}{': ' if parts else ''}{', '.join(parts)}"


def finding_lines(finding: Finding, baseline: str) -> Iterator[str]:
    """Yield what a finding says: the check with what was and what is and, where it is worse, the line that holds the GIL.

    Args:
        finding: The finding.
        baseline: Name of the first run.

    Yields:
        str: A line without its line end. Lines below the first one are indented.
    """
    check, key = finding.check, finding.check.entry.key
    if check.before is None or check.after is None:
        word = _was(check.entry)
        if finding.kind == "gone":
            yield f"GONE: {key}: {word} in {baseline}, and not checked now; if that is meant, save a new baseline"
        else:
            yield f"{key}: {word} in {baseline}, and not checked now"
        return
    if finding.kind in ("undecided", "no_baseline"):
        parts = [_undecided(change, baseline) for change in finding.changes]
        label = "INCONCLUSIVE: " if finding.kind == "undecided" else ""
        yield f"{label}{key}: {'; '.join(parts)}"
        return
    parts = [_changed(change) for change in finding.changes]
    # The figure behind a word, unless it is there anyway.
    shown = {change.figure for change in finding.changes}
    for word, figure in (("gil", "held_share"), ("overlap", "speedup")):
        before, after = getattr(check.before, figure), getattr(check.after, figure)
        if word in shown and figure not in shown and before.measured and after.measured:
            parts.append(f"{_TITLES[figure]} {_figure(figure, before)} -> {_figure(figure, after)}")
    limits = [str(tolerance) for tolerance in finding.tolerances if tolerance.figure not in WORDS]
    allowed = f" (limit: {', '.join(limits)})" if limits else ""
    yield f"{finding.kind.upper() if finding.kind == 'worse' else finding.kind}: {key}: {', '.join(parts)}{allowed}"
    if finding.kind == "worse":
        if "agreement" in shown and check.after.difference:
            yield f"    {check.after.difference}"
        if shown & {"gil", "held_share", "longest_hold_share"}:
            yield from (f"    {line.strip()}" for line in where.lines(check.after.where))


def other_changes(comparison: Comparison, findings: Sequence[Finding]) -> Iterator[str]:
    """Yield a line for each check with changes that nobody asked for, and that therefore are in none of the findings."""
    counted = {(finding.check.entry.key, change.figure) for finding in findings for change in finding.changes}
    for check in comparison.changed:
        key = check.entry.key
        changes = [
            change
            for change in check.changes
            if (key, change.figure) not in counted and change.kind in ("worse", "better")
        ]
        if changes:
            yield f"  for information: {key}: {', '.join(map(_changed, changes))}"


def _changed(change: Change) -> str:
    return f"{_TITLES[change.figure]} {_figure(change.figure, change.before)} -> {_figure(change.figure, change.after)}"


def _undecided(change: Change, baseline: str) -> str:
    title, before, after = (
        _TITLES[change.figure],
        _figure(change.figure, change.before),
        _figure(change.figure, change.after),
    )
    if change.kind == "undecided":
        return f"{title} {before} in {baseline}, {after} now"
    if before == after:
        return f"{title} {before} in both runs, not compared"
    return f"{title} {before} in {baseline}, {after} now, not compared"


def _was(entry: BaselineEntry) -> str:
    word = entry.gil if entry.agreement == "not_checked" else entry.agreement
    return f"{_TITLES['gil' if entry.agreement == 'not_checked' else 'agreement']} {_word(word)}"


def _word(word: str) -> str:
    return AGREEMENT_WORDS.get(word, word.replace("_", " "))


def _figure(figure: str, value: str | Estimate) -> str:
    """Return a word, or a figure without its bounds, which the reports of the two runs have."""
    if not isinstance(value, Estimate):
        return _word(value)
    if value.value is None:
        return "not measured"
    return percent(min(1.0, value.value)) if _UNITS[figure] == "share" else f"{value.value:.2f}x"
