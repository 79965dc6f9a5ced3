"""Renders rows as Markdown tables and as a plot, from the records alone."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

from benchmarks.counter.rows import Row

MET = {"no": "**no**"}
# Where a logarithmic plot begins: below every figure that is near its bar.
LEAST_SHOWN = 0.2


def report_lines(machine: dict[str, object], rows: list[Row]) -> str:
    """Return the machine and the tables."""
    where = f"{machine['cpu']}, {machine['n_cpus']} cores, Python {machine['python']}, {machine['n_rounds']} rounds for each figure"
    disturbed = (
        f"{machine['n_disturbed']} of {machine['n_rounds_all']} rounds began while other processes ran, or unasked"
    )
    return f"{where}; {disturbed}.\n\n{tables(rows)}"


def tables(rows: list[Row]) -> str:
    """Return a Markdown table for each bar."""
    parts = []
    for bar, group in groupby(rows, key=lambda row: row.bar):
        of_bar = list(group)
        heads = ["case", "figure", "quartiles", *of_bar[0].columns]
        cells = [
            [r.case, f"{r.figure:.3g}", f"{r.low:.3g} to {r.high:.3g}", *r.columns.values(), MET.get(r.met, r.met)]
            for r in of_bar
        ]
        bound = next((r.bound for r in of_bar if r.bound is not None), None)
        if bound is None:
            cells = [line[:-1] for line in cells]
        else:
            heads.append("bar met")
        lines = [heads, ["---"] * len(heads), *cells]
        parts.append("\n".join([f"{bar}:", "", *("| " + " | ".join(line) + " |" for line in lines)]))
    return "\n\n".join(parts)


def plot(rows: list[Row], path: Path) -> None:
    """Plot each figure with a bar as a multiple of that bar: 1 meets it. Needs pygal.

    It looks like pytest-benchmark's own plots, which stand beside it in the documentation.
    """
    from pygal import PluginImportFixer, StackedBar
    from pygal.style import DefaultStyle

    # pygal installs a finder of a kind that Python has given up, which warns at every later import that fails.
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, PluginImportFixer)]

    class Style(DefaultStyle):
        font_family = 'Consolas, "Deja Vu Sans Mono", "Bitstream Vera Sans Mono", "Courier New", monospace'

    barred = [row for row in rows if row.times_the_bar is not None]
    # Stacked, because each column has a value of one bar only. Columns side by side would be as thin as all bars together.
    chart = StackedBar(
        title="Times the bar (1: just met)",
        y_title="Times the bar",
        logarithmic=True,
        zero=LEAST_SHOWN,
        range=(LEAST_SHOWN, 50),
        y_labels=[LEAST_SHOWN, 0.5, 1, 2, 5, 10, 20, 50],
        y_labels_major=[1],
        x_labels=[row.case.replace("`", "") for row in barred],
        x_label_rotation=-90,
        truncate_label=40,
        truncate_legend=-1,
        legend_at_bottom=True,
        legend_at_bottom_columns=2,
        width=1060,
        height=820,
        margin_bottom=30,
        style=Style,
        js=[],
    )
    for bar in dict.fromkeys(row.bar for row in barred):
        chart.add(bar.replace("`", ""), [row.times_the_bar if row.bar == bar else None for row in barred])
    chart.render_to_file(str(path))
