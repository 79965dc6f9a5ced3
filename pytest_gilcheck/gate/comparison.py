"""Two runs side by side: which checks became worse, and does that fail a gate?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Change, Comparison
from pytest_gilcheck.judge.drift import baseline_entry, baseline_entry_of_agreement, changes, is_beyond
from pytest_gilcheck.report.comparison import change_text
from pytest_gilcheck.store.json_report import AgreementEntry
from pytest_gilcheck.store.stream import keyed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_gilcheck.evidence import BaselineEntry, Tolerance
    from pytest_gilcheck.store.json_report import Entry

#: Exit status of `gilcheck compare`, and what it stands for.
SAME_OR_BETTER, WORSE, CANNOT_TELL = 0, 1, 3


def baseline_entries(entries: Iterable[Entry]) -> dict[str, BaselineEntry]:
    """What of these checks and agreements is compared: little, whatever the size of the document."""
    machines: dict[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = {}
    found = {}
    for key, entry in keyed(entries):
        if isinstance(entry, AgreementEntry):
            found[key] = baseline_entry_of_agreement(key, entry.agreement)
        else:
            made = baseline_entry(key, entry.observation, entry.verdict)
            # One for all checks of a machine: each with its own were a third of what a comparison keeps.
            found[key] = replace(made, machine_class=machines.setdefault(made.machine_class, made.machine_class))
    return found


def compare(before: dict[str, BaselineEntry], after: dict[str, BaselineEntry], names: tuple[str, str]) -> Comparison:
    """What changed?"""
    changed: list[Change] = []
    new: list[str] = []
    machines: dict[str, None] = {}
    n_checks = n_same = 0
    for key, now_stands in after.items():
        stood = before.get(key)
        if stood is None:
            new.append(key)
            continue
        n_checks += 1
        for (what, was), (_, now) in zip(stood.machine_class, now_stands.machine_class, strict=True):
            if was != now:
                machines[f"{what} {was} -> {now}"] = None
        for change in changes(stood, now_stands):
            if change.kind == "same":
                n_same += 1
            else:
                changed.append(change)
    return Comparison(
        *names,
        changes=tuple(changed),
        n_checks=n_checks,
        n_same=n_same,
        lost=tuple(key for key in before if key not in after),
        new=tuple(new),
        machines=tuple(machines),
    )


def status_of(comparison: Comparison) -> int:
    """Same or better, worse, or cannot tell?"""
    kinds = {change.kind for change in comparison.changes}
    if "worse" in kinds:
        return WORSE
    return CANNOT_TELL if "unknown" in kinds or comparison.lost or not comparison.n_checks else SAME_OR_BETTER


def failures(comparison: Comparison, tolerances: Sequence[Tolerance]) -> tuple[list[str], list[str]]:
    """Which changes overrun a tolerance, and which cannot be told? Both as sentences."""
    beyond, unknown = [], []
    if tolerances and not comparison.n_checks:
        beyond.append(
            f"nothing was compared with {comparison.before}: no check is in both (a gate that checked nothing fails)"
        )
    for change in comparison.changes:
        for tolerance in tolerances:
            if tolerance.figure != change.figure:
                continue
            is_worse = is_beyond(change, tolerance)
            if is_worse is None:
                unknown.append(f"{change_text(change)} (asked for by {tolerance})")
            elif is_worse:
                beyond.append(f"{change_text(change)}{_overrun(change, tolerance)}")
    return beyond, unknown


def _overrun(change: Change, tolerance: Tolerance) -> str:
    if change.least is None or change.base is None:
        return f" (limit: {tolerance})"
    allowed = tolerance.amount * abs(change.base) if tolerance.is_relative else tolerance.amount
    return f" (limit: {tolerance}, margin {allowed - change.least:.3g})"
