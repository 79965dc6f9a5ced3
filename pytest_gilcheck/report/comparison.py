"""Comparisons of two runs as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_gilcheck.evidence import Change, Comparison


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    """Yield the lines of a comparison."""

    def n(kind: str) -> int:
        return sum(change.kind == kind for change in comparison.changes)

    n_checks = comparison.n_checks
    yield (
        f"{comparison.after} compared with {comparison.before}: {n_checks} check{'' if n_checks == 1 else 's'} in both; "
        f"{n('worse')} worse, {n('better')} better, {comparison.n_same} same, {n('unknown')} not compared"
    )
    if comparison.machines:
        yield f"ANOTHER CLASS OF MACHINE: {'; '.join(comparison.machines)}. Shares of time compare, speed-ups with care."
    for kind in ("worse", "unknown", "better"):
        for change in comparison.changes:
            if change.kind == kind:
                yield f"  {change_text(change)}"
    for what, keys in (("only in the first", comparison.lost), ("only in the second", comparison.new)):
        for key in keys:
            yield f"  {what}: {key}"
    if not n_checks:
        yield "  nothing was compared: no check is in both"


def change_text(change: Change) -> str:
    """Return one change in one line."""
    if change.kind == "unknown":
        return f"{change.key}: {change.figure} {change.why}, not compared"
    kind = "WORSE" if change.kind == "worse" else change.kind
    text = f"{kind}: {change.key}: {change.figure} {change.before} -> {change.after}"
    return f"{text} ({change.why})" if change.why else text
