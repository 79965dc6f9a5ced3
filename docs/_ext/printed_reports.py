"""Runs the commands that the README and the pages of the gallery quote, and puts what they print below them.

``python docs/_ext/printed_reports.py`` writes; ``--check`` compares what is printed now with what the pages say. It needs an
environment in which this project and those of the gallery are installed. A block of a page is::

    <!-- report: NAME -->        (the project of the gallery in whose folder the command runs; the README's is first_check)
    ```console
    $ gilcheck -s 'import NAME' 'NAME.function()'
    ...
    ```
    <!-- end of report -->

Times differ from run to run. What must be the same is the word of each verdict, the line that it names, and that it sleeps.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs" / "gallery").glob("*.md")), ROOT / "docs" / "howto" / "held.md")
BLOCK = re.compile(
    r"(?P<head><!-- report(: (?P<name>\w+))? -->\n```console\n)(?P<body>.*?)(?P<tail>```\n<!-- end of report -->)",
    re.DOTALL,
)
#: What a report says that no load may change: the word of a verdict, alone with `-q`; the line of the project from which the
#: GIL is held; that the call sleeps.
FACTS = re.compile(r"(?m)^(?:\S.*: )?(released|held|partial|not applicable)\b|\bfrom ([\w/]+\.\w+:\d+)|(It sleeps) for")


def commands_of(body: str) -> list[str]:
    """Return the commands in the text of a console block. A command goes on in the next line after a backslash."""
    return re.findall(r"(?m)^\$ ((?:.*\\\n)*.*)\n", body)


def printed_by(command: str, folder: Path) -> str:
    """Return what this command prints when it runs in this folder.

    Raises:
        SystemExit: it fails in another way than by being inconclusive.
    """
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1"}
    done = subprocess.run(  # noqa: S602  (the pages' own commands)
        command, shell=True, capture_output=True, text=True, check=False, cwd=folder, env=environment
    )
    if done.returncode not in (0, 3):
        raise SystemExit(f"{command}\n{done.stdout}{done.stderr}")
    return done.stdout


def run_block(block: re.Match[str]) -> str:
    """Return the text of a console block with what its commands print now."""
    folder = ROOT / "docs" / "gallery" / (block["name"] or "first_check")
    return "".join(f"$ {command}\n{printed_by(command, folder)}" for command in commands_of(block["body"]))


def difference(block: re.Match[str], now: str) -> str | None:
    """Return how the facts of a block differ from what its commands print now, or None."""
    then_facts, now_facts = FACTS.findall(block["body"]), FACTS.findall(now)
    if then_facts == now_facts:
        return None
    return f"the page says\n{block['body']}\nand now it prints\n{now}"


def main() -> None:
    """Write or compare the blocks of the pages.

    Raises:
        SystemExit: something that a page says is not what is printed now.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    parser.add_argument("names", nargs="*", help="only the blocks of these projects")
    options = parser.parse_args()
    differences = []
    for page in filter(Path.exists, PAGES):
        text = page.read_text(encoding="utf-8")
        for block in reversed(list(BLOCK.finditer(text))):
            if options.names and (block["name"] or "first_check") not in options.names:
                continue
            now = run_block(block)
            if options.check and difference(block, now) and "inconclusive" not in now:
                # A second run: what is wrong stays wrong.
                now = run_block(block)
            if options.check and (what := difference(block, now)):
                # A busy machine may leave a verdict open. It never makes it another one.
                if "inconclusive" in now:
                    print(f"{page}: inconclusive, not compared\n{now}")  # noqa: T201  (for people)
                else:
                    differences.append(f"{page}: {what}")
            text = f"{text[: block.start('body')]}{now}{text[block.end('body') :]}"
        if not options.check:
            page.write_text(text, encoding="utf-8")
    if differences:
        raise SystemExit("\n".join(differences))


if __name__ == "__main__":
    main()
