"""Two runs side by side: which checks became worse, and does that fail a gate?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import WORDS
from pytest_gilcheck.judge.drift import changes, standing
from pytest_gilcheck.report.comparison import Comparison
from pytest_gilcheck.report.stream import keyed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_gilcheck.evidence import Change, Standing, Tolerance
    from pytest_gilcheck.report.document import Check


def _overrun(change: Change, tolerance: Tolerance) -> str:
    if change.least is None or change.base is None:
        return f" (limit: {tolerance})"
    allowed = tolerance.amount * abs(change.base) if tolerance.is_relative else tolerance.amount
    return f" (limit: {tolerance}, margin {allowed - change.least:.3g})"


def change_text(change: Change) -> str:
    """One change in one line."""
    name = {"worse": "WORSE", "unknown": "CANNOT TELL"}.get(change.kind, change.kind)
    text = f"{name}: {change.key}: {change.figure} {change.before} -> {change.after}"
    if change.figure not in WORDS and change.kind == "worse":
        text += f", worse by at least {change.least:.3g}"
    return f"{text} ({change.why})" if change.why else text


def standings(checks: Iterable[Check]) -> dict[str, Standing]:
    """What of these checks is compared: little, whatever the size of the document."""
    return {key: standing(key, check.observation, check.verdict) for key, check in keyed(checks)}


def compare(before: dict[str, Standing], after: dict[str, Standing], names: tuple[str, str]) -> Comparison:
    """What changed?"""
    made = Comparison(*names)
    machines: dict[str, None] = {}
    for key, new in after.items():
        old = before.get(key)
        if old is None:
            made.new.append(key)
            continue
        made.n_checks += 1
        for (what, was), (_, now) in zip(old.machine, new.machine, strict=True):
            if was != now:
                machines[f"{what} {was} -> {now}"] = None
        for change in changes(old, new):
            if change.kind == "same":
                made.n_same += 1
            else:
                made.changed.append(change)
    made.lost = [key for key in before if key not in after]
    made.machines = list(machines)
    return made
