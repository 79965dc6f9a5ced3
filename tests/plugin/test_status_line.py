"""Long checks in a real terminal (a pseudo-terminal), as a person sees them. Every step is long here."""

import sys

import pytest
from terminal import EAGER, in_terminal, screen

BODY = """
from pytest_gilcheck import specimens
def test_check(gilcheck):
    gilcheck(specimens.holds, 1_000_000)
def test_agrees(gilcheck):
    from hypothesis import strategies as st
    gilcheck.agrees(len, len, st.text().map(lambda text: (text,)), examples=7)
def test_plain():
    pass
"""


@pytest.fixture
def shown(pytester):
    """Runs the tests in a terminal: what was written, and the screen at the end."""

    def run(*arguments, body=BODY, interrupt_at=None, **environment):
        pytester.makepyfile(test_a=body)
        pytester.makeconftest(EAGER)
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--gilcheck-budget=1ms", *arguments]
        status, written = in_terminal(command, pytester.path, interrupt_at=interrupt_at, **environment)
        assert status == (0 if interrupt_at is None else 2), written
        return written, screen(written)

    return run


def test_steps_stand_behind_the_file_and_are_gone_at_the_end(shown):
    """As pytest's own `collecting ...`."""
    written, at_the_end = shown()

    steps = ("first call", "single calls [  0%]", "beside a waiter", "looking for the lines", "examples [ 85%]")
    assert [step for step in steps if f"gilcheck: {step}" not in written] == []
    (line,) = [line for line in at_the_end if line.startswith("test_a.py")]
    assert line.split() == ["test_a.py", "...", "[100%]"]
    assert not [line for line in at_the_end if "gilcheck:" in line]


def test_verbose_they_stand_behind_the_test(shown):
    """And its outcome takes their place."""
    written, at_the_end = shown("-v")

    assert "gilcheck: first call" in written
    outcomes = [line.split() for line in at_the_end if line.startswith("test_a.py::")]
    assert outcomes == [
        ["test_a.py::test_check", "PASSED", "[", "33%]"],
        ["test_a.py::test_agrees", "PASSED", "[", "66%]"],
        ["test_a.py::test_plain", "PASSED", "[100%]"],
    ]


def test_where_pytest_counts_they_count(shown):
    """console_output_style = count."""
    written, _ = shown("-o", "console_output_style=count")

    assert "gilcheck: examples [6/7]" in written


def test_a_disagreement_tells_of_its_search(shown):
    """Shrinking and replaying take longer than finding."""
    body = """
import pytest
from hypothesis import strategies as st
def test_it(gilcheck):
    with pytest.raises(AssertionError):
        gilcheck.agrees(lambda n: n, lambda n: min(n, 10), st.integers(0, 2000).map(lambda n: (n,)))
"""
    written, at_the_end = shown(body=body)

    assert "gilcheck: a smaller example" in written and "gilcheck: replays" in written
    assert not [line for line in at_the_end if "gilcheck:" in line]


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["-q"], {}),
        (["-s"], {}),
        (["-s", "-o", "console_output_style=progress-even-when-capture-no"], {}),
        (["-o", "console_output_style=classic"], {}),
        (["--setup-show"], {}),
        (["-o", "log_cli=true"], {}),
        (["-n1"], {}),
        ([], {"CI": "true"}),
        ([], {"TERM": "dumb"}),
    ],
    ids=lambda value: " ".join(value if isinstance(value, list) else map("=".join, value.items())),
)
def test_nothing_is_shown_where_pytest_shows_no_progress_or_somebody_else_writes(shown, arguments, environment):
    """Nor beside workers, in CI, or where a line cannot be taken back."""
    if "-n1" in arguments:
        pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    written, _ = shown(*arguments, **environment)

    assert "gilcheck: " not in written


def test_nothing_is_shown_in_a_file(pytester):
    """A log is not a terminal."""
    pytester.makepyfile(test_a=BODY)
    pytester.makeconftest(EAGER)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--gilcheck-budget=1ms")

    assert result.ret == 0
    assert "gilcheck: " not in result.stdout.str() + result.stderr.str()


def test_an_interrupt_leaves_a_clean_line(shown):
    """In the middle of a call."""
    body = """
from pytest_gilcheck import check, specimens
def test_it():
    check(specimens.never_returns, False)
"""
    _, at_the_end = shown(body=body, interrupt_at="first call")

    assert [line for line in at_the_end if line.startswith("test_a.py")] == ["test_a.py"]
    assert not [line for line in at_the_end if "gilcheck:" in line]


def test_what_is_printed_meanwhile_is_captured_all_the_same(shown):
    """Showing a step puts capture off and on again."""
    body = """
from pytest_gilcheck import check
def test_it(capfd):
    check.options(overlap=False)(print, "overheard")
    assert set(capfd.readouterr().out.split()) == {"overheard"}
"""
    written, _ = shown(body=body)

    assert "gilcheck: single calls" in written and "overheard" not in written


def test_rich_is_not_loaded_for_it(shown):
    """It is a line and no more."""
    body = """
import sys
def test_it(gilcheck):
    gilcheck(len, "abc")
    assert "rich" not in sys.modules
"""
    written, _ = shown(body=body)

    assert "gilcheck: single calls" in written
