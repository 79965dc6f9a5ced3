"""The code map in ARCHITECTURE.md and the tree name the same files."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
#: A heading or sentence of the page -> the folder to which the names in the tables below it belong.
BASES = {"## Where a change goes": "pytest_gilcheck", "Rust, in `rust/`": "rust", "Beside the package": ""}
#: They only hold together what the others define.
BINDERS = {"__init__.py", "lib.rs", "mod.rs"}


def rows():
    """Yield the folders of a row of the tables, the folder that its table is about, and the row."""
    base = ROOT
    for line in PAGE.splitlines():
        base = next((ROOT / folder for start, folder in BASES.items() if line.startswith(start)), base)
        if line.startswith("| "):
            folders = [base / name for name in re.findall(r"`([\w/]+/)`", line.split("|")[1])]
            yield [*folders, *(folder / "src" for folder in folders)], base, line


def missing(pattern):
    """Return what the tables name by this pattern and the tree does not have."""
    return [
        name
        for folders, base, line in rows()
        for name in re.findall(pattern, line)
        if not any((folder / name).exists() for folder in (*folders, base, ROOT))
    ]


def is_named(path):
    """Return whether a row about the file's folder names it, or a row about the folder above names its folder."""
    return any(
        (path.parent in (*folders, base) and f"`{path.name}`" in line)
        or (path.parent.parent in folders and f"`{path.parent.name}/`" in line.split("|", 2)[2])
        for folders, base, line in rows()
    )


@pytest.mark.parametrize("pattern", [r"`([\w./]+\.(?:py|pyi|rs|md))`", r"`([\w/]+/)`"], ids=["files", "folders"])
def test_the_tables_when_they_name_something_then_it_exists(pattern):
    assert missing(pattern) == []


@pytest.mark.parametrize("pattern", ["pytest_gilcheck/**/*.py", "rust/core/src/**/*.rs", "rust/counter/src/*.rs"])
def test_the_tables_when_a_module_exists_then_they_name_it(pattern):
    modules = [path for path in ROOT.glob(pattern) if path.name not in BINDERS]

    assert [str(path.relative_to(ROOT)) for path in modules if not is_named(path)] == []
