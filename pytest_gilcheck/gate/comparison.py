"""Comparison of two runs, and what it means for each check."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import BaselineEntry, Change, ComparedCheck, Comparison, Finding, Tolerance
from pytest_gilcheck.evidence.requirement import WORDS
from pytest_gilcheck.judge.drift import baseline_entry, baseline_entry_of_agreement, changes, is_beyond
from pytest_gilcheck.store.baselines import keyed
from pytest_gilcheck.store.json_report import AgreementEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pytest_gilcheck.store.json_report import Entry

#: What every comparison fails on: words that are exact on every machine. Overlap and figures count where somebody asks for
#: them, because they depend on how busy the machine is.
_ALWAYS = (Tolerance("gil"), Tolerance("agreement"))

#: Kinds of findings from the most to the least serious.
KINDS = ("worse", "undecided", "gone", "no_baseline", "better")


def baseline_entries(entries: Iterable[Entry], *, with_places: bool = False) -> dict[str, BaselineEntry]:
    """Return by its key what is compared of each check and agreement: little, whatever the size of the report.

    Args:
        entries: Checks and agreements. Those made under ``@given`` are left out, because they have no ordinal.
        with_places: Whether the lines that hold the GIL, and those of the tests, are kept, as of the run that is judged.

    Returns:
        What is compared, by its key.
    """
    machine_classes: dict[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = {}
    by_key: dict[str, BaselineEntry] = {}
    for key, entry in keyed(entries):
        if entry.ordinal is None:
            continue
        if isinstance(entry, AgreementEntry):
            compared = baseline_entry_of_agreement(key, entry.agreement)
        else:
            compared = baseline_entry(key, entry.observation, entry.verdict)
            # All checks of a machine share one: a copy for each was a third of what a comparison keeps.
            machine_class = machine_classes.setdefault(compared.machine_class, compared.machine_class)
            compared = replace(compared, machine_class=machine_class)
        compared = replace(compared, test=entry.test)
        by_key[key] = (
            replace(compared, file=entry.file, line=entry.line) if with_places else replace(compared, where=None)
        )
    return by_key


def compare(
    before: dict[str, BaselineEntry],
    after: dict[str, BaselineEntry],
    names: tuple[str, str],
    *,
    was_to_run: Callable[[str], bool] = lambda _test: True,
    n_examples: int = 0,
) -> Comparison:
    """Return what changed between two runs.

    Args:
        before: Entries of the first run by their keys.
        after: Entries of the second run by their keys.
        names: Names of the two runs, for reports.
        was_to_run: Returns whether the second run was to make the checks of this test.
        n_examples: How many checks of the second run were made under ``@given``.

    Returns:
        Comparison: The changes, and which checks only one of the runs has.
    """
    changed: list[ComparedCheck] = []
    machines: dict[str, None] = {}  # a set that keeps its order
    n_checks = 0
    for key, now in after.items():
        then = before.get(key)
        if then is None:
            continue
        n_checks += 1
        for (what, value_then), (_, value_now) in zip(then.machine_class, now.machine_class, strict=True):
            if value_then != value_now:
                machines[f"{what} {value_then} -> {value_now}"] = None
        other = tuple(change for change in changes(then, now) if change.kind != "same")
        if other:
            changed.append(ComparedCheck(then, now, other))
    lost = [entry for key, entry in before.items() if key not in after]
    gone = tuple(entry for entry in lost if entry.test is None or was_to_run(entry.test))
    return Comparison(
        *names,
        changed=tuple(changed),
        n_checks=n_checks,
        gone=gone,
        n_not_run=len(lost) - len(gone),
        new=tuple(key for key in after if key not in before),
        machines=tuple(machines),
        n_examples=n_examples,
    )


def findings(comparison: Comparison, tolerances: Sequence[Tolerance] = ()) -> tuple[Finding, ...]:
    """Return what a comparison means, for each check that is not the same: the most serious findings first.

    The words on the GIL and on agreement always count. Overlap and figures count where there is a tolerance for them.
    """
    asked = {tolerance.figure for tolerance in tolerances}
    counting = (*(tolerance for tolerance in _ALWAYS if tolerance.figure not in asked), *tolerances)
    found = [finding for check in comparison.changed for finding in _of_check(check, counting)]
    for entry in comparison.gone:
        was_decided = any(getattr(entry, always.figure) in WORDS[always.figure] for always in _ALWAYS)
        found.append(Finding("gone" if was_decided else "no_baseline", ComparedCheck(entry, None)))
    return tuple(sorted(found, key=lambda finding: KINDS.index(finding.kind)))


def _of_check(check: ComparedCheck, tolerances: Sequence[Tolerance]) -> Iterator[Finding]:
    by_kind: dict[str, dict[Change, list[Tolerance]]] = {}
    for change in check.changes:
        for tolerance in tolerances:
            if tolerance.figure != change.figure:
                continue
            # A figure that is worse, but by no more than is tolerated, is the same.
            if change.kind != "worse" or is_beyond(change, tolerance):
                by_kind.setdefault(change.kind, {}).setdefault(change, []).append(tolerance)
    for kind, of_kind in by_kind.items():
        overrun = tuple(tolerance for each in of_kind.values() for tolerance in each if kind == "worse")
        yield Finding(kind, check, tuple(of_kind), overrun)


def fails(finding: Finding, *, fails_if_inconclusive: bool) -> bool:
    """Return whether a finding fails the gate.

    Args:
        finding: The finding.
        fails_if_inconclusive: Whether it fails where what was decided before is not decided now.

    Returns:
        Whether it fails the gate.
    """
    return finding.kind == "worse" or (fails_if_inconclusive and finding.kind in ("undecided", "gone"))
