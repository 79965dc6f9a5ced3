"""Texts for people, compared byte by byte."""

import os
import re
from pathlib import Path

import pytest
from built import RACE, verdict_on

from pytest_gilcheck.evidence import Agreement
from pytest_gilcheck.report import agreement as agreement_text
from pytest_gilcheck.report import findings
from pytest_gilcheck.report.markdown import markdown
from pytest_gilcheck.report.tables import tables
from pytest_gilcheck.report.text import report_lines
from pytest_gilcheck.store.json_report import AgreementEntry, CheckEntry
from pytest_gilcheck.store.stream import Stream

HERE = Path(__file__).parent
CAPTURES = sorted((HERE.parent / "captures").glob("*.json"))
REFRESH = bool(os.environ.get("GILCHECK_REFRESH_GOLDEN"))
#: Two agreements of tests, the second merged from another report.
AGREEMENTS = [
    AgreementEntry(RACE, "tests/test_counter.py::test_add", "tests/test_counter.py", 12, failed=True),
    AgreementEntry(
        Agreement("word_count.search", "agree", n_examples=100, n_calls=12_400, n_threads=4),
        "tests/test_count.py::test_counts",
        "tests/test_count.py",
        3,
        origin="py3.13",
    ),
]
#: Parts that may differ between runs and versions without a change of the text.
SCRUBS = ((re.compile(r"\b\d+\.\d+\.\d+(?:\.dev\d+)?\b"), "VERSION"), (re.compile(r" +$", re.MULTILINE), ""))


def judged(path):
    """Observation and verdict of a capture, judged now."""
    (check,) = Stream(path)
    return check.observation, verdict_on(check.observation)


def checked(path):
    """The capture as a row of a table."""
    observation, verdict = judged(path)
    return CheckEntry(observation.name, verdict, observation)


def compare(name, lines):
    """Compare with the golden text; a text that differs is kept beside it."""
    text = "\n".join(lines) + "\n"
    for pattern, replacement in SCRUBS:
        text = pattern.sub(replacement, text)
    golden, actual = HERE / f"{name}.txt", HERE / f"{name}.actual.txt"
    if REFRESH:
        golden.write_text(text, encoding="utf-8")
    actual.unlink(missing_ok=True)
    if not golden.exists() or golden.read_text(encoding="utf-8") != text:
        actual.write_text(text, encoding="utf-8")
    assert golden.exists(), f"no {golden.name} yet; see README.md"
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_report_section_of_a_capture_is_as_it_was(path):
    """Every line of it."""
    compare(f"{path.stem}.report", report_lines(*judged(path)))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_table_is_as_it_was(width):
    """In a narrow, the usual and a wide terminal."""
    compare(f"table_{width}", tables([checked(path) for path in CAPTURES], width=width, colour=False))


REPORTS = {
    "report": lambda: (line for entry in AGREEMENTS for line in agreement_text.report_lines(entry.agreement)),
    "table": lambda: tables(AGREEMENTS, width=80, colour=False),
    "with_checks": lambda: tables([*map(checked, CAPTURES[:2]), *AGREEMENTS], width=80, colour=False),
    "markdown": lambda: markdown([*map(checked, CAPTURES[:2]), *AGREEMENTS]),
    "junit": lambda: (
        f"{name}={value}" for entry in AGREEMENTS for name, value in agreement_text.junit_properties(entry.agreement)
    ),
    "github": lambda: findings.github(AGREEMENTS, prefix="sub/"),
    "gitlab": lambda: "".join(findings.gitlab(AGREEMENTS)).splitlines(),
    "failure": lambda: [agreement_text.message(RACE)],
}


@pytest.mark.parametrize("report", REPORTS)
def test_report_of_agreements_is_as_it_was(report):
    """In each form of report."""
    compare(f"agreements.{report}", REPORTS[report]())


def test_no_golden_text_is_left_over():
    """Each belongs to a capture, a table or a report of agreements."""
    known = {f"{path.stem}.report.txt" for path in CAPTURES} | {f"table_{width}.txt" for width in (60, 80, 120)}
    known |= {f"agreements.{report}.txt" for report in REPORTS}

    assert {path.name for path in HERE.glob("*.txt") if not path.name.endswith(".actual.txt")} == known
