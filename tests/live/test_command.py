"""The command, as a user types it."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from pytest_gilcheck.store.json_report import SCHEMA_VERSION

PARTIAL = ["-s", "from pytest_gilcheck.specimens import *", "releases_then_holds(10_000_000, 10_000_000)"]
HELD = ["-s", "from pytest_gilcheck.specimens import *", "holds(20_000_000)"]
RELEASED = ["-s", "from pytest_gilcheck.specimens import *", "releases(20_000_000)"]


@pytest.fixture
def gilcheck(tmp_path):
    """Run the command; gives its exit status, output and messages."""

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
def test_exit_status_when_a_word_is_expected_then_the_verdict_decides(gilcheck, statement, word):
    """0: as expected, 1: another word, 3: inconclusive."""
    for expected in ("held", "released", "partial"):
        done = gilcheck("-q", "--no-overlap", "--expect", expected, *statement)

        assert (done.stdout, done.returncode) in ((f"{word}\n", 0 if word == expected else 1), ("inconclusive\n", 3)), (
            done.stderr
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--expect", "free", "1"], "expected one of released, partial, held, got 'free'"),
        (["--budget", "soon", "1"], "budget: expected seconds"),
        (["--threads", "0", "1"], "threads: expected a whole number"),
        (["1 +"], "the statement does not compile"),
        (["-s", "1 +", "1"], "the setup does not compile"),
        (["show", "none.json"], "none.json cannot be read"),
        ([], "the following arguments are required: statement"),
        (["--nonsense", "1"], "unrecognized arguments"),
    ],
)
def test_command_when_misused_then_it_shows_the_value_and_exits_with_2(gilcheck, arguments, message):
    """There is no traceback."""
    done = gilcheck(*arguments)

    assert done.returncode == 2
    assert message in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("1/0", "ZeroDivisionError"),
        ("exit()", "SystemExit"),
        ("assert 0", "AssertionError"),
        ("nowhere + 1", "NameError"),
    ],
)
def test_command_when_the_statement_raises_then_it_shows_the_error_and_exits_with_1(gilcheck, statement, error):
    """There is nothing to judge, and no line of ours to show."""
    done = gilcheck(statement)

    assert done.returncode == 1
    assert f"gilcheck: the statement raised {error}" in done.stderr
    assert "pytest_gilcheck" not in done.stderr


def test_command_when_it_is_quiet_and_not_as_expected_then_a_message_says_what_was(gilcheck):
    """Standard output has the word alone, for scripts."""
    done = gilcheck("-q", "--no-overlap", "--expect", "released", *HELD)

    assert (done.stdout, done.returncode) in (("held\n", 1), ("inconclusive\n", 3))
    assert done.returncode == 3 or done.stderr == "gilcheck: expected released, found held\n"


def test_command_when_only_competing_threads_raise_then_no_line_of_ours_is_shown(gilcheck):
    """The first calls are made in one thread."""
    setup = "import threading\nfirst = []\ndef f():\n  first.append(threading.get_ident())\n  if first[-1] != first[0]: raise ValueError('only one thread')"
    done = gilcheck("--threads", "2", "-s", setup, "f()")

    assert done.returncode == 1
    assert "ValueError: only one thread" in done.stderr
    assert "pytest_gilcheck" not in done.stderr


def test_show_when_a_report_was_saved_then_the_verdict_is_the_same(gilcheck, tmp_path):
    """It is judged again."""
    first = gilcheck("--json", "x.json", *PARTIAL)
    again = gilcheck("show", "x.json")

    assert (first.returncode, again.returncode) in ((0, 0), (3, 3))
    assert first.stdout == again.stdout
    check = json.loads((tmp_path / "x.json").read_text().splitlines()[1])["check"]
    assert f": {check['verdict']['gil']}" in first.stdout.splitlines()[0]
    assert (
        json.loads(gilcheck("--json", "-", "--no-overlap", *HELD).stdout.splitlines()[0])["schema_version"]
        == SCHEMA_VERSION
    )


def test_command_when_the_disk_is_full_then_the_verdict_is_printed(gilcheck):
    """The exit status is 2."""
    done = gilcheck("--json", "/dev/full", "--no-overlap", *HELD)

    assert done.returncode == 2
    assert "--json /dev/full: [Errno 28]" in done.stderr and "Traceback" not in done.stderr
    assert "held" in done.stdout


@pytest.mark.parametrize("arguments", [(), ("--json", "-")])
def test_command_when_stdout_is_full_then_it_says_so(gilcheck, arguments):
    """The exit status is 2, and there is no traceback."""
    with open("/dev/full", "w") as full:
        done = gilcheck(*arguments, "--no-overlap", *HELD, stdout=full)

    assert done.returncode == 2
    assert "cannot be written" in done.stderr and "Traceback" not in done.stderr


def test_command_when_interrupted_then_it_exits_with_130(tmp_path):
    """Shells expect this status."""
    statement = "open('begun', 'w').close(); never_returns(False)"
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest_gilcheck", "-s", "from pytest_gilcheck.specimens import *", statement],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    while not (tmp_path / "begun").exists() and process.poll() is None:
        time.sleep(0.01)  # a poll, ended by the progress of the other process
    process.send_signal(signal.SIGINT)
    _, messages = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "interrupted" in messages and "Traceback" not in messages


@pytest.mark.parametrize("module", ["pytest_gilcheck.commands.parser", "pytest_gilcheck.checker.checker", "ast"])
def test_command_when_interrupted_while_it_loads_modules_then_it_is_quiet(tmp_path, module):
    """Loading takes a third of a second, in which an impatient user presses Ctrl-C."""
    (tmp_path / "sitecustomize.py").write_text(f"""
import signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r} and "pytest_gilcheck" in sys.modules:
            signal.raise_signal(signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.modules.pop("ast", None)
sys.meta_path.insert(0, Interrupting())
""")
    done = subprocess.run(
        [sys.executable, "-m", "pytest_gilcheck", "-s", "pass", "1"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (130, "gilcheck: interrupted before a verdict\n")


def test_command_when_an_isolated_statement_crashes_then_it_says_how(gilcheck):
    """The exit status is 1."""
    done = gilcheck("--isolate", "-s", "import os", "os.abort()")

    assert done.returncode == 1
    assert "killed by SIGABRT" in done.stderr


def test_command_when_the_statement_keeps_the_gil_then_it_ends_with_stacks(gilcheck):
    """The exit status is 1."""
    done = gilcheck("--deadline", "200ms", "-s", "from pytest_gilcheck.specimens import *", "never_returns(True)")

    assert done.returncode == 1
    assert "has kept the GIL for longer than its deadline of 0.2 s" in done.stderr and "Thread 0x" in done.stderr


@pytest.mark.parametrize("statement", ["y = x; del y", "x = x + 1; specimens.holds(2_000_000)"])
def test_command_when_the_statement_binds_names_then_each_thread_has_its_own(gilcheck, statement):
    """What one thread deletes is still there for the others."""
    setup = "from pytest_gilcheck import specimens; x = 1"
    done = gilcheck("--threads", "2", "--budget", "200ms", "-s", setup, statement)

    assert done.returncode in (0, 3), done.stderr
    assert "NameError" not in done.stderr
