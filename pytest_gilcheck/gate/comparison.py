"""Comparison of two runs: which checks became worse, and whether that fails a gate."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Change, Comparison
from pytest_gilcheck.judge.drift import baseline_entry, baseline_entry_of_agreement, changes, is_beyond
from pytest_gilcheck.report.comparison import change_text
from pytest_gilcheck.store.json_report import AgreementEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_gilcheck.evidence import BaselineEntry, Tolerance
    from pytest_gilcheck.store.json_report import Entry


def keyed(entries: Iterable[Entry]) -> Iterator[tuple[str, Entry]]:
    """Yield each entry under a key that is the same in the next run.

    The key has the origin, the test and the name of the entry, and a number where several have the same of these.
    """
    n_of_key: dict[str, int] = {}
    for entry in entries:
        # A marked test is checked under its own name.
        is_body = entry.test is not None and entry.name == entry.test.rpartition("/")[2]
        name = f"agreement of {entry.name}" if isinstance(entry, AgreementEntry) else ("" if is_body else entry.name)
        key = " ".join(filter(None, (f"[{entry.origin}]" if entry.origin else "", entry.test or "", name)))
        n = n_of_key[key] = n_of_key.get(key, 0) + 1
        yield (key if n == 1 else f"{key} #{n}"), entry


def baseline_entries(entries: Iterable[Entry]) -> dict[str, BaselineEntry]:
    """Return by its key what is compared of each check and agreement: little, whatever the size of the report."""
    machine_classes: dict[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = {}
    by_key: dict[str, BaselineEntry] = {}
    for key, entry in keyed(entries):
        if isinstance(entry, AgreementEntry):
            by_key[key] = baseline_entry_of_agreement(key, entry.agreement)
        else:
            compared = baseline_entry(key, entry.observation, entry.verdict)
            # All checks of a machine share one: a copy for each was a third of what a comparison keeps.
            machine_class = machine_classes.setdefault(compared.machine_class, compared.machine_class)
            by_key[key] = replace(compared, machine_class=machine_class)
    return by_key


def compare(before: dict[str, BaselineEntry], after: dict[str, BaselineEntry], names: tuple[str, str]) -> Comparison:
    """Return what changed between two runs.

    Args:
        before: Entries of the first run by their keys.
        after: Entries of the second run by their keys.
        names: Names of the two runs, for reports.

    Returns:
        Comparison: The changes, and which checks only one of the runs has.
    """
    changed: list[Change] = []
    new: list[str] = []
    machines: dict[str, None] = {}  # a set that keeps its order
    n_checks = n_same = 0
    for key, now in after.items():
        then = before.get(key)
        if then is None:
            new.append(key)
            continue
        n_checks += 1
        for (what, value_then), (_, value_now) in zip(then.machine_class, now.machine_class, strict=True):
            if value_then != value_now:
                machines[f"{what} {value_then} -> {value_now}"] = None
        for change in changes(then, now):
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


def failures(comparison: Comparison, tolerances: Sequence[Tolerance]) -> tuple[list[str], list[str]]:
    """Return the changes that overrun a tolerance, and those that cannot be judged, as sentences."""
    overrun, inconclusive = [], []
    if tolerances and not comparison.n_checks:
        overrun.append(
            f"nothing was compared with {comparison.before}: no check is in both (a gate that checked nothing fails)"
        )
    for change in comparison.changes:
        for tolerance in tolerances:
            if tolerance.figure != change.figure:
                continue
            is_overrun = is_beyond(change, tolerance)
            if is_overrun is None:
                inconclusive.append(f"{change_text(change)} (asked for by {tolerance})")
            elif is_overrun:
                overrun.append(f"{change_text(change)}{_limit(change, tolerance)}")
    return overrun, inconclusive


def _limit(change: Change, tolerance: Tolerance) -> str:
    if change.least is None or change.base is None:
        return f" (limit: {tolerance})"
    allowed = tolerance.amount * abs(change.base) if tolerance.is_relative else tolerance.amount
    return f" (limit: {tolerance}, margin {allowed - change.least:.3g})"
