"""The command, as typed."""

import json
import signal
import subprocess
import sys
import time

import pytest

PARTIAL = ["-s", "from pytest_gilcheck.specimens import *", "releases_then_holds(10_000_000, 10_000_000)"]
HELD = ["-s", "from pytest_gilcheck.specimens import *", "holds(20_000_000)"]
RELEASED = ["-s", "from pytest_gilcheck.specimens import *", "releases(20_000_000)"]


@pytest.fixture
def gilcheck(tmp_path):
    """Runs the command: status, output, messages."""

    def run(*arguments, **more):
        return subprocess.run(
            [sys.executable, "-m", "pytest_gilcheck", *arguments],
            **({"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more),
            text=True,
            cwd=tmp_path,
            timeout=120,
            check=False,
        )

    return run


@pytest.mark.parametrize(("statement", "word"), [(HELD, "held"), (RELEASED, "released"), (PARTIAL, "partial")])
def test_expectations_decide_the_exit_status(gilcheck, statement, word):
    """0 as expected, 1 not, 3 undecided."""
    for expected in ("held", "released", "partial"):
        done = gilcheck("-q", "--no-overlap", "--expect", expected, *statement)

        assert (done.stdout, done.returncode) in ((f"{word}\n", 0 if word == expected else 1), ("inconclusive\n", 3)), (
            done.stderr
        )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--expect", "free", "1"], "expected one of released, held, partial, got 'free'"),
        (["--budget", "soon", "1"], "budget: expected seconds"),
        (["--threads", "0", "1"], "threads: expected a whole number"),
        (["1 +"], "the statement does not compile"),
        (["-s", "1 +", "1"], "the setup does not compile"),
        (["show", "none.json"], "none.json cannot be read"),
        ([], "the following arguments are required: statement"),
        (["--nonsense", "1"], "unrecognized arguments"),
    ],
)
def test_wrong_usage_is_status_2_with_the_value(gilcheck, arguments, says):
    """And no traceback."""
    done = gilcheck(*arguments)

    assert done.returncode == 2
    assert says in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("statement", "error"),
    [("1/0", "ZeroDivisionError"), ("exit()", "SystemExit"), ("assert 0", "AssertionError"), ("nowhere", "NameError")],
)
def test_a_statement_that_raises_is_status_1_with_its_traceback(gilcheck, statement, error):
    """There is nothing to judge."""
    done = gilcheck(statement)

    assert done.returncode == 1
    assert "Traceback" in done.stderr and f"gilcheck: the statement raised {error}" in done.stderr


def test_a_saved_document_shows_the_same_verdict(gilcheck, tmp_path):
    """Judged again."""
    first = gilcheck("--json", "x.json", *PARTIAL)
    again = gilcheck("show", "x.json")

    assert (first.returncode, again.returncode) in ((0, 0), (3, 3))
    assert first.stdout == again.stdout
    check = json.loads((tmp_path / "x.json").read_text().splitlines()[1])["check"]
    assert check["verdict"]["gil"] == first.stdout.splitlines()[0].rpartition(": ")[2]
    assert json.loads(gilcheck("--json", "-", "--no-overlap", *HELD).stdout.splitlines()[0])["schema_version"] == 3


def test_a_full_disk_loses_no_report(gilcheck):
    """The verdict is printed instead, status 2."""
    done = gilcheck("--json", "/dev/full", "--no-overlap", *HELD)

    assert done.returncode == 2
    assert "--json /dev/full: [Errno 28]" in done.stderr and "Traceback" not in done.stderr
    assert "held" in done.stdout


@pytest.mark.parametrize("arguments", [(), ("--json", "-")])
def test_a_full_stdout_is_said(gilcheck, arguments):
    """Status 2, no traceback."""
    with open("/dev/full", "w") as full:
        done = gilcheck(*arguments, "--no-overlap", *HELD, stdout=full)

    assert done.returncode == 2
    assert "cannot be written" in done.stderr and "Traceback" not in done.stderr


def test_an_interrupt_is_status_130(tmp_path):
    """As shells expect it."""
    statement = "open('begun', 'w').close(); never_returns(False)"
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest_gilcheck", "-s", "from pytest_gilcheck.specimens import *", statement],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    while not (tmp_path / "begun").exists() and process.poll() is None:
        time.sleep(0.01)  # a poll of another process's progress, ended by that progress alone
    process.send_signal(signal.SIGINT)
    _, messages = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "interrupted" in messages and "Traceback" not in messages


def test_isolated_statements_survive_a_crash(gilcheck):
    """Status 1, said how."""
    done = gilcheck("--isolate", "-s", "import os", "os.abort()")

    assert done.returncode == 1
    assert "killed by SIGABRT" in done.stderr


def test_a_statement_that_keeps_the_gil_for_ever_ends_with_stacks(gilcheck):
    """Status 1."""
    done = gilcheck("--deadline", "200ms", "-s", "from pytest_gilcheck.specimens import *", "never_returns(True)")

    assert done.returncode == 1
    assert "has kept the GIL for longer than its deadline of 0.2 s" in done.stderr and "Thread 0x" in done.stderr
