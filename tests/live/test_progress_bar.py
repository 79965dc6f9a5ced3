"""The status line of the command, in a pseudo-terminal. Every stage counts as long here."""

import re
import shlex
import sys
from pathlib import Path

import pytest
from terminal import EAGER, in_terminal, screen

from pytest_gilcheck.store.json_report import write
from pytest_gilcheck.store.stream import merged

MAIN = EAGER + "import sys; from pytest_gilcheck.__main__ import main; sys.exit(main())"
CAPTURES = sorted(Path(__file__).parents[1].joinpath("captures").glob("*.json"))[:2]
SETUP = ["-s", "from pytest_gilcheck.specimens import *"]
HELD = [*SETUP, "holds(2_000_000)"]


@pytest.fixture
def shown(tmp_path):
    """Run the command; gives its exit status, what it wrote, and the screen at the end."""

    def run(*arguments, to="", **more):
        command = shlex.join([sys.executable, "-c", MAIN, *map(str, arguments)])
        status, written = in_terminal(["sh", "-c", f"exec {command} {to}"], tmp_path, **more)
        return status, written, screen(written)

    return run


@pytest.fixture
def reports(tmp_path):
    """Two JSON reports, as the tool writes them."""
    paths = [tmp_path / "first.json", tmp_path / "second.json"]
    for path in paths:
        write(path, merged([("a", CAPTURES[0]), ("b", CAPTURES[1])]))
    return paths


def test_status_when_the_result_is_printed_then_it_is_gone(shown):
    """The report begins at the left margin, in the first line."""
    status, written, at_the_end = shown("--budget", "20ms", *HELD)

    assert status in (0, 3)
    # Not from 0 % on where the first call has used up time of the others: beside a load.
    for stage in ("first call", r"single calls \[ *\d+%\]", "beside a waiter", r"competing threads \[ *\d+%\]"):
        assert re.search(f"gilcheck: {stage}", written)
    assert at_the_end[0].startswith("holds(2_000_000): ")
    assert not [line for line in at_the_end if "gilcheck:" in line or "━" in line]


def test_status_when_isolated_then_it_shows_the_child_process(shown):
    """The stages in the child process are not shown."""
    status, written, at_the_end = shown("--isolate", "--no-overlap", *HELD)

    assert status in (0, 3)
    assert "gilcheck: in a child process" in written
    assert "single calls" not in written
    assert at_the_end[0].startswith("holds(2_000_000): ")


@pytest.mark.parametrize(
    ("arguments", "to", "environment"),
    [(["-q"], "", {}), ([], "2>err", {}), ([], "", {"TERM": "dumb"})],
    ids=["quiet", "stderr is a file", "dumb terminal"],
)
def test_status_when_quiet_or_not_on_a_terminal_then_it_is_not_shown(shown, arguments, to, environment, tmp_path):
    status, written, _ = shown("--no-overlap", *arguments, *HELD, to=to, FORCE_COLOR="1", **environment)

    assert status in (0, 3)
    assert "gilcheck:" not in written
    assert not (tmp_path / "err").exists() or (tmp_path / "err").read_text() == ""


def test_status_when_no_color_is_set_then_it_has_no_color(shown):
    _, written, _ = shown("--no-overlap", *HELD, NO_COLOR="1")

    assert "gilcheck: first call" in written
    assert "\x1b[3" not in written and "\x1b[38" not in written


def test_status_when_interrupted_then_the_line_is_clean_and_the_cursor_visible(shown):
    status, written, at_the_end = shown(*SETUP, "never_returns(False)", interrupt_at="first call")

    assert status == 130, written
    assert [line for line in at_the_end if line] == ["gilcheck: interrupted before a verdict"]
    assert (
        "\x1b[?25l" not in written
    )  # the cursor is never hidden: a process that ends at its deadline could not show it again


def test_reading_when_output_comes_at_the_end_then_it_is_shown(shown, reports):
    path = reports[0]
    for arguments in (["show", "-q", path], ["show", "-f", "table", path], ["compare", *reports]):
        _, written, at_the_end = shown(*arguments)

        assert f"gilcheck: reading {path.name} [" in written
        assert not [line for line in at_the_end if "━" in line]


@pytest.mark.parametrize("to", ["", "| cat"])
def test_reading_when_lines_come_one_by_one_or_to_a_pager_then_it_is_not_shown(shown, reports, to):
    status, written, _ = shown("show", reports[0], to=to)

    assert status in (0, 1, 3)
    assert "reading" not in written


def test_reading_when_output_goes_to_a_file_then_it_is_shown(shown, reports, tmp_path):
    _, written, at_the_end = shown("merge", *reports, to="> merged.json")

    assert "gilcheck: reading second.json [" in written
    assert not any(at_the_end)
    assert (tmp_path / "merged.json").read_text().rstrip().endswith("}")
