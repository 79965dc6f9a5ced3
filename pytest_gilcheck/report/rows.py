"""A table of any length: its rows wait on disk until the widest cell of each column is known."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

#: Spaces between two columns.
GAP = 2

_COLOURS = {
    "released": "green",
    "held": "red",
    "partial": "yellow",
    "inconclusive": "magenta",
    "not_applicable": "cyan",
    "overlaps": "green",
    "serialised": "yellow",
    "agree": "green",
    "DIFFER": "red",
}

#: So many characters of rows stay in memory: a session of a thousand checks writes no file.
_IN_MEMORY = 200_000

#: So many rows are laid out at once.
AT_ONCE = 200


class Rows:
    """Rows of a table for a terminal so many columns wide. Each of its own columns has a heading; the first is a name and has
    the room that is left, others that begin with a known word get its colour. `widths`: what the widest cell of each takes,
    or its heading.
    """

    def __init__(self, headings: Sequence[str], *, width: int, colour: bool) -> None:
        from rich.console import Console  # noqa: PLC0415  (a run that shows no table does not pay for it)

        self._headings = headings
        self._console = Console(
            file=io.StringIO(),
            width=width,
            force_terminal=colour,
            color_system="standard" if colour else None,
            highlight=False,
        )
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8")  # noqa: SIM115  (closed on exit)
        self._widest = [""] * len(headings)
        self.widths = [0, *map(len, headings[1:])]
        self.n = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._file.close()

    def append(self, cells: Sequence[str], below: Sequence[str] = ()) -> None:
        """Adds a row, and what is told of it below the table."""
        # As ASCII: what is written must be readable, and half a surrogate pair in a name could not be written.
        self._file.write(json.dumps((cells, below)) + "\n")
        for n, cell in enumerate(cells):
            width = self._width_of(cell)
            if width > self.widths[n]:
                self.widths[n], self._widest[n] = width, cell
        self.n += 1

    def _width_of(self, cell: str) -> int:
        from rich.measure import Measurement  # noqa: PLC0415  (as above)
        from rich.text import Text  # noqa: PLC0415  (as above)

        if cell.isascii() and cell.isprintable():  # nearly all
            return len(cell)
        return Measurement.get(self._console, self._console.options, Text(cell)).maximum

    def _read(self) -> Iterator[tuple[list[str], list[str]]]:
        self._file.seek(0)
        return map(json.loads, self._file)

    def below(self) -> Iterator[str]:
        """What is told below the table."""
        for _, told in self._read():
            yield from told

    def lines(self, columns: Sequence[int], *, at_once: int = AT_ONCE) -> Iterator[str]:
        """The table of these columns. It is laid out in slices of `at_once` rows, which makes no difference to its lines:
        each slice has the widest cells of all as a last row, whose lines are then left out."""
        widest = [self._widest[n] for n in columns]
        n_lines, n_with_another = (len(self._laid_out(columns, [widest] * n)) for n in (1, 2))
        n_widest = n_with_another - n_lines
        first = 0
        rows = ([cells[n] for n in columns] for cells, _ in self._read())
        while True:
            some = [*islice(rows, at_once)]
            if first and not some:
                return
            yield from self._laid_out(columns, [*some, widest])[first:-n_widest]
            first = n_lines - n_widest  # headings are told once

    def _laid_out(self, columns: Sequence[int], rows: Iterable[Sequence[str]]) -> list[str]:
        from rich.table import Table  # noqa: PLC0415  (as above)
        from rich.text import Text  # noqa: PLC0415  (as above)

        made = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
        made.add_column(self._headings[columns[0]], overflow="fold", ratio=1)
        for n in columns[1:]:
            made.add_column(self._headings[n], no_wrap=True, justify="left")
        for name, *cells in rows:
            made.add_row(Text(name), *(Text(cell, style=_COLOURS.get(cell.partition(" ")[0], "")) for cell in cells))
        with self._console.capture() as captured:
            self._console.print(made)
        return captured.get().rstrip("\n").split("\n")
