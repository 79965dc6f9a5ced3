"""Writes what the runs found into the marked parts of docs/gallery/census.md."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from benchmarks.census import measurement
from benchmarks.census.measurement import FAILED, INCONCLUSIVE, Change, Found, compared
from benchmarks.census.rows import STANDARD_LIBRARY, Row, read_rows

HOME = Path(__file__).parent
PAGE = HOME.parents[1] / "docs" / "gallery" / "census.md"
_PART = re.compile(r"(?P<head><!-- census: (?P<name>[\w-]+) -->\n).*?(?P<tail><!-- end of census -->)", re.DOTALL)
_WORDS = ("released", "partial", "held", INCONCLUSIVE, FAILED)
_LONGEST_WHERE = 70


def write_page(results: Path, again: Path, older: Path) -> None:
    """Write the parts anew; what stands between them is written by hand.

    Args:
        results: The results file of the first run.
        again: That of the second one.
        older: That of a run with older releases of some packages.
    """
    found = measurement.read(results)
    parts = {
        "counts": _counts(read_rows(), list(found.values())),
        "again": _again(found.values(), measurement.read(again).values()),
        "releases": _releases(list(measurement.read(older).values()), list(found.values())),
        "table": _table(read_rows(), found),
    }
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(
        _PART.sub(lambda part: f"{part['head']}{parts[part['name']]}{part['tail']}", text), encoding="utf-8"
    )


def _counts(rows: Sequence[Row], found: Sequence[Found]) -> str:
    words = Counter(one.word for one in found)
    depends = sum(len({sized.gil for sized in one.sizes} & {"released", "partial", "held"}) > 1 for one in found)
    packages = {one.package for one in found}
    n_inputs = sum(len(one.sizes) for one in found)
    n_others = len(packages - {STANDARD_LIBRARY})
    lines = [
        f"{len(found)} functions of the standard library and {n_others} packages were checked, with {n_inputs:,} inputs.",
        f"{depends} of them change their word with the size of the input.",
        *_missing(rows, found),
        "",
        "| at the largest size | functions | share |",
        "|---|---|---|",
    ]
    lines += [
        f"| *{word}* | {words[word]} | {100 * words[word] / len(found):.0f} % |" for word in _WORDS if words[word]
    ]
    return "\n".join([*lines, ""])


def _missing(rows: Sequence[Row], found: Sequence[Found]) -> list[str]:
    """Return what the page says of rows that no run has measured."""
    n_missing = len({row.key for row in rows} - {one.key for one in found})
    if not n_missing:
        return []
    return ["", f"{n_missing} more functions have a row, and no verdict yet. `nox -s census -- run` asks for them."]


def _again(before: Iterable[Found], after: Iterable[Found]) -> str:
    n_both, changes = compared(before, after)
    if not n_both:
        return "No second run is stored yet.\n"
    same = n_both - len(changes)
    lines = [f"{same:,} of {n_both:,} words ({100 * same / n_both:.1f} %) were the same in a second run."]
    if changes:
        lines += [
            "The others, with the share of the call that held the GIL:",
            "",
            "| package | call | `n` | first | second |",
            "|---|---|---|---|---|",
            *map(_change, changes),
        ]
    return "\n".join([*lines, ""])


def _change(change: Change) -> str:
    return (
        f"| {change.before.package} | {_code(change.before.statement)} | {change.size:,} "
        f"| {_with_share(change.before, change.size)} | {_with_share(change.after, change.size)} |"
    )


def _with_share(found: Found, size: int) -> str:
    sized = next(sized for sized in found.sizes if sized.size == size)
    return sized.gil if sized.held_share is None else f"{sized.gil}, {100 * sized.held_share:.1f} %"


def _releases(older: Sequence[Found], newer: Sequence[Found]) -> str:
    n_both, changes = compared(older, newer)
    # A word that is one step from the other at a small size may be the border of the words and not a change of the code.
    plain = [change for change in changes if _is_plain(change)]
    if not n_both:
        return "No run with older releases is stored yet.\n"
    n_changed = len({change.before.key for change in plain})
    n_packages = len({one.package for one in older})
    lines = [
        f"{n_both:,} words of {n_packages} packages were compared, and {n_changed} functions changed plainly:",
        "",
        "| package | call | `n` | then | now |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {change.before.package} | {_code(change.before.statement)} | {change.size:,} "
        f"| {change.word_before} in {change.before.version} | {change.word_after} in {change.after.version} |"
        for change in plain
    ]
    return "\n".join([*lines, ""])


#: Held shares that differ by less may be the machine's doing.
_PLAIN_SHARE = 0.5


def _is_plain(change: Change) -> bool:
    before, after = (
        next((sized.held_share for sized in found.sizes if sized.size == change.size), None)
        for found in (change.before, change.after)
    )
    return before is not None and after is not None and abs(before - after) >= _PLAIN_SHARE


def _table(rows: Sequence[Row], found: dict[tuple[str, str], Found]) -> str:
    lines = []
    for package, of_package in groupby(rows, key=lambda row: row.package):
        several = [(row, found[row.key]) for row in of_package if row.key in found]
        if not several:
            continue
        lines += [f"### {package} {several[0][1].version}", "", "| call | word | where |", "|---|---|---|"]
        lines += [f"| {_code(row.statement)} | {words(one)} | {_where(one)} |" for row, one in several]
        lines.append("")
    return "\n".join([*lines, ""])


def words(found: Found) -> str:
    """Return the words from the smallest size on: ``held at 2,047, partial at 2,048, released at 8,000,000``."""
    if len(found.sizes) == 1:
        return found.sizes[0].gil
    groups = [(word, [one.size for one in group]) for word, group in groupby(found.sizes, key=lambda one: one.gil)]
    if len(groups) == 1:
        return f"{found.word}, {found.sizes[0].size:,} to {found.sizes[-1].size:,}"
    return ", ".join(f"{word} at {' and '.join(f'{size:,}' for size in sizes)}" for word, sizes in groups)


def _where(found: Found) -> str:
    where = found.where
    if len(where) > _LONGEST_WHERE:
        where = f"{where[: _LONGEST_WHERE - 1]}…"
    return _code(where) if where else ""


def _code(text: str) -> str:
    """Return code for a cell of a table."""
    escaped = text.replace("|", "\\|").replace("\n", "; ")
    return f"`` {escaped} ``" if "`" in escaped else f"`{escaped}`"
