"""What changed between two runs. A change counts when the intervals are apart, never because a point moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import FIGURES, WORDS, BaselineEntry, Change
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.holding import longest_hold_share

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_gilcheck.evidence import Agreement, Estimate, Machine, Observation, Tolerance, Verdict

INCONCLUSIVE = "inconclusive"


def baseline_entry(key: str, observation: Observation, verdict: Verdict) -> BaselineEntry:
    """Return what of a check is compared with other runs.

    The agreement that was found earlier in the same test is left out: it is a check of its own.

    Args:
        key: Name of the check, the same in every run.
        observation: What was measured.
        verdict: The verdict on it.

    Returns:
        Words and figures that mean the same on every machine.
    """
    return BaselineEntry(
        key=key,
        gil=verdict.gil,
        overlap=verdict.overlap,
        held_share=verdict.held_share,
        longest_hold_share=longest_hold_share(observation.calls if observation.instrument.grade == "exact" else ()),
        speedup=verdict.speedup,
        efficiency=verdict.efficiency,
        machine_class=machine_class(verdict.machine),
        where=verdict.where,
    )


def baseline_entry_of_agreement(key: str, agreement: Agreement) -> BaselineEntry:
    """Return what of an agreement is compared: its word, which means the same on every machine, and what is wrong."""
    difference = agreement.difference
    return BaselineEntry(key=key, agreement=agreement.word, difference="" if difference is None else difference.brief())


def machine_class(machine: Machine) -> tuple[tuple[str, str], ...]:
    """Return what two machines must have in common for their figures to compare without a warning."""
    return (
        ("python", f"{machine.implementation} {'.'.join(machine.python.split('.')[:2])}"),
        ("gil", machine.gil),
        ("machine", machine.architecture),
        ("cpu", machine.cpu),
        ("n_cpus", str(machine.n_cpus)),
        ("cpu_quota", "none" if machine.cpu_quota is None else f"{machine.cpu_quota:g}"),
    )


def changes(before: BaselineEntry, after: BaselineEntry) -> Iterator[Change]:
    """Compare two entries of the same check.

    Args:
        before: The entry of the first run.
        after: The entry of the second run.

    Yields:
        Change: For every word and figure that at least one of the two runs has, also where it is the ``same``.
    """
    for word, order in WORDS.items():
        old, new = getattr(before, word), getattr(after, word)
        # Inconclusive in both runs is not the same word twice: a gate that asks for the word must learn that it is unknown.
        if old in order or new in order or INCONCLUSIVE in (old, new):
            yield _of_word(before, after, word)
    for figure, more_is_better in FIGURES.items():
        old, new = getattr(before, figure), getattr(after, figure)
        if old.measured or new.measured:
            yield _of_figure(figure, old, new, more_is_better=more_is_better)


def _of_figure(figure: str, old: Estimate, new: Estimate, *, more_is_better: bool) -> Change:
    if old.low is None or old.high is None or new.low is None or new.high is None:
        return Change(figure, "undecided" if old.measured else "no_baseline", old, new)
    if more_is_better:
        least, most = old.low - new.high, old.high - new.low
    else:
        least, most = new.low - old.high, new.high - old.low
    base = float(old)
    allowance = rules.DRIFT_FACTOR_SHARE * base if more_is_better else rules.DRIFT_SHARE
    kind = "worse" if least > allowance else ("better" if most < -allowance else "same")
    return Change(figure, kind, old, new, least, base)


def _of_word(before: BaselineEntry, after: BaselineEntry, word: str) -> Change:
    old, new, order = getattr(before, word), getattr(after, word), WORDS[word]
    if old not in order or new not in order:
        return Change(word, "no_baseline" if old not in order else "undecided", old, new)
    step = order.index(new) - order.index(old)
    kind = "worse" if step > 0 else ("better" if step < 0 else "same")
    if word == "gil" and step:
        share = _of_figure("held_share", before.held_share, after.held_share, more_is_better=False)
        if share.kind == "same":  # on both sides of a border, and no farther apart than two runs of one build
            kind = "same"
    return Change(word, kind, old, new)


def is_beyond(change: Change, tolerance: Tolerance) -> bool | None:
    """Return whether a figure or word became worse by more than is tolerated.

    Args:
        change: The change.
        tolerance: The tolerance of the same figure.

    Returns:
        None where one of the runs does not decide it.
    """
    if change.kind in ("undecided", "no_baseline"):
        return None
    if change.kind != "worse" or change.least is None or change.base is None:
        return change.kind == "worse"
    amount = tolerance.amount * abs(change.base) if tolerance.is_relative else tolerance.amount
    return change.least > amount
