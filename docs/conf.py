"""Configuration of Sphinx. Warnings are errors: `nox -s docs`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "pytest-gilcheck"
author = "the pytest-gilcheck contributors"
project_copyright = author

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.doctest", "sphinx.ext.napoleon", "option_table"]
source_suffix = {".md": "markdown"}
# Pages quote the example projects. Their own READMEs are for people who copy a project.
# Pages that explain a benchmark include the tables that it writes.
exclude_patterns = ["_build", "gallery/*/**", "explanation/counter-measured.md", "explanation/alternatives-measured.md"]
html_theme = "furo"
html_title = "pytest-gilcheck"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# The signature of a record repeats the types of its attributes, and nitpicky mode would look up each of them.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
# Google's sections, as field lists: the attributes of a record need no index entries of their own.
napoleon_use_ivar = True
napoleon_attr_annotations = False
# Only `testcode` and `doctest` blocks run. Other blocks with a prompt show a console.
doctest_test_doctest_blocks = ""
