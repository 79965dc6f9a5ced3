"""The table, the bars, and each cell that missed one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby

from benchmarks.living.cells import Answer, truth_text

INCONCLUSIVE_AT_MOST = 0.05

Row = tuple[object, ...]


def line(answer: Answer) -> str:
    """Return a cell and what came of it, in one line."""
    cell = answer.cell
    low, value, high = answer.share
    said = answer.gil or answer.outcome
    if low is not None and value is not None and high is not None:
        said += f" {value:.4f} [{low:.4f}, {high:.4f}] {answer.grade}"
    why = f" ({answer.detail})" if answer.detail and (answer.is_inconclusive or not answer.gil) else ""
    seconds = "" if answer.seconds is None else f", {answer.seconds:.1f} s of {answer.limit_seconds or 0:.1f} s"
    beside = f"beside {cell.neighbour}, load {cell.load}"
    return f"{cell.case.id} {beside}: {said}, truth {truth_text(cell)}{seconds}{why}"


def mark(answer: Answer) -> str:
    """Return what a cell counts as, the gravest first."""
    for name, is_so in (
        (answer.outcome.upper(), answer.is_failed),
        ("WRONG", answer.is_wrong),
        ("EXCLUDES THE TRUTH", answer.excludes_truth),
        ("inconclusive", answer.is_inconclusive),
        ("beyond its limit", answer.is_over_limit),
        ("absent", answer.outcome == "absent"),
    ):
        if is_so:
            return name
    return "right"


def bars(answers: Sequence[Answer]) -> list[tuple[str, str, str, bool]]:
    """Return each bar: what is counted, what is required, what was seen, and whether it is met."""
    asked = [answer for answer in answers if answer.outcome != "absent"]
    n_inconclusive = sum(answer.is_inconclusive for answer in asked)
    counted = (
        ("wrong words", sum(answer.is_wrong for answer in asked)),
        ("exact intervals that exclude the truth", sum(answer.excludes_truth for answer in asked)),
        ("no verdict at all (crash, time-out, exception)", sum(answer.is_failed for answer in asked)),
    )
    rows = [(name, "0", f"{n} of {len(asked)}", n == 0 and bool(asked)) for name, n in counted]
    share = n_inconclusive / len(asked) if asked else 1.0
    seen = f"{n_inconclusive} of {len(asked)} ({share:.1%})"
    n_over = sum(answer.is_over_limit for answer in asked)
    return [
        *rows,
        ("inconclusive", f"at most {INCONCLUSIVE_AT_MOST:.0%}", seen, share <= INCONCLUSIVE_AT_MOST),
        ("checks beyond their time limit", "0", f"{n_over} of {len(asked)}", n_over == 0 and bool(asked)),
    ]


def render(answers: Sequence[Answer]) -> str:
    """Return the whole page."""
    head = (
        "beside",
        "load",
        "cells",
        "wrong",
        "excludes",
        "failed",
        "inconclusive",
        "reasons",
        "longest check",
        "beyond limit",
    )
    ordered = sorted(answers, key=_place)
    rows = [_row([*some], *place) for place, some in groupby(ordered, key=_place)]
    rows.append(_row(answers, "all", ""))
    verdicts = [(name, required, seen, "met" if met else "MISSED") for name, required, seen, met in bars(answers)]
    missed = [f"- {mark(answer)}: {line(answer)}" for answer in ordered if mark(answer) not in ("right", "absent")]
    parts = ["# Living process", _table(head, rows), _table(("bar", "required", "seen", "verdict"), verdicts)]
    return "\n\n".join([*parts, "\n".join(missed)]).rstrip() + "\n"


def _place(answer: Answer) -> tuple[str, int]:
    return answer.cell.neighbour, answer.cell.load


def _row(answers: Sequence[Answer], neighbour: str, load: object) -> Row:
    asked = [answer for answer in answers if answer.outcome != "absent"]
    reasons = Counter(reason for answer in asked if answer.is_inconclusive for reason in answer.reasons or ("none",))
    seconds = [answer.seconds for answer in asked if answer.seconds is not None]
    return (
        neighbour,
        load,
        len(asked),
        sum(answer.is_wrong for answer in asked),
        sum(answer.excludes_truth for answer in asked),
        sum(answer.is_failed for answer in asked),
        sum(answer.is_inconclusive for answer in asked),
        ", ".join(f"{slug} {n}" for slug, n in reasons.most_common()),
        f"{max(seconds):.1f} s" if seconds else "",
        sum(answer.is_over_limit for answer in asked),
    )


def _table(head: Sequence[str], rows: Iterable[Row]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)])
