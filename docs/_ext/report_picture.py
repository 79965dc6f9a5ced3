"""Draws the report that the README quotes: ``python docs/_ext/report_picture.py`` writes ``docs/report.svg``.

The text is that of the README's block, which `printed_reports.py` keeps true. Nothing in the picture is loaded from elsewhere.
"""

from __future__ import annotations

import html
import io
import re

from printed_reports import BLOCK, ROOT
from rich.console import Console
from rich.text import Text

PICTURE = ROOT / "docs" / "report.svg"
WIDTH = 88
#: rich names fonts of a server, and a fallback behind each.
REMOTE_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def quoted() -> str:
    """Return the report of the README, its command in lines that fit."""
    (block,) = BLOCK.finditer((ROOT / "README.md").read_text(encoding="utf-8"))
    command, _, report = block["body"].partition("\n")
    setup, _, statement = command.rpartition("' '")
    return f"{setup}' \\\n      '{statement}\n{report}"


def picture() -> str:
    """Return the picture of the report."""
    # An empty line at the end: the last one is cut below its letters, where underscores are.
    text = Text(quoted().rstrip("\n") + "\n")
    text.highlight_regex(r"(?m)^\$.*\n.*", "dim")
    text.highlight_regex(r"\b(held|█+)", "bold yellow")
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(text)
    return REMOTE_FONT.sub("", console.export_svg(title="gilcheck", unique_id="report"))


def text_of(svg: str) -> str:
    """Return what a reader sees in a picture, without its spaces: each line of a terminal is several pieces."""
    pieces = re.findall(r"<text [^>]*>(.*?)</text>", svg)
    return re.sub(r"\s", "", html.unescape("".join(pieces)))


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
