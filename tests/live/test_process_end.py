"""What a process and its test run come to after something that ends or starves them.

The exit status is the one that the program or pytest would have had without this tool: never an abort (134), never a
segmentation fault (139), never a hang.
"""

import importlib.util
import sys

import pytest
from scripts import PRELUDE, SAYS_THAT_THREADS_ARE_MISSING

MS = 1_000_000

# The call wants the GIL at a moment at which the interpreter has begun to end, and no earlier.
ABANDONED = """
import os, time
from pytest_gilcheck import DeadlineExceeded, check

woken, wakes = os.pipe()

class AtTheEnd:
    def __del__(self, write=os.write, sleep=time.sleep, wakes=wakes):
        write(wakes, b"x")
        sleep(0.5)  # the interpreter is still ending while the abandoned call comes back

at_the_end = AtTheEnd()
"""


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["alone", "with workers"])
def test_run_when_an_abandoned_call_comes_back_at_its_end_then_its_status_is_that_of_a_failed_test(pytester, workers):
    """The test is reported as failed, and the other one as passed."""
    if workers:
        pytest.importorskip("xdist")
    pytester.makepyfile(
        ABANDONED
        + """
def test_abandoned(gilcheck):
    gilcheck.options(deadline="300ms")(os.read, woken, 1)

def test_other():
    pass
"""
    )

    result = pytester.runpytest_subprocess("--gilcheck", *workers)

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*DeadlineExceeded: *.read did not return within 0.3 s*"])
    assert result.ret == 1


@pytest.mark.smoke
def test_script_when_an_abandoned_call_comes_back_at_its_end_then_its_status_is_its_own(python):
    """It catches the exception, and ends as it likes."""
    done = python(
        ABANDONED
        + """
try:
    check.options(deadline="300ms")(os.read, woken, 1)
except DeadlineExceeded:
    raise SystemExit(7)
"""
    )
    assert (done.returncode, "FATAL" in done.stderr) == (7, False), done.stderr


def test_check_when_the_call_closes_all_descriptors_then_its_own_files_stay_open(python):
    """This tool has none that the call could close, and closes none that the call has opened under the same number."""
    done = python(
        PRELUDE
        + """
opened = []
def closes_and_opens():
    os.closerange(3, 1024)
    opened[:] = [os.open(os.devnull, os.O_RDONLY) for _ in range(20)]
    specimens.holds(5 * MS)

verdict = check(closes_and_opens)
assert verdict.gil in ("held", "inconclusive"), verdict
for fd in opened:
    os.fstat(fd)
assert check.options(overlap=False)(specimens.releases, 5 * MS).gil in ("released", "inconclusive")
"""
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "leaves", ["os._exit(3)", "os.execv(sys.executable, [sys.executable, '-c', 'raise SystemExit(3)'])"]
)
def test_process_when_the_call_leaves_it_then_the_status_is_the_calls(python, pytester, leaves):
    """In a script and in a test run."""
    body = f"import os, sys\nfrom pytest_gilcheck import check\ndef leaves():\n    {leaves}\n"

    assert python(body + "check(leaves)").returncode == 3
    pytester.makepyfile(body + "def test_leaves(gilcheck):\n    gilcheck(leaves)\n")
    assert pytester.runpytest_subprocess("--gilcheck").ret == 3


def test_check_when_greenlets_switch_then_nothing_faults(python):
    """In the callee, and around the check; their stacks are not walked."""
    pytest.importorskip("greenlet")
    done = python(
        PRELUDE
        + """
from greenlet import greenlet

def switches():
    def inner():
        specimens.holds(2 * MS)
        outer.switch()
        specimens.releases(2 * MS)
    outer, other = greenlet(lambda: other.switch()), greenlet(inner)
    outer.switch()
    other.switch()

verdicts = [check.options(budget="20ms")(switches)]
greenlet(lambda: verdicts.append(check.options(budget="20ms")(specimens.holds, 5 * MS))).switch()
greenlet(lambda: verdicts.append(check.options(budget="20ms")(switches))).switch()
assert verdicts[1].gil in ("held", "inconclusive"), verdicts
assert len(verdicts) == 3
"""
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.version_info < (3, 12), reason="interpreters have one GIL together before 3.12")
def test_check_when_an_interpreter_with_a_gil_of_its_own_runs_then_the_word_is_right(python):
    """Its thread shares nothing with the call, and nobody looks at its frames."""
    module = "_interpreters" if importlib.util.find_spec("_interpreters") else "_xxsubinterpreters"
    done = python(
        PRELUDE
        + f"""
import {module} as interpreters
from pathlib import Path

other = interpreters.create()
busy = '''
import os.path
while not os.path.exists("stop"):
    sum(i * i for i in range(1000))
'''
thread = threading.Thread(target=interpreters.run_string, args=(other, busy))
thread.start()
try:
    words = [
        (check.options(budget="20ms")(function, 10 * MS).gil, word)
        for _ in range(3)
        for function, word in ((specimens.holds, "held"), (specimens.releases, "released"))
    ]
finally:
    Path("stop").touch()
    thread.join()
    interpreters.destroy(other)
assert all(gil in (word, "inconclusive") for gil, word in words), words
"""
    )
    assert done.returncode == 0, done.stderr


def test_check_when_the_function_is_a_mock_then_it_ends(python):
    """Each attribute of a mock is there, and each is another mock."""
    done = python(
        PRELUDE
        + """
from unittest.mock import MagicMock, Mock
for function in (Mock(), MagicMock(), Mock(return_value=3)):
    verdict = check.options(budget="20ms")(function, 1)
    assert function.call_count >= 1 and verdict.n_calls >= 1, verdict
"""
    )
    assert done.returncode == 0, done.stderr


def test_check_when_made_within_a_checked_call_then_it_is_refused(python):
    """The outer one gets the error of its call, and the next check is right."""
    done = python(
        PRELUDE
        + """
from pytest_gilcheck import UsageError
def outer():
    check(specimens.holds, MS)

for checker in (check, check.options(overlap=False)):
    try:
        checker(outer)
    except UsageError as error:
        print(error)
    else:
        raise SystemExit("it was not refused")
assert not _native.ledger_is_recording()
assert check.options(overlap=False)(specimens.holds, 20 * MS).gil in ("held", "inconclusive")
"""
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_span_when_ended_in_another_thread_then_it_is_refused(python):
    """It belongs to the thread that began it; no hook is left, and the next span is right."""
    done = python(
        PRELUDE
        + """
from pytest_gilcheck import UsageError
block = check.span("travels")
block.__enter__()
said = []
def ends():
    try:
        block.__exit__(None, None, None)
    except UsageError as error:
        said.append(str(error))
thread = threading.Thread(target=ends)
thread.start()
thread.join()
assert said, "it was not refused"
assert not _native.ledger_is_recording()
with check.span("stays") as span:
    specimens.holds(20 * MS)
assert span.verdict.gil in ("held", "inconclusive"), span.verdict
"""
    )
    assert (done.returncode, done.stderr) == (0, "")


NO_THREADS = """
import _thread
real, n_left = _thread.start_new_thread, {n_left}

def start_new_thread(*args):
    global n_left
    if n_left <= 0:
        raise RuntimeError("can't start new thread")
    n_left -= 1
    return real(*args)

_thread.start_new_thread = start_new_thread
"""


@pytest.mark.parametrize("n_left", [0, 1, 2])
def test_check_when_no_thread_can_be_started_then_it_says_so(python, n_left):
    """It raises, or has a verdict without what the threads were for; once there are threads again, it is right."""
    done = python(
        NO_THREADS.format(n_left=n_left)
        + PRELUDE
        + 'checkers = check.options(threads=4, budget="20ms"), check.options(overlap=False)'
        + SAYS_THAT_THREADS_ARE_MISSING
        + """
n_left = 1_000
assert check(specimens.holds, 5 * MS).gil in ("held", "inconclusive")
"""
    )
    assert (done.returncode, done.stderr) == (0, "")
