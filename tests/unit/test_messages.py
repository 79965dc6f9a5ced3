"""Every reason that a verdict can give has its entry in docs/messages.md, and every entry its reason."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from pytest_gilcheck.evidence.reason import SLUGS

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "pytest_gilcheck"


def entries(markdown: str) -> dict[str, str]:
    """Return the text of each entry of the page, by its heading."""
    parts = re.split(r"^## (\S+)\n", markdown, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


#: Whatever takes a slug.
CALLS = {"Reason", "Reason.of", "Inconclusive", "NotApplicable"}


def strings(nodes: Iterable[ast.expr]) -> set[str]:
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def reasons_in(source: str) -> set[str]:
    """Return the slugs that this source writes out.

    First arguments of `Reason`, tuples given to `Inconclusive`, and what a function called `neighbours` collects.
    """
    found = set()
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in CALLS:
            named = {keyword.arg: keyword.value for keyword in node.keywords}
            if ast.unparse(node.func) in {"Reason", "Reason.of"}:
                found |= strings([*node.args[:1], *([named["slug"]] if "slug" in named else [])])
            else:
                given = [*node.args[1:2], *([named["slugs"]] if "slugs" in named else [])]
                found |= {slug for slugs in given if isinstance(slugs, ast.Tuple) for slug in strings(slugs.elts)}
        elif isinstance(node, ast.FunctionDef) and node.name == "neighbours":
            for call in ast.walk(node):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "append":
                    found |= strings(call.args)
    return found


def reasons_in_rust(source: str) -> set[str]:
    """Return the slugs of `Unavailable::slug`, from the arms of its match."""
    return set(re.findall(r'=> "(ledger-[a-z-]+)"', source))


def test_messages_have_one_entry_per_slug_and_no_other() -> None:
    written = entries((ROOT / "docs" / "messages.md").read_text(encoding="utf-8"))

    assert sorted(written) == sorted(SLUGS)


@pytest.mark.parametrize("slug", SLUGS)
def test_messages_entry_tells_meaning_and_remedy(slug: str) -> None:
    text = entries((ROOT / "docs" / "messages.md").read_text(encoding="utf-8"))[slug]

    assert re.search(r"^\*\*What helps:\*\* \w", text, flags=re.MULTILINE), f"{slug}: no 'What helps:' in its entry"
    assert len(text.split("**What helps:**")[0].split()) >= 8, f"{slug}: its entry does not say what it means"


@pytest.mark.parametrize("slug", SLUGS)
def test_slugs_are_lower_case_words_with_a_meaning_of_one_line(slug: str) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", slug)
    assert SLUGS[slug]
    assert "\n" not in SLUGS[slug]
    assert not SLUGS[slug].endswith(".")


def test_slugs_contain_every_reason_that_the_package_writes_out() -> None:
    written = {
        slug: path
        for folder, pattern, reasons in ((PACKAGE, "*.py", reasons_in), (ROOT / "rust", "*.rs", reasons_in_rust))
        for path in folder.rglob(pattern)
        for slug in reasons(path.read_text(encoding="utf-8"))
    }
    assert {"borderline", "ledger-no-slot", "straddles"} <= set(written), "the search has lost its object"

    missing = {slug: str(path.relative_to(ROOT)) for slug, path in written.items() if slug not in SLUGS}
    assert missing == {}


def test_reasons_are_found_in_each_form_of_writing() -> None:
    source = """
Reason("a"); Reason(slug="b"); Reason.of("g", n=1); Inconclusive("text", ("c", "d")); Inconclusive("text", slugs=("e",))
def neighbours():
    found.append("f")
def others():
    found.append("no slug")
"""

    assert reasons_in(source) == {"a", "b", "c", "d", "e", "f", "g"}
    assert reasons_in_rust('Self::NoSlot(_) => "ledger-no-slot",') == {"ledger-no-slot"}
