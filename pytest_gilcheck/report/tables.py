"""The checks and agreements of a run as tables, and their counts in one line."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence.requirement import DECIDED_ATTACHMENTS, DECIDED_WORDS
from pytest_gilcheck.report import agreement as agreement_text
from pytest_gilcheck.report.answer import asks_overlap, drawn
from pytest_gilcheck.report.check import report_lines
from pytest_gilcheck.report.figures import duration, percent, percent_at_most, share_bounds
from pytest_gilcheck.report.names import folded
from pytest_gilcheck.report.text import count_text, margin_text, overlap_text
from pytest_gilcheck.store.json_report import AgreementEntry

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import Agreement
    from pytest_gilcheck.store.json_report import CheckEntry, Entry

_TIMELINE_WIDTH = 16

#: No table is laid out for a terminal narrower than this.
_NARROWEST = 60
#: The column of names has at least the first width, and at most the second is kept free for it.
_SHORTEST_NAME = 8
_LONGEST_NAME = 32
#: Spaces between two columns.
_GAP = 2

#: A cell that begins with one of these words is shown in its colour.
_COLOURS = {
    "released": "green",
    "held": "red",
    "partial": "yellow",
    "inconclusive": "magenta",
    "detached": "green",
    "attached": "red",
    "not_applicable": "cyan",
    "overlaps": "green",
    "serialised": "yellow",
    "agree": "green",
    "DIFFER": "red",
}


def lines_of_entry(
    entry: Entry, *, encoding: str | None = "utf-8", verbosity: int = 0, colour: bool = False
) -> Iterator[str]:
    """Return the report section of a check or an agreement, line by line."""
    if isinstance(entry, AgreementEntry):
        return agreement_text.report_lines(entry.agreement)
    return report_lines(entry.observation, entry.verdict, encoding=encoding, verbosity=verbosity, colour=colour)


def counts(entries: Iterable[Entry]) -> str:
    """Return how many checks and agreements have each word, in one line."""
    checks: Counter[str] = Counter()
    agreements: Counter[str] = Counter()
    for entry in entries:
        if isinstance(entry, AgreementEntry):
            agreements[agreement_text.WORDS.get(entry.agreement.word, entry.agreement.word)] += 1
        else:
            checks[entry.verdict.word] += 1
    return f"gilcheck: {counts_text(checks, agreements)}"


def counts_text(checks: Counter[str], agreements: Counter[str]) -> str:
    """Return how many checks and agreements have each word, in one line."""
    parts = [_counted(checks, "check")] if checks or not agreements else []
    parts += [_counted(agreements, "agreement")] if agreements else []
    return "; ".join(parts)


def _counted(words: Counter[str], what: str) -> str:
    n = sum(words.values())
    text = ", ".join(f"{count} {word.replace('_', ' ')}" for word, count in words.most_common())
    return f"{n} {what}{'' if n == 1 else 's'}: {text}"


def tables(entries: Iterable[Entry], *, width: int, colour: bool) -> Iterator[str]:
    """Yield the lines of a table of the checks, then of one of the agreements.

    Only the cells of an entry are kept: 10,000 checks take about 60 MB, most of it while rich lays them out.
    """
    width = max(_NARROWEST, width)
    checks: list[tuple[str, ...]] = []
    agreements: list[tuple[str, ...]] = []
    below: list[str] = []
    has_gil = False
    for entry in entries:
        name = row_name(entry)
        if isinstance(entry, AgreementEntry):
            agreements.append(_cells_of_agreement(name, entry.agreement))
            below += _below(entry.agreement)
        else:
            checks.append(_cells_of_check(name, entry))
            has_gil |= entry.verdict.attachment == "not_applicable"
    if checks or not agreements:
        of_checks = _OF_CHECKS if has_gil or not checks else _WITHOUT_GIL
        widths = _widths(of_checks, checks)
        columns = _fitting(widths, width, _empty_columns(checks))
        headings, *rows = ([cells[n] for n in columns] for cells in (of_checks, *checks))
        yield from _table(headings, rows, width=width, colour=colour)
    if checks and agreements:
        yield ""
    if agreements:
        yield from _table(_OF_AGREEMENTS, agreements, width=width, colour=colour)
        yield from below


def row_name(entry: Entry) -> str:
    """Return the name of a row: its test without its file, and its function in a line of its own if that is another name."""
    origin = f"{entry.origin}: " if entry.origin else ""
    if not entry.test:
        return f"{origin}{entry.name}"
    test = entry.test.partition("::")[2] or entry.test
    function = test.rpartition("::")[2]
    if entry.name.rpartition("::")[2] in (function, function.partition("[")[0]):  # the body of a marked test
        return f"{origin}{test}"
    return f"{origin}{test}\n  {entry.name}"


def _empty_columns(rows: Iterable[Sequence[str]]) -> set[int]:
    """Return the columns in which no row has a value; never the words."""
    empty = set(range(_GIL + 1, len(_OF_CHECKS)))
    for row in rows:
        empty -= {n for n in empty if row[n] not in ("-", "")}
    return empty if empty != set(range(_GIL + 1, len(_OF_CHECKS))) else set()


#: The most telling columns come first. Where there is no room for the bounds of the held share, they are left out.
_OF_CHECKS = (
    "check",
    "GIL",
    "held",
    "max hold",
    "overlap",
    "margin",
    "held between",
    "longest wait",
    "releases",
    "over time",
)
#: The same where all checks were made without a GIL.
_WITHOUT_GIL = tuple(
    {"GIL": "thread", "held": "attached", "held between": "attached between", "longest wait": "longest pause"}.get(
        name, name
    )
    for name in _OF_CHECKS
)
_GIL = 1
_OF_AGREEMENTS = ("agreement of", "results", "examples", "calls", "threads")


def _cells_of_check(name: str, entry: CheckEntry) -> tuple[str, ...]:
    verdict, share = entry.verdict, entry.verdict.held_share
    is_decided = verdict.gil in DECIDED_WORDS
    if verdict.attachment != "not_applicable":  # its pendants, under headings of their own where all rows have them
        share, is_decided = verdict.attached_share, verdict.attachment in DECIDED_ATTACHMENTS
    bounds = (
        "-"
        if share.low is None or share.high is None or share.low == share.high
        else share_bounds(share.low, share.high) or f"at most {percent_at_most(share.high)}"
    )
    return (
        name,
        verdict.word.replace("_", " "),
        percent(share.value) if is_decided and share.value is not None else "-",
        _duration(verdict.longest_hold_ns) if is_decided else "-",
        overlap_text(verdict) if verdict.overlap != "inconclusive" or asks_overlap(entry.observation.claim) else "-",
        margin_text(verdict),
        bounds,
        _duration(verdict.longest_pause_ns if verdict.longest_wait_ns is None else verdict.longest_wait_ns),
        "-" if verdict.gil == "not_applicable" else f"{count_text(verdict.n_releases.by_function)}x",
        _narrow(verdict.timeline),
    )


def _cells_of_agreement(name: str, agreement: Agreement) -> tuple[str, ...]:
    numbers = (f"{n:,}" for n in (agreement.n_examples, agreement.n_calls, agreement.n_threads))
    return (name, agreement_text.WORDS.get(agreement.word, agreement.word), *numbers)


def _below(agreement: Agreement) -> tuple[str, ...]:
    """Return the lines below the table about results that differ."""
    if agreement.difference is None:
        return ()
    return agreement_text.headline(agreement), f"  {agreement.difference.brief()}"


def _widths(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[int]:
    """Return the width of the widest cell of each column, or of its heading; of names without their heading."""
    from rich.cells import cell_len  # noqa: PLC0415  (a run that shows no table does not pay for it)

    widths = [0, *map(len, headings[1:])]
    for row in rows:
        widths = [max(width, *map(cell_len, cell.split("\n"))) for width, cell in zip(widths, row, strict=True)]
    return widths


def _fitting(widths: Sequence[int], width: int, empty: Collection[int]) -> list[int]:
    """Return the columns that fit into `width`, by number: the name, the word, and as many others as there is room for.

    Columns are left out from the right, so that names stay readable and no figure is cut, and those that are empty.
    """
    room = width - max(_SHORTEST_NAME, min(_LONGEST_NAME, widths[0])) - _GAP
    columns = [n for n in range(1, len(widths)) if n not in empty]
    least_room = width - max(_SHORTEST_NAME, min(_LONGEST_NAME // 2, widths[0])) - _GAP
    while len(columns) > 1 and sum(_GAP + widths[n] for n in columns) > (
        least_room if columns[-1] <= _MOST_TELLING else room
    ):
        columns.pop()
    return [0, *columns]


#: Up to this column names are folded to make room for figures.
_MOST_TELLING = 4


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, width: int, colour: bool) -> list[str]:
    from rich.console import Console  # noqa: PLC0415  (as above)
    from rich.table import Table  # noqa: PLC0415  (as above)
    from rich.text import Text  # noqa: PLC0415  (as above)

    rows = list(rows)
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
    )
    figures = sum(_GAP + found for found in _widths(headings, rows)[1:])
    of_names = max(_SHORTEST_NAME, width - figures)
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    table.add_column(headings[0], overflow="fold", ratio=1)
    for heading in headings[1:]:
        table.add_column(heading, no_wrap=True)
    for name, *cells in rows:
        table.add_row(
            Text(_folded(name, of_names)),
            *(Text(cell, style=_COLOURS.get(cell.partition(" ")[0], "")) for cell in cells),
        )
    with console.capture() as captured:
        console.print(table)
    return captured.get().rstrip("\n").split("\n")


def _folded(name: str, width: int) -> str:
    """Return a name in lines of at most `width` columns, broken between its words."""
    from rich.cells import cell_len  # noqa: PLC0415  (as above)

    lines: list[str] = []
    for line in name.split("\n"):
        indent = "  " if line.startswith("  ") else ""
        is_wide = cell_len(line) != len(line)  # signs of two columns: rich folds them
        lines += [line] if is_wide else [f"{indent}{part}" for part in folded(line[len(indent) :], width - len(indent))]
    return "\n".join(lines)


def _duration(ns: int | None) -> str:
    return "-" if ns is None else duration(ns)


def _narrow(timeline: str) -> str:
    """Return the drawn timeline with one sign for several: the state that all of them share, or mixed."""
    step = max(1, len(timeline) // _TIMELINE_WIDTH)
    parts = [timeline[at : at + step] for at in range(0, len(timeline), step)]
    return drawn("".join(part[0] if len(set(part)) == 1 else "m" for part in parts))
