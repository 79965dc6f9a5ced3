"""Runs the command that the README quotes, and puts what it prints below it.

To be run in ``docs/gallery/first_check``, in an environment in which that project and this one are installed.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(
    r"(<!-- report -->\n```console\n\$ )(?P<command>.*?)(\n)(?P<output>.*?)(```\n<!-- end of report -->)", re.DOTALL
)


def main() -> None:
    """Replace the quoted output by that of this machine."""
    text = README.read_text(encoding="utf-8")
    found = BLOCK.search(text)
    if found is None:
        message = f"{README}: no command between <!-- report --> and <!-- end of report -->"
        raise SystemExit(message)
    command, begun = found["command"].partition("\n")[0], found.start("command")
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)  # noqa: S602  (the README's own)
    if done.returncode:
        raise SystemExit(done.stderr)
    README.write_text(f"{text[:begun]}{command}\n{done.stdout}{text[found.end('output') :]}", encoding="utf-8")


if __name__ == "__main__":
    main()
