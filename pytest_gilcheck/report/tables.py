"""The checks and agreements of a run as tables, and counted in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from pytest_gilcheck.report import agreement as agreement_text
from pytest_gilcheck.report.figures import duration
from pytest_gilcheck.report.rows import GAP, Rows
from pytest_gilcheck.report.text import count_text, drawn, margin_text, overlap_text, report_lines, share_text
from pytest_gilcheck.store.json_report import AgreementEntry

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import Agreement, Verdict
    from pytest_gilcheck.store.json_report import Entry

_TIMELINE_WIDTH = 16

_NARROWEST = 60
#: The column of names gets at least so much, and more only where names are longer.
_SHORTEST_NAME = 8
_LONGEST_NAME = 24


def lines_of_entry(entry: Entry, *, encoding: str | None = "utf-8", all_frames: bool = False) -> Iterator[str]:
    """What was found out, line by line, of a check or an agreement."""
    if isinstance(entry, AgreementEntry):
        return agreement_text.report_lines(entry.agreement)
    return report_lines(entry.observation, entry.verdict, encoding=encoding, all_frames=all_frames)


def counts(entries: Iterable[Entry]) -> str:
    """How many of each word, in one line?"""
    checks: Counter[str] = Counter()
    agreements: Counter[str] = Counter()
    for entry in entries:
        if isinstance(entry, AgreementEntry):
            agreements[agreement_text.WORDS.get(entry.agreement.word, entry.agreement.word)] += 1
        else:
            checks[entry.verdict.gil] += 1
    told = [_counted(checks, "check")] if checks or not agreements else []
    told += [_counted(agreements, "agreement")] if agreements else []
    return f"gilcheck: {'; '.join(told)}"


def _counted(found: Counter[str], what: str) -> str:
    n = sum(found.values())
    words = ", ".join(f"{count} {word.replace('_', ' ')}" for word, count in found.most_common())
    return f"{n} {what}{'' if n == 1 else 's'}: {words}"


def tables(entries: Iterable[Entry], *, width: int, colour: bool) -> Iterator[str]:
    """The checks, then the agreements, in a table each. Of an entry nothing is kept but its cells, and these on disk."""
    width = max(_NARROWEST, width)
    with (
        Rows(_OF_CHECKS, width=width, colour=colour) as checks,
        Rows(_OF_AGREEMENTS, width=width, colour=colour) as agreements,
    ):
        left_out = {_OVERLAP, _MARGIN}
        for entry in entries:
            name = f"{entry.origin}: {entry.name}" if entry.origin else entry.name
            if isinstance(entry, AgreementEntry):
                agreements.append(_cells_of_answers(name, entry.agreement), below=_below(entry.agreement))
            else:
                checks.append(_cells_of_check(name, entry.verdict))
                if entry.verdict.limits:
                    left_out.discard(_MARGIN)
                if entry.verdict.overlap != "not_measured":
                    left_out.discard(_OVERLAP)
        if checks.n or not agreements.n:
            yield from checks.lines(_fitting(checks.widths, width, left_out))
        if checks.n and agreements.n:
            yield ""
        if agreements.n:
            yield from agreements.lines(range(len(_OF_AGREEMENTS)))
            yield from agreements.below()


#: Both columns of the held share have one heading: where there is no room for its bounds, the second stands for the first.
_OF_CHECKS = ("check", "GIL", "held", "held", "overlap", "margin", "longest hold", "makes wait", "let go", "over time")
_HELD, _HELD_WITHOUT_BOUNDS, _OVERLAP, _MARGIN = 2, 3, 4, 5
_OF_AGREEMENTS = ("agreement of", "answers", "examples", "calls", "threads")


def _cells_of_check(name: str, verdict: Verdict) -> tuple[str, ...]:
    held = share_text(verdict.held_share)
    return (
        name,
        verdict.gil,
        held,
        held.partition(" ")[0],
        overlap_text(verdict),
        margin_text(verdict),
        _duration(verdict.longest_hold_ns),
        _duration(verdict.longest_wait_ns),
        f"{count_text(verdict.n_releases.by_function)}x",
        _narrow(verdict.timeline),
    )


def _cells_of_answers(name: str, agreement: Agreement) -> tuple[str, ...]:
    counted = (f"{n:,}" for n in (agreement.n_examples, agreement.n_calls, agreement.n_threads))
    return (name, agreement_text.WORDS.get(agreement.word, agreement.word), *counted)


def _below(agreement: Agreement) -> tuple[str, ...]:
    """Of answers that differ: what is wrong, and where."""
    if agreement.difference is None:
        return ()
    return agreement_text.headline(agreement), f"  {agreement.difference.brief()}"


def _fitting(widths: Sequence[int], width: int, left_out: Collection[int]) -> list[int]:
    """Which columns fit into `width`? The word always does. Where it is narrow, bounds are left out first, then columns
    from the right, so that names stay readable and no figure is cut. `left_out`: nobody set a limit, or measured overlap."""
    room = width - max(_SHORTEST_NAME, min(_LONGEST_NAME, widths[0])) - GAP
    columns = [n for n in range(1, len(widths)) if n != _HELD_WITHOUT_BOUNDS and n not in left_out]

    def is_too_wide() -> bool:
        return sum(GAP + widths[n] for n in columns) > room

    if is_too_wide():
        columns[columns.index(_HELD)] = _HELD_WITHOUT_BOUNDS
    while len(columns) > 1 and is_too_wide():
        columns.pop()
    return [0, *columns]


def _duration(ns: int | None) -> str:
    return "-" if ns is None else duration(ns)


def _narrow(timeline: str) -> str:
    """The picture, each sign standing for a few: the state that all of them share, or mixed."""
    step = max(1, len(timeline) // _TIMELINE_WIDTH)
    parts = [timeline[at : at + step] for at in range(0, len(timeline), step)]
    return drawn("".join(part[0] if len(set(part)) == 1 else "m" for part in parts))
