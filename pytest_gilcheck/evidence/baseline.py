"""Where a check stands, in words and figures that mean the same on every machine: what baselines keep and compare."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_gilcheck.evidence.estimate import Estimate

#: Words that compare, from best to worst. Any other word (inconclusive, not measured) compares with none.
WORDS: dict[str, tuple[str, ...]] = {
    "gil": ("released", "partial", "held"),
    "overlap": ("overlaps", "serialised"),
    "agreement": ("agree", "differ"),
}

#: Figures without a dimension; True: more is better.
FIGURES: dict[str, bool] = {"held_share": False, "longest_hold_share": False, "speedup": True, "efficiency": True}

#: Everything that can be compared.
COMPARED = (*WORDS, *FIGURES)


@dataclass(frozen=True, slots=True)
class BaselineEntry:
    """Where does a check stand? No times: they belong to one machine. `longest_hold_share` is the longest hold over
    the whole call. `machine_class` tells the class of machine: figures of two classes compare with care. `difference` is the
    wrong answer, in one line, of an agreement that differs."""

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
    """Has one figure or word of a check changed between two runs? `kind` is ``better``, ``worse``, ``same`` or
    ``unknown`` (one of the two runs does not tell, `why`). `before` and `after` are as people read them.

    `least` and `most` bound by how much a figure became worse, in its own unit; negative: better. `base` is what it
    was before, for tolerances in percent. None for words.
    """

    key: str
    figure: str
    kind: str
    before: str
    after: str
    least: float | None = None
    most: float | None = None
    base: float | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """By how much may a figure become worse before a comparison fails? `amount` in the figure's unit, or as a share
    of what it was before where `is_relative`. Words tolerate nothing."""

    figure: str
    amount: float = 0.0
    is_relative: bool = False

    def __str__(self) -> str:
        if self.figure in WORDS:
            return self.figure
        return f"{self.figure}:{self.amount * 100:g}%" if self.is_relative else f"{self.figure}:{self.amount:g}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed from `before` to `after` (how the two runs are called). Agreements count as checks.

    `changes` leaves out what stayed the same, `n_same` counts it. `lost` checks are in the first run alone, `new` ones in
    the second alone; `machines` says where the classes of machine differ.
    """

    before: str
    after: str
    changes: tuple[Change, ...] = ()
    n_checks: int = 0
    n_same: int = 0
    lost: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
