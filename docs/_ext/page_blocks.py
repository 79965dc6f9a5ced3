"""Finds the code blocks of a page, and what the page says about them in comments that readers do not see.

A comment directly above a block::

    <!-- not run: it needs the network -->       (nobody runs the block; the text says why)
    <!-- report: NAME -->                        (printed_reports.py runs it, in a project of the gallery)
    <!-- before: pytest --gilcheck-save=main --> (a command that runs first, and that readers do not see)
    <!-- exit status: 1 -->                      (what its last command returns)

And anywhere on a page, for all of its Python blocks::

    <!-- setup
    from hypothesis import strategies as st
    -->
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sybil import Document, Region
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

#: The comments directly above a block, and each of them.
ABOVE = re.compile(r"(?:^<!-- [^\n]* -->\n)+\Z", re.MULTILINE)
COMMENT = re.compile(r"<!-- (?P<kind>not run|report|exit status|before)(?:: (?P<text>[^\n]*?))? -->\n")
SETUP = re.compile(r"^<!-- setup\n(.*?)^-->$", re.MULTILINE | re.DOTALL)
#: The language of a block, or nothing. A directive of MyST has braces.
FENCED = RawFencedCodeBlockLexer(re.compile(r"(?P<language>[^\s{`]*)[^\n{]*$\n", re.MULTILINE))
INCLUDED = RawFencedCodeBlockLexer(re.compile(r"\{(?:literalinclude|include)\} (?P<path>\S+)\n"))


@dataclass(frozen=True)
class Block:
    """One code block of a page."""

    language: str
    source: str
    line: int
    comments: tuple[tuple[str, str], ...] = ()

    def comment(self, kind: str) -> str | None:
        """Return the text of the comment of this kind, or None if there is none. One without a text has an empty one."""
        return dict(self.comments).get(kind)


def _regions(document: Document) -> Iterable[Region]:
    for region in FENCED(document):
        above = ABOVE.search(document.text[: region.start])
        region.parsed = Block(
            region.lexemes["language"],
            region.lexemes["source"],
            document.text.count("\n", 0, region.start) + 1,
            tuple((comment["kind"], comment["text"] or "") for comment in COMMENT.finditer(above[0] if above else "")),
        )
        region.evaluator = lambda _example: None
        yield region


def blocks_of(page: Path) -> list[Block]:
    """Return the code blocks of a page in their order, without those that a directive reads from a file."""
    return [example.parsed for example in Document.parse(str(page), _regions).examples()]


def setup_of(page: Path) -> str:
    """Return the code that the Python blocks of a page take for granted."""
    return "\n".join(SETUP.findall(page.read_text(encoding="utf-8")))


def included_by(page: Path) -> list[Path]:
    """Return the files that a page quotes."""
    document = Document(page.read_text(encoding="utf-8"), str(page))
    return [(page.parent / region.lexemes["path"]).resolve() for region in INCLUDED(document)]
