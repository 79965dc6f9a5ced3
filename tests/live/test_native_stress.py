"""The hooks under everything that a living process does to them: no fault, and nothing lost.

Each test is a process of its own, so that a crash is an exit status. The numbers are small enough for every run;
`GILCHECK_STRESS` multiplies them.
"""

import os
import platform

import pytest

pytestmark = pytest.mark.skipif(platform.system() != "Linux", reason="the ledger is for Linux")

TIMES = int(os.environ.get("GILCHECK_STRESS", "1"))

#: `exact` is what "nothing lost" means: `chatters` releases the GIL so often, and no Python code runs in between.
PRELUDE = f"""
import faulthandler, os, signal, sys, threading, time, traceback
from pytest_gilcheck import _native
from pytest_gilcheck._native import specimens
TIMES = {TIMES}
faulthandler.enable()

def fail(*error):
    '''End at once: otherwise the interpreter waits for threads that nobody ends.'''
    traceback.print_exception(*error)
    os._exit(1)

sys.excepthook = fail
sys.setswitchinterval(0.0002)
interval_us = round(sys.getswitchinterval() * 1e6)

def call(function, *arguments, fine=False):
    return _native.call(function, arguments, None, fine, 100, _native.CallClock(1))[1]

def exact(span, n_times):
    assert span.recorded, span.refused
    assert span.n_releases_by_function + span.n_releases_by_interpreter == n_times, span.n_releases_by_function
    assert span.held_ns + span.waiting_ns + span.instrument_ns <= span.end_ns - span.start_ns

errors = []

def started(work, n_threads):
    '''Start threads that repeat `work` until `end` is set.'''
    def repeat():
        try:
            while not end.is_set():
                work()
        except BaseException as error:
            errors.append(repr(error))
            raise
    threads = [threading.Thread(target=repeat) for _ in range(n_threads)]
    for thread in threads:
        thread.start()
    return threads

end = threading.Event()

def finish(threads):
    end.set()
    for thread in threads:
        thread.join()
    assert not errors, errors
    assert not _native.ledger_is_recording()
    print("done")
"""


def is_done(done):
    """Whether a script came to its end, without a signal and without an exception."""
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"
    return True


@pytest.mark.parametrize("n_threads", [8, 32])
def test_ledger_when_threads_hand_the_gil_over_then_no_hand_over_is_lost(python, n_threads):
    """Each thread's span has exactly the releases that its call made, whatever the others do."""
    assert is_done(
        python(
            f"""{PRELUDE}
_native.open_ledger(interval_us)
n_each = 3_000 * TIMES
spans = []

def hand_over():
    spans.append(call(specimens.chatters, n_each, 0))

threads = [threading.Thread(target=hand_over) for _ in range({n_threads})]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(spans) == {n_threads}
for span in spans:
    exact(span, n_each)
assert _native.close_ledger()
finish([])
""",
            timeout=120 * TIMES,
        )
    )


@pytest.mark.parametrize(("n_threads", "n_times"), [(8, 1_000), (32, 100 * TIMES)])
def test_ledger_when_it_is_opened_and_closed_beside_hand_overs_then_each_span_is_exact(python, n_threads, n_times):
    """The hooks come in and go out while other threads are inside the functions that they replace."""
    assert is_done(
        python(
            f"""{PRELUDE}
# They sleep: 32 that compute would leave this thread a 33rd of the processors.
threads = started(lambda: specimens.sleeps(500_000), {n_threads})
for number in range({n_times}):
    _native.open_ledger(interval_us)
    if number % 10 == 0:
        exact(call(specimens.chatters, 3, 0, fine=number % 20 == 0), 3)
    assert _native.close_ledger()
finish(threads)
""",
            timeout=120 * TIMES,
        )
    )


def test_ledger_when_two_threads_open_and_close_it_then_a_span_of_either_is_exact(python):
    """The last one of them takes the hooks out."""
    assert is_done(
        python(
            f"""{PRELUDE}
def in_and_out():
    _native.open_ledger(interval_us)
    exact(call(specimens.chatters, 3, 0), 3)
    assert _native.close_ledger()

threads = started(in_and_out, 4)
for _ in range(200 * TIMES):
    in_and_out()
finish(threads)
"""
        )
    )


def test_ledger_when_a_process_forks_while_others_open_and_close_it_then_no_child_hangs(python):
    """A child says that it has no ledger, or has one of its own where none was open; it never waits for a thread that it lacks."""
    assert is_done(
        python(
            f"""{PRELUDE}
def in_and_out():
    _native.open_ledger(interval_us)
    assert _native.close_ledger()

threads = started(in_and_out, 2) + started(lambda: specimens.chatters(20, 2_000), 4)
outcomes = {{0: 0, 3: 0}}
for _ in range(100 * TIMES):
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        status = 1
        try:
            _native.open_ledger(interval_us)
            exact(call(specimens.chatters, 10, 0), 10)
            _native.close_ledger()
            status = 0
        except _native.LedgerUnavailable as reason:
            specimens.chatters(10, 0)
            _native.close_ledger()
            status = 3 if reason.args[0] == "ledger-forked-child" else 4
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in outcomes, status
    outcomes[status] += 1
print(outcomes, file=sys.stderr)
assert outcomes[3]
finish(threads)
"""
        )
    )


def test_ledger_when_a_process_forks_while_it_is_first_opened_then_the_child_does_not_hang(python):
    """The handler that tells a child came in only once the GIL was found: 19 of 24 such children waited for ever."""
    assert is_done(
        python(
            f"""{PRELUDE}
def opens():
    _native.open_ledger(interval_us)
    assert _native.close_ledger()

threads = started(opens, 1)
child = os.fork()  # the switch interval is over soon: the other thread is inside its first `open_ledger`
if child == 0:
    signal.alarm(10)
    try:
        _native.open_ledger(interval_us)
        os._exit(0)
    except _native.LedgerUnavailable as reason:
        os._exit(3 if reason.args[0] == "ledger-forked-child" else 4)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert status in (0, 3), status
finish(threads)
"""
        )
    )


def test_ledger_when_the_callee_closes_all_descriptors_then_nothing_of_it_is_open_and_nothing_of_the_callee_is_closed(
    python,
):
    """No descriptor is kept across the user's code: a kept number would be the callee's own file later.

    No other thread hands the GIL over meanwhile: that thread would be read, too, and a function that closes the descriptors of
    all threads hits whatever file another one has open at that moment.
    """
    assert is_done(
        python(
            f"""{PRELUDE}
_native.open_ledger(interval_us)

def closes_all():
    os.closerange(3, 4096)
    specimens.chatters(20, 1_000)
    files = [open(os.__file__, "rb") for _ in range(20)]
    specimens.chatters(20, 1_000)
    return files

for number in range(50 * TIMES):
    files, span = _native.call(closes_all, (), None, True, 100, _native.CallClock(1))
    assert span.recorded and span.n_releases_by_function + span.n_releases_by_interpreter >= 40, span.refused
    for file in files:
        assert len(file.read(100)) == 100
        file.close()
assert _native.close_ledger()
finish([])
"""
        )
    )


def test_ledger_when_a_subinterpreter_has_its_own_gil_then_the_record_is_that_of_the_main_one(python):
    """Both hand over at the same time, through the same functions. From 3.12 on."""
    done = python(
        f"""{PRELUDE}
try:
    import _interpreters as interpreters
except ImportError:
    try:
        import _xxsubinterpreters as interpreters
    except ImportError:
        sys.exit(77)
if sys.version_info < (3, 12):
    sys.exit(77)
other = interpreters.create()
source = '''
import os, time
until = time.monotonic() + 100
while not os.path.exists("stop") and time.monotonic() < until:
    for _ in range(100):
        time.sleep(0)
        sum(range(100))
    open("ready", "w").close()
'''
thread = threading.Thread(target=interpreters.run_string, args=(other, source))
thread.start()
while not os.path.exists("ready"):
    time.sleep(0.001)
threads = started(lambda: specimens.chatters(20, 2_000), 4)
for number in range(200 * TIMES):
    _native.open_ledger(interval_us)
    exact(call(specimens.chatters, 20, 0, fine=number % 2 == 0), 20)
    assert _native.close_ledger()
assert thread.is_alive()
open("stop", "w").close()
thread.join()
finish(threads)
"""
    )
    if done.returncode == 77:
        pytest.skip("no subinterpreters with a GIL of their own before 3.12, or none in this build")
    assert is_done(done)


def test_process_when_it_ends_with_the_ledger_open_and_threads_at_work_then_its_status_is_its_own(python):
    """Up to 3.13 the interpreter ends its daemon threads by unwinding them, through whatever they are in."""
    for _ in range(5):
        done = python(
            f"""{PRELUDE}
_native.open_ledger(interval_us)

def work():
    while True:
        sum(range(1_000))
        time.sleep(0)

for _ in range(8):
    threading.Thread(target=work, daemon=True).start()
call(specimens.chatters, 100, 0)
sys.exit(7)
"""
        )
        assert done.returncode == 7, (done.returncode, done.stderr)
