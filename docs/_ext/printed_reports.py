"""Runs the commands that the README and the documentation quote, and puts what they print below them.

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
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: What users read, without the READMEs of the example projects, which are for people who copy a project.
PAGES = (
    ROOT / "README.md",
    *(
        page
        for page in sorted((ROOT / "docs").rglob("*.md"))
        if not any(part.startswith((".", "_")) for part in page.relative_to(ROOT).parts)  # caches, and what is built
        and page.parent.parent.name != "gallery"
    ),
)
BLOCK = re.compile(
    r"(?P<head><!-- report(: (?P<name>\w+))? -->\n```console\n)(?P<body>.*?)(?P<tail>```\n<!-- end of report -->)",
    re.DOTALL,
)
#: A command, which goes on in the next line after a backslash, and what it prints.
RUN = re.compile(r"(?m)^\$ (?P<command>(?:.*\\\n)*.*)\n(?P<output>(?:(?!\$ ).*\n)*)")
#: What no load may change: the word of a verdict, alone with `-q`; the line of the project from which the GIL is held; that
#: the call sleeps.
FACTS = re.compile(
    r"(?m)^(?:\S.*: )?(released|held|partial|not applicable)\b|\bheld for .* (?:from|after|at) ([\w/]+\.\w+:\d+)|(It sleeps) for"
)
#: Of the verdict. Overlap, which has a line of its own, may be inconclusive beside any word.
INCONCLUSIVE = re.compile(r"(?m)^(?:\S.*: )?inconclusive\b")
#: A busy machine may leave a verdict open. It never makes it another one.
N_TRIES = 3


def printed_by(command: str, folder: Path) -> str:
    """Return what this command prints when it runs in this folder. If its verdict is inconclusive, it is run again.

    Raises:
        SystemExit: it fails in another way than by being inconclusive.
    """
    # The commands are those of this interpreter's environment, whether or not it is the active one.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "PATH": path}
    for _ in range(N_TRIES):
        done = subprocess.run(  # noqa: S602  (the pages' own commands)
            command, shell=True, capture_output=True, text=True, check=False, cwd=folder, env=environment
        )
        if done.returncode not in (0, 3):
            raise SystemExit(f"{command}\n{done.stdout}{done.stderr}")
        if not INCONCLUSIVE.search(done.stdout):
            break
    return done.stdout


def is_contradicted(then: str, now: str) -> bool:
    """Return whether the facts of two reports of one command differ. An inconclusive one contradicts nothing."""
    return not INCONCLUSIVE.search(now) and FACTS.findall(then) != FACTS.findall(now)


def compare(block: re.Match[str], run: Callable[[str], str]) -> list[str]:
    """Return how a block differs from what its commands print now, a text for each command that contradicts it."""
    differences = []
    for told in RUN.finditer(block["body"]):
        now = run(told["command"])
        if INCONCLUSIVE.search(now):
            print(f"not compared:\n{now}")  # noqa: T201  (for people)
        elif is_contradicted(told["output"], now):
            differences.append(f"$ {told['command']}\nthe page says\n{told['output']}\nand now it prints\n{now}")
    return differences


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
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in reversed(list(BLOCK.finditer(text))):
            name = block["name"] or "first_check"
            if options.names and name not in options.names:
                continue
            run = partial(printed_by, folder=ROOT / "docs" / "gallery" / name)
            if options.check:
                differences += [f"{page}: {what}" for what in compare(block, run)]
            else:
                body = "".join(f"$ {told['command']}\n{run(told['command'])}" for told in RUN.finditer(block["body"]))
                text = f"{text[: block.start('body')]}{body}{text[block.end('body') :]}"
        if not options.check and text != page.read_text(encoding="utf-8"):
            page.write_text(text, encoding="utf-8")
    if not options.check:
        import report_picture  # noqa: PLC0415  (it reads this module's blocks)

        report_picture.PICTURE.write_text(report_picture.picture(), encoding="utf-8")
    if differences:
        raise SystemExit("\n".join(differences))


if __name__ == "__main__":
    main()
