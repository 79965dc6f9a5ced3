"""Rules of the pages that need no reader: their length, their words, what they quote."""

import re

import pytest
import report_picture
from printed_reports import PAGES, ROOT

DOCS = ROOT / "docs"
N_LINES = 25
#: Shorter pages, and why.
SHORT = {
    "docs/decisions/": "a record of a decision has five paragraphs",
    "docs/explanation/alternatives-measured.md": "the table of a benchmark, a part of another page",
}
#: What the project calls things: each has one meaning, which the glossary gives.
WORDS = """
affinity; agreement; audit; background thread; baseline; baseline entry; both-released share; capture; check; claim;
competing threads; control; deadline; delay; drop request; efficiency; estimate; gate; GIL event; GIL waiter; GOT; held;
held share; hold; inconclusive; JSON report; ledger; limit; longest hold; longest wait; machine; machine lock; margin;
not applicable; observation; overlap; overlaps; partial; phase; pilot; plan; reason; release; released; report section; round;
serialised; slug; span; specimen; speed-up; status event; thread run; time limit; timeline; undisturbed; verdict; workload
"""
#: Outside of the example projects, what a page may quote: texts that a test compares, workflows that a linter reads, and
#: benchmarks whose figures stand beside them.
TESTED = (DOCS / "gallery", ROOT / "tests" / "golden", DOCS / "howto" / "workflows", ROOT / "benchmarks")
PARTS = ("Question", "Considered", "Chosen", "Consequences", "What would change our mind")


def test_page_when_it_is_short_then_there_is_a_reason():
    short = [
        name
        for page in PAGES
        if page.read_text(encoding="utf-8").count("\n") < N_LINES
        for name in [page.relative_to(ROOT).as_posix()]
    ]

    assert [name for name in short if not name.startswith(tuple(SHORT))] == []
    assert [start for start in SHORT if not (ROOT / start).exists()] == []


def test_glossary_when_the_project_has_a_word_then_it_explains_it():
    page = (DOCS / "glossary.md").read_text(encoding="utf-8").partition(":::{glossary}")[2]
    entries = re.findall(r"^(?! |:::)(\S.*)$", page, re.MULTILINE)

    assert [word for word in re.split(r";\s+", WORDS.strip()) if word not in entries] == []
    assert entries == sorted(entries, key=str.lower)


def test_pages_when_they_quote_a_file_then_a_test_holds_it_true():
    quoted = [
        (page, (page.parent / path).resolve())
        for page in PAGES
        for path in re.findall(r"^`{3,}\{literalinclude\} (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    ]

    assert quoted
    assert [
        (page.name, path) for page, path in quoted if not any(path.is_relative_to(folder) for folder in TESTED)
    ] == []


@pytest.mark.parametrize("page", sorted((DOCS / "decisions").glob("0*.md")), ids=lambda page: page.stem)
def test_decision_when_it_is_recorded_then_it_has_each_part(page):
    text = page.read_text(encoding="utf-8")

    assert re.findall(r"^\*\*(.+?)\.\*\*", text, re.MULTILINE) == list(PARTS)
    assert text.startswith(f"# {int(page.stem[:4])}. ")
    assert f"\n{page.stem}\n" in (DOCS / "decisions" / "index.md").read_text(encoding="utf-8")


def test_every_page_is_in_a_table_of_contents():
    """Sphinx warns about a page without one only if it is not hidden by another option."""
    listed = {
        (page.parent / f"{name}.md").resolve()
        for page in PAGES
        for body in re.findall(
            r"^```\{toctree\}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        )
        for name in body.split()
        if not name.startswith(":")
    }
    parts = {
        (page.parent / path).resolve()
        for page in PAGES
        for path in re.findall(r"^```\{include\} (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    }
    pages = {page.resolve() for page in PAGES if page.is_relative_to(DOCS)} - {(DOCS / "index.md").resolve()}

    assert sorted(page.name for page in pages - listed - parts) == []


def test_changelog_when_there_is_a_version_then_it_has_a_part():
    """Of the version that would be released next, or what will be in it."""
    cargo = (ROOT / "Cargo.toml").read_text(encoding="utf-8")
    (version,) = re.findall(r'^version = "(.+)"$', cargo.partition("[workspace.package]")[2], re.MULTILINE)
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert headings[0] in ("Unreleased", version)


def test_picture_when_the_report_of_the_readme_changes_then_it_is_drawn_again():
    """By ``python docs/_ext/report_picture.py``. The letters are compared, not the drawing, which another rich makes otherwise."""
    svg = report_picture.PICTURE.read_text(encoding="utf-8")

    assert report_picture.text_of(svg) == report_picture.text_of(report_picture.picture())
    assert re.sub(r"\s", "", report_picture.quoted()) in report_picture.text_of(svg)
    assert "url(http" not in svg


#: Where a file of the main branch is, as a page or as it is.
REPOSITORY = (
    "https://github.com/pytest-gilcheck/pytest-gilcheck/blob/main/",
    "https://raw.githubusercontent.com/pytest-gilcheck/pytest-gilcheck/main/",
)


def test_readme_when_it_is_the_page_of_a_package_index_then_its_links_lead_somewhere():
    """maturin makes the README the long description as it is: there a relative link or picture leads nowhere."""
    text = re.sub(r"^```.*?^```", "", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"(!?)\[[^\]]*\]\(([^)\s]+)[^)]*\)|^\[[^\]]+\]: (\S+)", text, re.MULTILINE)
    pictures = [target for is_picture, target, _ in links if is_picture]
    targets = [target or reference for _, target, reference in links]
    own = [target.removeprefix(start) for target in targets for start in REPOSITORY if target.startswith(start)]

    assert [target for target in targets if not target.startswith("https://")] == []
    assert [path for path in own if not (ROOT / path.partition("#")[0]).is_file()] == []
    assert len(own) > 10
    assert pictures
    assert all(picture.startswith(REPOSITORY[1]) for picture in pictures)  # the page around a picture is no picture


def test_how_to_read_a_report_when_a_text_changes_then_its_explanation_must():
    """The page quotes golden texts; its tables explain their lines one by one."""
    page = DOCS / "howto" / "read-a-report.md"
    text = page.read_text(encoding="utf-8")
    quoted = "\n".join(
        (page.parent / path).read_text(encoding="utf-8")
        for path in re.findall(r"^```\{literalinclude\} (\S+)$", text, re.MULTILINE)
    )
    # A timeline is shortened in its row.
    explained = [line for line in re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE) if not line.startswith("\\|")]

    assert len(explained) > 10
    assert [line for line in explained if line not in quoted] == []
