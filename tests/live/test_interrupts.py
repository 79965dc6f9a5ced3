"""What Ctrl-C and other signals do to a run, a script and a check.

A run and a script end as they would have without this tool. `nox -s interrupts` does so at 200 random moments.
"""

import os
import sys
from pathlib import Path

import pytest
from scripts import PRELUDE

ROOT = str(Path(__file__).parents[2])
if ROOT not in sys.path:  # the benchmarks are no installed package
    sys.path.append(ROOT)

from benchmarks.interrupts import runs  # noqa: E402  (found by the line above)

#: As many random moments as somebody has patience for; half of them in pytest, half in a plain script.
N_INTERRUPTS = int(os.environ.get("GILCHECK_INTERRUPTS", "10"))


@pytest.mark.smoke
@pytest.mark.parametrize("how", ["pytest", "script"])
def test_run_when_interrupted_at_a_random_moment_then_it_ends_as_without_this_tool(how):
    """A test run with the status and the summary of an interrupted one; a script by the signal, or with status 130."""
    wrong = [run for run in runs(how, max(1, N_INTERRUPTS // 2)) if not run.is_right]

    assert not wrong, "\n".join(f"after {run.seconds:.4f} s: status {run.status}\n{run.said}" for run in wrong)


def test_check_when_interrupted_again_and_again_then_the_next_one_is_right(python):
    """One process survives each interrupt, and no hook and no switch interval is left behind."""
    done = python(
        PRELUDE
        + """
import random, time
interval, dice, n_interrupted = sys.getswitchinterval(), random.Random(1), 0
interrupter = '''
import os, random, sys, time
dice = random.Random(2)
for _ in range(20):
    time.sleep(dice.uniform(0, 0.2))
    os.kill(int(sys.argv[1]), 2)
'''
child = subprocess.Popen([sys.executable, "-c", interrupter, str(os.getpid())])
while True:
    try:
        if child.poll() is not None:
            break
        check.options(budget="20ms")(specimens.releases_then_holds, MS, MS)
    except KeyboardInterrupt:
        n_interrupted += 1
assert n_interrupted
assert sys.getswitchinterval() == interval, sys.getswitchinterval()
assert not _native.ledger_is_recording()
verdict = check.options(overlap=False)(specimens.holds, 20 * MS)
assert verdict.gil in ("held", "inconclusive") and verdict.instrument.grade == "exact", verdict
"""
    )
    assert done.returncode == 0, done.stderr


def test_check_when_a_signal_does_not_end_its_wait_then_the_interrupt_is_noticed_all_the_same(python):
    """The system may give a signal to another thread than the one that waits, or deliver it just before the wait."""
    done = python(
        PRELUDE
        + """
import time
from pathlib import Path

def interrupted():
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)
    time.sleep(15)
    Path("late").touch()

try:
    check.options(deadline="60s")(interrupted)
except KeyboardInterrupt:
    sys.stdout.flush()
    os._exit(2 if Path("late").exists() else 0)
"""
    )
    assert done.returncode == 0, done.stderr


def test_signal_when_releases_are_being_learned_then_its_exception_is_raised(python):
    """It ended the loop that releases are learned from, and was lost: 3 of 200 interrupted runs went on."""
    done = python(
        PRELUDE
        + """
def raises(*_):
    raise KeyboardInterrupt

signal.signal(signal.SIGALRM, raises)
_native.open_ledger(round(sys.getswitchinterval() * 1e6))
signal.setitimer(signal.ITIMER_REAL, 0.1)
try:
    _native.learn_drop_request(50 * MS)
except KeyboardInterrupt:
    print("raised")
assert _native.close_ledger()
"""
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "raised\n", "")
