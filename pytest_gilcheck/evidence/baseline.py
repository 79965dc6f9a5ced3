"""Words and figures of a check that mean the same on every machine: what baselines keep and compare."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_gilcheck.evidence.estimate import Estimate
from pytest_gilcheck.evidence.requirement import WORDS


@dataclass(frozen=True, slots=True)
class BaselineEntry:
    """The words and figures of one check. It has no times: they belong to one machine.

    Attributes:
        key: Name of the check, the same in every run.
        gil: Word of the GIL verdict.
        overlap: Word of the wall-clock witness.
        agreement: Word of the comparison of answers.
        held_share: As in `Verdict`.
        longest_hold_share: Longest hold over the whole call (0..1).
        speedup: As in `Verdict`.
        efficiency: As in `Verdict`.
        machine_class: Class of the machine; figures of two classes compare with care.
        difference: The wrong answer, in one line, of an agreement that differs.
    """

    key: str
    gil: str = "not_measured"
    overlap: str = "not_measured"
    agreement: str = "not_checked"
    held_share: Estimate = field(default_factory=Estimate)
    longest_hold_share: Estimate = field(default_factory=Estimate)
    speedup: Estimate = field(default_factory=Estimate)
    efficiency: Estimate = field(default_factory=Estimate)
    machine_class: tuple[tuple[str, str], ...] = ()
    difference: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One word or figure of a check in two runs.

    Attributes:
        key: Name of the check.
        figure: Name of the word or figure.
        kind: ``better``, ``worse``, ``same``, or ``unknown`` where one of the runs does not decide it.
        before: The word, or the figure as people read it, in the first run.
        after: The same in the second run.
        least: By how much a figure became worse at least, in its own unit; negative: better. None for words.
        base: The figure before, for tolerances in percent. None for words.
        why: Why it is unknown, or why two words count as the same.
    """

    key: str
    figure: str
    kind: str
    before: str
    after: str
    least: float | None = None
    base: float | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much worse a figure may become before a comparison fails.

    Attributes:
        figure: Name of the word or figure. Words tolerate nothing.
        amount: The tolerance in the figure's unit, or as a share of what it was before.
        is_relative: Whether `amount` is a share.
    """

    figure: str
    amount: float = 0.0
    is_relative: bool = False

    def __str__(self) -> str:
        if self.figure in WORDS:
            return self.figure
        return f"{self.figure}:{self.amount * 100:g}%" if self.is_relative else f"{self.figure}:{self.amount:g}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed between two runs. Agreements count as checks.

    Attributes:
        before: Name of the first run.
        after: Name of the second run.
        changes: All changes, without what stayed the same.
        n_checks: Checks in both runs.
        n_same: Words and figures that stayed the same.
        lost: Checks in the first run alone.
        new: Checks in the second run alone.
        machines: Where the classes of machine differ.
    """

    before: str
    after: str
    changes: tuple[Change, ...] = ()
    n_checks: int = 0
    n_same: int = 0
    lost: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
