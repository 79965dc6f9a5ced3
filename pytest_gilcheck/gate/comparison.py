"""Two runs side by side: which checks became worse, and does that fail a gate?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import WORDS
from pytest_gilcheck.judge.drift import changes, is_beyond, standing, standing_of_answers
from pytest_gilcheck.store.json_report import Answers
from pytest_gilcheck.store.stream import keyed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_gilcheck.evidence import Change, Standing, Tolerance
    from pytest_gilcheck.store.json_report import Entry

#: Exit status of `gilcheck compare`, and what it stands for.
SAME_OR_BETTER, WORSE, CANNOT_TELL = 0, 1, 3


@dataclass
class Comparison:
    """What changed from `before` to `after` (how the two are called)? Agreements count as checks. `lost` checks are in the first alone, `new` ones in
    the second; `machines` tells where the classes of machine differ. `changed` leaves out what stayed the same."""

    before: str
    after: str
    changed: list[Change] = field(default_factory=list)
    n_checks: int = 0
    n_same: int = 0
    lost: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    machines: list[str] = field(default_factory=list)

    @property
    def status(self) -> int:
        """Same or better, worse, or cannot tell?"""
        kinds = {change.kind for change in self.changed}
        if "worse" in kinds:
            return WORSE
        return CANNOT_TELL if "unknown" in kinds or self.lost or not self.n_checks else SAME_OR_BETTER

    def lines(self) -> Iterator[str]:
        """The comparison for people."""
        yield (
            f"{self.after} compared with {self.before}: {self.n_checks} check{'' if self.n_checks == 1 else 's'} in both; "
            f"{self._n('worse')} worse, {self._n('better')} better, {self.n_same} same, {self._n('unknown')} cannot tell"
        )
        if self.machines:
            yield f"ANOTHER CLASS OF MACHINE: {'; '.join(self.machines)}. Shares of time compare, speed-ups with care."
        for kind in ("worse", "unknown", "better"):
            for change in self.changed:
                if change.kind == kind:
                    yield f"  {change_text(change)}"
        for what, keys in (("only in the first", self.lost), ("only in the second", self.new)):
            for key in keys:
                yield f"  {what}: {key}"
        if not self.n_checks:
            yield "  nothing was compared: no check is in both"

    def _n(self, kind: str) -> int:
        return sum(change.kind == kind for change in self.changed)

    def failures(self, tolerances: Sequence[Tolerance]) -> tuple[list[str], list[str]]:
        """Which changes overrun a tolerance, and which cannot be told? Both as sentences."""
        beyond, unknown = [], []
        if tolerances and not self.n_checks:
            beyond.append(
                f"nothing was compared with {self.before}: no check is in both (a gate that checked nothing fails)"
            )
        for change in self.changed:
            for tolerance in tolerances:
                if tolerance.figure != change.figure:
                    continue
                found = is_beyond(change, tolerance)
                if found is None:
                    unknown.append(f"{change_text(change)} (asked for by {tolerance})")
                elif found:
                    beyond.append(f"{change_text(change)}{_overrun(change, tolerance)}")
        return beyond, unknown


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


def standings(entries: Iterable[Entry]) -> dict[str, Standing]:
    """What of these checks and agreements is compared: little, whatever the size of the document."""
    machines: dict[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = {}
    found = {}
    for key, entry in keyed(entries):
        if isinstance(entry, Answers):
            found[key] = standing_of_answers(key, entry.agreement)
        else:
            made = standing(key, entry.observation, entry.verdict)
            # One for all checks of a machine: each with its own were a third of what a comparison keeps.
            found[key] = replace(made, machine=machines.setdefault(made.machine, made.machine))
    return found


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
