"""The options that pages and workflows write are options that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_gilcheck.declare.options import OPTIONS

DOCS = Path(__file__).parents[2] / "docs"
FLAGS = {option.flag for option in OPTIONS}
PAGES = [path for end in ("md", "yml") for path in sorted(DOCS.glob(f"*/**/*.{end}")) if "_build" not in path.parts]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(DOCS).as_posix())
def test_page_writes_no_option_that_there_is_not(path: Path) -> None:
    """A workflow with a wrong option stops before any test."""
    written = set(re.findall(r"--gilcheck(?:-[a-z]+)*\b", path.read_text(encoding="utf-8")))

    assert written <= FLAGS


def test_workflows_compare_with_what_they_save() -> None:
    """The file that a run of the target branch saves is the one that a change compares with."""
    for name in ("github", "gitlab"):
        workflow = (DOCS / "howto" / "workflows" / f"{name}.yml").read_text(encoding="utf-8")
        (saved,) = set(re.findall(r"--gilcheck-json=(\S+)", workflow))
        (compared,) = set(re.findall(r"--gilcheck-compare=(\S+)", workflow))

        assert saved in workflow.partition("artifacts" if name == "gitlab" else "upload-artifact")[2]
        assert compared in workflow.partition("--gilcheck-compare")[0]
