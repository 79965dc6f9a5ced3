"""What the README shows works as it is written there."""

import re
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")

#: Stands for an extension: releases the GIL for long texts, and counts in short ones.
MYLIB = """
from pytest_gilcheck import specimens
def search(text, word):
    if len(text) < 10**5:
        return text.count(word)
    specimens.releases(5_000_000)
    return 0
"""


def test_readme_when_its_tests_are_run_then_they_pass(pytester):
    """As somebody copies them: nothing is missing."""
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    pytester.makepyfile(mylib=MYLIB, test_readme=code)

    result = pytester.runpytest_subprocess("--gilcheck", "--gilcheck-inconclusive=skip", "-p", "no:cacheprovider")

    n_undecided = result.parseoutcomes().get("skipped", 0)
    result.assert_outcomes(passed=3 - n_undecided, skipped=n_undecided)
    if n_undecided:
        pytest.skip(f"on this busy machine {n_undecided} of the 3 tests are undecided")
    result.stdout.fnmatch_lines(["test_search_releases_the_gil *released*", "*mylib.search*"])


def test_readme_when_its_commands_are_run_then_they_succeed(pytester):
    """Those that need no extension of the reader's."""
    commands = [line[2:] for line in README.splitlines() if line.startswith("$ gilcheck") and "first_check" not in line]
    assert commands
    for command in commands:
        setup, statement = re.fullmatch(r"gilcheck -s '(.*)' '(.*)'", command).groups()
        # Not the command: its folder is on PATH in an activated environment only.
        result = pytester.run(sys.executable, "-m", "pytest_gilcheck", "-s", setup, statement)
        assert result.ret in (0, 3)
        assert result.stdout.lines[0].startswith(f"{statement}: ")


@pytest.mark.parametrize("option", sorted(set(re.findall(r"--gilcheck[a-z-]*", README))))
def test_readme_when_it_names_an_option_then_there_is_one(option):
    """As pytest knows it."""
    from pytest_gilcheck.declare.options import OPTIONS

    assert option in {known.flag for known in OPTIONS}


def test_readme_fits_a_screen_or_two():
    """The report and the two commands come within the first sixty lines."""
    lines = README.splitlines()

    assert len(lines) <= 120
    assert "## Two commands" in lines[:60]
