"""How is the documentation built? Warnings are errors: `nox -s docs`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "pytest-gilcheck"
author = "the pytest-gilcheck contributors"
project_copyright = author

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.doctest", "option_table"]
source_suffix = {".md": "markdown"}
# Example projects are shown by the pages that quote them; their own READMEs are for those who copy one.
# What a benchmark writes is a part of the page that explains it.
exclude_patterns = ["_build", "gallery/*/**", "reference/counter-measured.md"]
html_theme = "furo"
html_title = "pytest-gilcheck"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# Signatures of records repeat their attributes' types, which nitpicky mode would look up one by one.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
# An example that only runs in the author's head is a guess; the console's own prompts are left to doctest blocks.
doctest_test_doctest_blocks = ""
