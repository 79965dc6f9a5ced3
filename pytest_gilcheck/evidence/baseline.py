"""Words and figures of a check that mean the same on every machine: what baselines keep and compare."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_gilcheck.evidence.estimate import Estimate
from pytest_gilcheck.evidence.places import Where
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
        test: Id of the test that made the check.
        where: Lines between which the longest hold lies, of a call that holds or holds in part.
        file: File of the test, relative to pytest's root.
        line: Line in which the test begins, from 1.
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
    test: str | None = None
    where: Where | None = None
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One word or figure of a check in two runs.

    Attributes:
        figure: Name of the word or figure.
        kind: ``better``, ``worse``, ``same``, ``no_baseline`` where the first run does not decide it, or ``undecided`` where
            only the second one does not.
        before: The word or the figure in the first run.
        after: The same in the second run.
        least: By how much a figure became worse at least, in its own unit; negative: better. None for words.
        base: The figure before, for tolerances in percent. None for words.
    """

    figure: str
    kind: str
    before: str | Estimate
    after: str | Estimate
    least: float | None = None
    base: float | None = None


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
class ComparedCheck:
    """A check in two runs.

    Attributes:
        before: Its entry in the first run. None: the check is new.
        after: Its entry in the second run. None: the check is gone.
        changes: What is not the same.
    """

    before: BaselineEntry | None
    after: BaselineEntry | None
    changes: tuple[Change, ...] = ()

    @property
    def entry(self) -> BaselineEntry:
        """Return the later one of its entries."""
        entry = self.after or self.before
        assert entry is not None  # noqa: S101  (narrowing: a check is in one run at least)
        return entry


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed between two runs. Agreements count as checks.

    Attributes:
        before: Name of the first run.
        after: Name of the second run.
        changed: Checks in both runs of which any word or figure is not the same.
        n_checks: Checks in both runs.
        gone: Checks in the first run alone, of tests that the second run was to run.
        n_not_run: Checks in the first run of tests that the second run was not to run, or that failed in it.
        new: Checks in the second run alone.
        machines: Where the classes of machine differ.
        n_examples: Checks of the second run that were made under ``@given``. They are not compared: examples differ from run
            to run.
    """

    before: str
    after: str
    changed: tuple[ComparedCheck, ...] = ()
    n_checks: int = 0
    gone: tuple[BaselineEntry, ...] = ()
    n_not_run: int = 0
    new: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
    n_examples: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """What a comparison means for one check.

    Attributes:
        kind: ``worse``; ``undecided`` or ``gone``, where what was decided before no longer is; ``no_baseline``, where it was
            not decided before; ``better``.
        check: The check.
        changes: The changes of this kind, of the words and figures that count.
        tolerances: The tolerances that are overrun.
    """

    kind: str
    check: ComparedCheck
    changes: tuple[Change, ...] = ()
    tolerances: tuple[Tolerance, ...] = ()
