"""What each function does to the GIL. The words are exact, so the tests hold on a busy machine, too."""

import signal
import subprocess
import sys

import c_extension
import pytest
from hypothesis import strategies as st
from slow_file import slow_file

DATA = bytes(range(256)) * 40_000
TEXT = "as slow as the one who reads it\n" * 10_000


@pytest.fixture(scope="module")
def pipe():
    with slow_file() as path:
        yield path


def test_checksum_releases_the_gil(gilcheck):
    verdict = gilcheck(c_extension.checksum, DATA)

    assert verdict.released
    assert verdict.result == c_extension.checksum_holding(DATA)


def test_checksum_holding_holds_the_gil(gilcheck):
    assert gilcheck(c_extension.checksum_holding, DATA).held


@pytest.mark.gilcheck(releases=0.95)
def test_checksum_leaves_the_gil_to_others():
    c_extension.checksum(DATA)


def test_fputs_releases_the_gil_while_it_waits(gilcheck, pipe):
    verdict = gilcheck(c_extension.fputs, TEXT, pipe)

    assert verdict.released
    assert verdict.result == len(TEXT)


def test_fputs_as_written_sleeps_while_it_holds_the_gil(gilcheck, pipe):
    verdict = gilcheck(c_extension.fputs_as_written, TEXT, pipe)

    assert verdict.held
    assert "sleeps-while-holding" in verdict.reasons


def test_results_of_checksum_stay_right_when_threads_compete(gilcheck):
    gilcheck.agrees(c_extension.checksum, c_extension.checksum_holding, inputs=st.tuples(st.binary()))


@pytest.mark.parametrize("write", [c_extension.fputs, c_extension.fputs_as_written])
def test_both_write_the_text(write, tmp_path):
    path = tmp_path / "text"

    write("ten letters", str(path))

    assert path.read_text() == "ten letters"


@pytest.mark.parametrize("write", [c_extension.fputs, c_extension.fputs_as_written])
def test_a_short_text_is_refused(write, tmp_path):
    with pytest.raises(ValueError, match="shorter than 10"):
        write("short", str(tmp_path / "text"))


def test_fputs_says_why_a_file_does_not_open(tmp_path):
    with pytest.raises(FileNotFoundError):
        c_extension.fputs("ten letters", tmp_path / "missing" / "text")


def test_fputs_as_written_ends_the_process_when_a_file_does_not_open(tmp_path):
    code = "import sys, c_extension; c_extension.fputs_as_written('ten letters', sys.argv[1])"

    child = subprocess.run([sys.executable, "-c", code, tmp_path / "missing" / "text"], check=False)

    assert child.returncode == -signal.SIGSEGV
