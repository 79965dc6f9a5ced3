"""Calls that do not return, and runs that are interrupted."""

import json
import signal
import subprocess
import sys
import time

import pytest
from scripts import PRELUDE

from pytest_gilcheck import DeadlineExceeded, check, specimens

MS = 1_000_000


def test_call_when_it_releases_and_never_returns_then_it_is_abandoned():
    """The test fails, and the process goes on."""
    with pytest.raises(DeadlineExceeded, match=r"never_returns did not return within 0\.1 s.*isolate=True"):
        check.options(deadline="100ms")(specimens.never_returns, False)

    assert check.options(overlap=False)(specimens.holds, 20 * MS).gil in ("held", "inconclusive")


def test_call_when_it_hangs_only_beside_another_thread_then_its_deadline_is_exceeded():
    """That is neither a note nor an error of the competing threads."""
    inside = []

    def one_at_a_time():
        inside.append(1)
        specimens.releases(2 * MS)
        if len(inside) > 1:
            specimens.never_returns(False)
        inside.pop()

    # A busy machine would leave the rounds out for the sake of the check's time limit.
    with pytest.raises(DeadlineExceeded, match="did not return"):
        check.options(deadline="2s", budget="10s", time_limit="60s")(one_at_a_time)


def test_call_when_python_code_never_ends_then_its_deadline_is_exceeded(python):
    """The interpreter releases the GIL, so that the waiting thread notices."""
    done = python(
        PRELUDE
        + """
from pytest_gilcheck import DeadlineExceeded
def for_ever():
    while True: pass
try:
    check.options(deadline="300ms")(for_ever)
except DeadlineExceeded as error:
    print(error)
    sys.stdout.flush()
    os._exit(0)
"""
    )
    assert (done.returncode, "for_ever did not return" in done.stdout) == (0, True)
    assert "in for_ever" in done.stderr


def test_call_when_it_releases_thousands_of_times_beside_a_busy_thread_then_it_ends_within_its_deadline(python):
    """No thread of ours takes the GIL at each of its releases; the busy one does, for a switch interval."""
    done = python(
        PRELUDE
        + """
def spins():
    while True: sum(range(100))
threading.Thread(target=spins, daemon=True).start()
sys.setswitchinterval(1e-4)
verdict = check.options(deadline="30s", budget="100ms")(specimens.chatters, 3_500, 20_000)
print(verdict.gil)
"""
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout != "held\n"


STUCK = """
import pytest
from pytest_gilcheck import specimens

def test_before(gilcheck):
    assert gilcheck.options(overlap=False, name="before")(specimens.holds, 20_000_000).held

def test_stuck(gilcheck):
    gilcheck.options(deadline="200ms", isolate={isolate})(specimens.never_returns, True)

def test_after():
    pass
"""


def test_call_when_it_keeps_the_gil_then_the_run_ends_with_stacks_and_saved_data(pytester):
    """The exit status is 1, and what was measured before is not lost."""
    pytester.makepyfile(STUCK.format(isolate=False))

    result = pytester.runpytest_subprocess("--gilcheck-json=out/saved.json")

    assert result.ret == 1
    messages = result.stderr.str()
    assert "never_returns has kept the GIL for longer than its deadline of 0.2 s" in messages
    assert "saved.json" in messages and "--gilcheck-isolate" in messages
    assert "test_stuck" in messages or "in job" in messages or "solo.py" in messages
    saved = pytester.path / "out" / "saved.json"
    shown = subprocess.run(
        [sys.executable, "-m", "pytest_gilcheck", "show", str(saved)], capture_output=True, text=True, check=False
    )
    assert "before: held" in shown.stdout and shown.returncode == 0


def test_call_when_it_keeps_the_gil_in_a_child_process_then_the_suite_goes_on(pytester):
    """Only its test fails."""
    pytester.makepyfile(STUCK.format(isolate=True))

    result = pytester.runpytest_subprocess()

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        ["*DeadlineExceeded: *.never_returns kept the GIL for longer than its deadline of 0.2 s*"]
    )


INTERRUPTED = """
from pytest_gilcheck import _native, specimens
import atexit

atexit.register(lambda: print("recording at exit:", _native.ledger_is_recording()))

def test_before(gilcheck):
    assert gilcheck.options(overlap=False, name="before")(specimens.holds, 20_000_000).held

def sleeps_for_ever():
    open("begun", "w").close()
    specimens.never_returns(False)

def test_long(gilcheck):
    gilcheck(sleeps_for_ever)
"""


def test_run_when_interrupted_then_hooks_are_removed_and_data_is_saved(pytester):
    """The exit status is 2, pytest's own."""
    pytester.makepyfile(INTERRUPTED)
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "--gilcheck", "--gilcheck-json=saved.json", "-p", "no:cacheprovider"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=pytester.path,
    )
    while not (pytester.path / "begun").exists() and process.poll() is None:
        time.sleep(0.01)  # a poll, ended by the progress of the other process
    process.send_signal(signal.SIGINT)
    shown, _ = process.communicate(timeout=60)

    assert process.returncode == 2, shown
    assert "KeyboardInterrupt" in shown
    assert "recording at exit: False" in shown
    _, *entries, end = map(json.loads, (pytester.path / "saved.json").read_text().splitlines())
    assert [entry["check"]["name"] for entry in entries] == ["before"]
    assert end["end"]["interrupted"], "an interrupted run says so"
