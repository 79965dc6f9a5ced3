"""Forks, child processes, exits, and other users of the process: each test has a process of its own."""

import pytest
from scripts import PRELUDE


def test_ledger_when_a_child_is_forked_then_it_is_unavailable_there(python):
    """The child gives the reason, and the parent's record stays right."""
    done = python(
        PRELUDE
        + """
with exact_ledger():
    child = os.fork()
    if child == 0:
        ok = not _native.ledger_is_recording()
        try:
            _native.open_ledger(5000)
        except _native.LedgerUnavailable as reason:
            ok = ok and reason.args[0] == "ledger-forked-child"
        verdict = check.options(overlap=False)(specimens.releases, 20 * MS)
        ok = ok and verdict.gil in ("released", "inconclusive") and "ledger-forked-child" in verdict.reasons
        ok = ok and check(len, "").result == 0
        os._exit(0 if ok else 3)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, status
    _, span = _native.call(specimens.releases_then_holds, (5 * MS, 5 * MS), None, False, 100, _native.CallClock(1))
    assert span.held_ns >= 4 * MS and span.n_releases_by_function == 1
assert check.options(overlap=False)(specimens.holds, 20 * MS).held
"""
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_check_when_it_has_ended_then_the_process_has_no_thread_of_it(python):
    """From 3.12 on `os.fork` warns in a process with several threads."""
    done = python(
        PRELUDE
        + """
for number in range(20):
    check.options(overlap=number % 5 == 0, budget="20ms")(specimens.releases, MS)
    tasks = set(os.listdir("/proc/self/task")) - {str(os.getpid())}
    # The system shows a native thread for some microseconds after it was waited for.
    names = []
    for task in tasks:
        try:
            names.append(open(f"/proc/self/task/{task}/comm").read())
        except OSError:
            pass
    assert all(name.startswith("gilcheck-") for name in names), (number, names)
"""
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_ledger_when_a_child_is_forked_between_checks_then_it_is_exact_there(python):
    """No hooks were installed at the fork."""
    done = python(
        PRELUDE
        + """
assert check.options(overlap=False)(specimens.holds, 20 * MS).held
child = os.fork()
if child == 0:
    os._exit(0 if check.options(overlap=False)(specimens.holds, 20 * MS).instrument.grade == "exact" else 3)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("vfork", [True, False])
def test_check_when_the_call_starts_a_process_then_that_is_unaffected(python, vfork):
    """Waiting for a process releases the GIL."""
    done = python(
        PRELUDE
        + f"""
subprocess._USE_VFORK = {vfork}
verdict = check.options(overlap=False)(subprocess.run, [sys.executable, "-S", "-c", "print(6 * 7)"], capture_output=True)
assert verdict.result.stdout == b"42\\n"
assert verdict.instrument.grade == "exact" and verdict.gil != "held"
assert not _native.ledger_is_recording()
"""
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "how", ["pass", "raise SystemExit(7)", "threading.Thread(target=specimens.sleeps, args=(50 * MS,)).start()"]
)
def test_ledger_when_the_interpreter_ends_then_hooks_are_removed(python, how):
    """The exit status is the program's own."""
    done = python(
        PRELUDE
        + f"""
import atexit
atexit.register(lambda: print("recording", _native.ledger_is_recording()))
ledger = exact_ledger()
ledger.__enter__()
threading.Thread(target=specimens.never_returns, args=(False,), daemon=True).start()
{how}
"""
    )
    assert done.returncode == (7 if "7" in how else 0)
    assert done.stderr == ""


def test_check_when_gevent_has_patched_threading_then_real_threads_are_used(python):
    """The verdict names gevent."""
    pytest.importorskip("gevent")
    done = python(
        "from gevent import monkey; monkey.patch_all()\n"
        + PRELUDE
        + """
verdict = check(specimens.releases, 20 * MS)
print(verdict.gil in ("released", "inconclusive"), "gevent" in verdict.reasons)
"""
    )
    assert (done.returncode, done.stdout) == (0, "True True\n"), done.stderr


def test_check_when_others_use_faulthandler_then_it_stays_theirs(python):
    """pytest and others own its timer and its file."""
    done = python(
        PRELUDE
        + """
import faulthandler
faulthandler.enable()
faulthandler.dump_traceback_later(600)
check.options(overlap=False)(specimens.holds, 20 * MS)
assert faulthandler.is_enabled()
for number in range(signal.SIGRTMIN, signal.SIGRTMAX + 1):
    assert not faulthandler.unregister(number), number
faulthandler.cancel_dump_traceback_later()
"""
    )
    assert (done.returncode, done.stderr) == (0, "")
