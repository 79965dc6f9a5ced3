"""Texts for people, byte by byte."""

import os
import re
from pathlib import Path

import pytest

from pytest_gilcheck.judge import judge
from pytest_gilcheck.report import document
from pytest_gilcheck.report.terminal import tables
from pytest_gilcheck.report.text import story

HERE = Path(__file__).parent
CAPTURES = sorted((HERE.parent / "captures").glob("*.json"))
REFRESH = bool(os.environ.get("GILCHECK_REFRESH_GOLDEN"))
#: What may differ from run to run and version to version, and says nothing about the text.
SCRUBS = ((re.compile(r"\b\d+\.\d+\.\d+(?:\.dev\d+)?\b"), "VERSION"), (re.compile(r" +$", re.MULTILINE), ""))


def judged(path):
    """The capture, judged now."""
    (check,) = document.read(path).checks
    return check.observation, judge(check.observation)


def checked(path):
    """The capture as a row of a table."""
    observation, verdict = judged(path)
    return document.Check(observation.name, verdict, observation)


def compare(name, lines):
    """With the golden text; what was got instead is kept beside it."""
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
def test_story_is_as_it_was(path):
    """Every line of it."""
    compare(f"{path.stem}.story", story(*judged(path)))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_table_is_as_it_was(width):
    """In a narrow, the usual and a wide terminal."""
    compare(f"table_{width}", tables([checked(path) for path in CAPTURES], width=width, colour=False))


def test_no_golden_text_is_left_over():
    """Each belongs to a capture or a table."""
    known = {f"{path.stem}.story.txt" for path in CAPTURES} | {f"table_{width}.txt" for width in (60, 80, 120)}

    assert {path.name for path in HERE.glob("*.txt") if not path.name.endswith(".actual.txt")} == known
