"""What ends processes, makes new ones, or forbids things: each in a process of its own."""

import json
import signal
import subprocess
import sys
import time

import pytest

from pytest_gilcheck import CheckFailed, DeadlineExceeded, UsageError, check, specimens

MS = 1_000_000

# Children answer with their exit status: os._exit skips whatever the parent had planned.
PRELUDE = """
import json, os, signal, subprocess, sys, threading
from pytest_gilcheck import _native, check, specimens
from pytest_gilcheck.observe import exact_ledger
MS = 1_000_000
"""


def test_a_forked_child_records_nothing_and_says_why(python):
    """The parent's record stays right."""
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
    _, span = _native.call(specimens.releases_then_holds, (5 * MS, 5 * MS), None, False, 100)
    assert span.held_ns >= 4 * MS and span.n_voluntary == 1
assert check.options(overlap=False)(specimens.holds, 20 * MS).held
"""
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_child_forked_between_checks_has_a_ledger_of_its_own(python):
    """Hooks were not in."""
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
def test_processes_started_within_a_check_are_unaffected(python, vfork):
    """Waiting for one is released."""
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
def test_an_interpreter_may_end_while_a_ledger_is_open(python, how):
    """Hooks are taken out, the exit status is the program's."""
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


def test_a_call_that_never_returns_and_released_is_abandoned():
    """The test fails, the process goes on."""
    with pytest.raises(DeadlineExceeded, match=r"never_returns did not return within 0\.1 s.*isolate=True"):
        check.options(deadline="100ms")(specimens.never_returns, False)

    assert check.options(overlap=False)(specimens.holds, 20 * MS).gil in ("held", "inconclusive")


def test_a_call_that_hangs_only_beside_another_thread_is_past_its_deadline():
    """Not a note, and not an error of the crew's."""
    inside = []

    def one_at_a_time():
        inside.append(1)
        specimens.releases(2 * MS)
        if len(inside) > 1:
            specimens.never_returns(False)
        inside.pop()

    with pytest.raises(DeadlineExceeded, match="did not return"):
        check.options(deadline="2s", budget="10s")(one_at_a_time)


def test_python_code_that_never_ends_is_past_its_deadline(python):
    """It gives way on request, so that somebody notices."""
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


def test_a_kept_gil_ends_the_run_after_stacks_and_data_are_saved(pytester):
    """Status 1; what was measured before is not lost."""
    pytester.makepyfile(STUCK.format(isolate=False))

    result = pytester.runpytest_subprocess("--gilcheck-json=out/saved.json")

    assert result.ret == 1
    said = result.stderr.str()
    assert "never_returns has kept the GIL for longer than its deadline of 0.2 s" in said
    assert "saved.json" in said and "--gilcheck-isolate" in said
    assert "test_stuck" in said or "in job" in said or "solo.py" in said
    saved = pytester.path / "out" / "saved.json"
    shown = subprocess.run(
        [sys.executable, "-m", "pytest_gilcheck", "show", str(saved)], capture_output=True, text=True, check=False
    )
    assert "before: held" in shown.stdout and shown.returncode == 0


def test_a_kept_gil_in_a_child_process_lets_the_suite_go_on(pytester):
    """One test fails."""
    pytester.makepyfile(STUCK.format(isolate=True))

    result = pytester.runpytest_subprocess()

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        ["*DeadlineExceeded: never_returns kept the GIL for longer than its deadline of 0.2 s*"]
    )


def abort():
    """Crashes."""
    import os

    os.abort()


def leave():
    """Ends its process by itself."""
    import os

    os._exit(5)


@pytest.mark.parametrize(("function", "how"), [(abort, "killed by SIGABRT"), (leave, "exit status 5")])
def test_a_crash_in_a_child_process_fails_one_check(function, how):
    """And says how it ended."""
    with pytest.raises(CheckFailed, match=f"ended its child process: {how}"):
        check.options(isolate=True)(function)


def test_isolated_calls_give_verdicts_results_and_exceptions():
    """As if measured here."""
    isolated = check.options(isolate=True, overlap=False)

    verdict = isolated(lambda ns: (specimens.holds(ns), "result")[1], 20 * MS)
    assert (verdict.gil in ("held", "inconclusive"), verdict.result) == (True, "result")
    with pytest.raises(ZeroDivisionError):
        isolated(lambda: 1 / 0)
    with pytest.raises(SystemExit):
        isolated(sys.exit, 3)


def test_what_cannot_travel_is_said():
    """To the child: misuse. Back from it: a reason."""
    with pytest.raises(UsageError, match="cannot be sent to a child process.*setup="):
        check.options(isolate=True)(len, (line for line in ()))

    verdict = check.options(isolate=True, overlap=False)(lambda: (line for line in ()))
    assert verdict.result is None
    assert "result-not-sent" in verdict.reasons


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


def test_ctrl_c_in_the_middle_takes_hooks_out_and_saves_what_there_is(pytester):
    """Status 2, as pytest's own."""
    pytester.makepyfile(INTERRUPTED)
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "--gilcheck", "--gilcheck-json=saved.json", "-p", "no:cacheprovider"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=pytester.path,
    )
    while not (pytester.path / "begun").exists() and process.poll() is None:
        time.sleep(0.01)  # a poll of another process's progress, ended by that progress alone
    process.send_signal(signal.SIGINT)
    shown, _ = process.communicate(timeout=60)

    assert process.returncode == 2, shown
    assert "KeyboardInterrupt" in shown
    assert "recording at exit: False" in shown
    saved = json.loads((pytester.path / "saved.json").read_text())
    assert [check["name"] for check in saved["checks"]] == ["before"]
    assert saved["interrupted"], "an interrupted run says so"


FILTER = """
import ctypes, struct
LOAD, IF_EQUAL, RETURN = 0x20, 0x15, 0x06
def refuse(*numbers, length=None):
    # BPF: load the number of the system call; refuse those given with EPERM (where `length` is given: only with this
    # second argument); allow others.
    code = []
    for number in numbers:
        code += [struct.pack("HBBI", LOAD, 0, 0, 0), struct.pack("HBBI", IF_EQUAL, 0, 1 if length is None else 3, number)]
        if length is not None:
            code += [struct.pack("HBBI", LOAD, 0, 0, 24), struct.pack("HBBI", IF_EQUAL, 0, 1, length)]
        code.append(struct.pack("HBBI", RETURN, 0, 0, 0x00050001))
    code.append(struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000))
    program = ctypes.create_string_buffer(b"".join(code))
    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
    libc = ctypes.CDLL(None, use_errno=True)
    told = Program(len(code), ctypes.addressof(program))
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(told), 0, 0):
        print("no seccomp here"); sys.exit(77)
READV = {"x86_64": 310, "aarch64": 270}[os.uname().machine]
PREAD = {"x86_64": 17, "aarch64": 67}[os.uname().machine]
"""


def allowed(done):
    """Where filters themselves are forbidden there is nothing to test."""
    if done.returncode == 77:
        pytest.skip("this system allows no seccomp filters")
    return done


def test_a_sandbox_without_process_vm_readv_keeps_the_exact_ledger(python):
    """Memory is read through /proc/self/mem."""
    done = allowed(
        python(
            PRELUDE
            + FILTER
            + """
refuse(READV)
verdict = check.options(overlap=False)(specimens.releases_then_holds, 10 * MS, 10 * MS)
print(verdict.instrument.grade, verdict.gil in ("partial", "inconclusive"))
"""
        )
    )
    assert (done.returncode, done.stdout) == (0, "exact True\n"), done.stderr


def test_a_sandbox_that_refuses_all_reading_of_memory_leaves_the_weaker_witness(python):
    """Typed, no crash, no guess."""
    done = allowed(
        python(
            PRELUDE
            + FILTER
            + """
import pytest_gilcheck.check
refuse(READV, PREAD)
for function, words in ((specimens.holds, ("inconclusive",)), (specimens.releases, ("released", "inconclusive"))):
    verdict = check(function, 20 * MS)
    assert verdict.instrument.name == "progress" and verdict.gil in words, (verdict.gil, verdict.held_share)
    print(verdict.reasons[0])
"""
        )
    )
    assert (done.returncode, done.stdout) == (0, "ledger-memory-unreadable\n" * 2), done.stderr


def test_locked_pages_leave_the_weaker_witness(python):
    """Where the slots cannot be re-pointed."""
    done = allowed(
        python(
            PRELUDE
            + FILTER
            + """
refuse({"x86_64": 10, "aarch64": 226}[os.uname().machine], length=os.sysconf("SC_PAGESIZE"))  # mprotect, of one page
verdict = check(specimens.holds, 20 * MS)
print(verdict.gil, verdict.instrument.name, *verdict.reasons)
"""
        )
    )
    assert done.returncode == 0, done.stderr
    # An interpreter whose slots are writable anyway needs no permission.
    # What the wall-clock rounds add is not this test's.
    assert done.stdout.split()[:4] == [
        "inconclusive",
        "progress",
        "ledger-page-locked",
        "progress-only",
    ] or done.stdout.startswith("held ledger"), done.stdout


def test_patched_threading_is_named_and_real_threads_are_used(python):
    """As gevent does it."""
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


def test_faulthandler_in_use_by_others_stays_theirs(python):
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
