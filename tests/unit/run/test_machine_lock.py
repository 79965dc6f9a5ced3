"""The lock that workers share: together, alone, and given back by those that die."""

import os
import subprocess
import sys

import pytest

from pytest_gilcheck.run.machine_lock import MachineLock

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such lock there")

HOLDER = """
import sys, pathlib
from pytest_gilcheck.run.machine_lock import MachineLock
quiet = MachineLock(pathlib.Path(sys.argv[1]))
with getattr(quiet, sys.argv[2])() as had:
    print(had, flush=True)
    sys.stdin.read(1)
"""


@pytest.fixture
def other(tmp_path, monkeypatch):
    """Starts another process that holds the lock until it is told, or killed."""
    monkeypatch.delenv("PYTEST_GILCHECK_INSIDE", raising=False)
    started = []

    def start(how):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path / "lock"), how], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        started.append(process)
        assert process.stdout.readline() == b"True\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("theirs", "ours", "had"),
    [
        ("together", "together", True),
        ("together", "alone", False),
        ("alone", "together", False),
        ("alone", "alone", False),
    ],
)
def test_only_ordinary_tests_go_on_beside_each_other(other, tmp_path, theirs, ours, had):
    other(theirs)

    with getattr(MachineLock(tmp_path / "lock"), ours)(wait_seconds=0.05) as got:
        assert got is had


def test_a_process_that_dies_gives_the_lock_back(other, tmp_path):
    process = other("alone")
    process.kill()
    process.wait()

    with MachineLock(tmp_path / "lock").alone(wait_seconds=10) as got:
        assert got


def test_two_that_both_want_to_be_alone_out_of_an_ordinary_test_do_not_wait_for_each_other(tmp_path, monkeypatch):
    """Each lets go of what it shares before it asks."""
    monkeypatch.delenv("PYTEST_GILCHECK_INSIDE", raising=False)
    one = MachineLock(tmp_path / "lock")
    two = MachineLock(tmp_path / "lock")
    with one.together(), two.together():
        with one.alone(wait_seconds=0.05) as got:
            assert not got  # the other is still in its ordinary test
        two._leave()
        with one.alone(wait_seconds=1) as got:
            assert got


def test_what_a_test_starts_takes_no_part(tmp_path, monkeypatch):
    """The test holds the lock for it, and waits for it."""
    monkeypatch.delenv("PYTEST_GILCHECK_INSIDE", raising=False)
    with MachineLock(tmp_path / "lock").together() as got:
        assert got
        assert os.environ["PYTEST_GILCHECK_INSIDE"] == str(os.getpid())
        with MachineLock(tmp_path / "lock").alone(wait_seconds=60) as alone:
            assert not alone
    assert "PYTEST_GILCHECK_INSIDE" not in os.environ


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path):
    with MachineLock(tmp_path / "no" / "such").alone() as got:
        assert not got
