"""Systems that forbid what the ledger needs: each is a process that forbids it to itself."""

import pytest
from scripts import PRELUDE, SAYS_THAT_THREADS_ARE_MISSING

FILTER = """
import ctypes, struct
LOAD, IF_EQUAL, RETURN = 0x20, 0x15, 0x06
def refuse(*numbers, length=None):
    # BPF: load the number of the system call, refuse `numbers` with EPERM, allow all others. With `length`, a call is
    # refused only if that is its second argument.
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
    filter_program = Program(len(code), ctypes.addressof(program))
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(filter_program), 0, 0):
        print("no seccomp here"); sys.exit(77)
READV = {"x86_64": 310, "aarch64": 270}[os.uname().machine]
PREAD = {"x86_64": 17, "aarch64": 67}[os.uname().machine]
"""

#: Begins a script whose process may not read its memory in any way.
WITHOUT_MEMORY = (
    PRELUDE
    + FILTER
    + """
import pytest_gilcheck.checker.checker
refuse(READV, PREAD)
"""
)


def allowed(done):
    """Skip the test where filters themselves are forbidden."""
    if done.returncode == 77:
        pytest.skip("this system allows no seccomp filters")
    return done


def test_ledger_when_process_vm_readv_is_forbidden_then_it_is_exact(python):
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


def test_ledger_when_reading_memory_is_forbidden_then_progress_is_the_witness(python):
    """There is a reason, no crash and no guess."""
    done = allowed(
        python(
            WITHOUT_MEMORY
            + """
for function, words in ((specimens.holds, ("inconclusive",)), (specimens.releases, ("released", "inconclusive"))):
    verdict = check(function, 20 * MS)
    assert verdict.instrument.name == "progress" and verdict.gil in words, (verdict.gil, verdict.held_share)
    print(*(reason for reason in verdict.reasons if reason.startswith("ledger")))  # beside notes of a busy machine
"""
        )
    )
    assert (done.returncode, done.stdout) == (0, "ledger-memory-unreadable\n" * 2), done.stderr


def test_ledger_when_its_pages_are_locked_then_progress_is_the_witness(python):
    """The GOT entries cannot be changed."""
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
    # An interpreter with a writable GOT needs no permission. Reasons of the wall-clock rounds may follow.
    assert done.stdout.split()[:4] == [
        "inconclusive",
        "progress",
        "ledger-page-locked",
        "progress-only",
    ] or done.stdout.startswith("held ledger"), done.stdout


def test_ledger_when_it_alone_is_asked_and_forbidden_then_nobody_answers_for_it(python):
    """Neither for a call nor for a block; the reason is the system's."""
    done = allowed(
        python(
            WITHOUT_MEMORY
            + """
checker = check.options(overlap=False, instrument="ledger")
verdict = checker(specimens.releases, 20 * MS)
print(verdict.gil, verdict.instrument.grade, *(reason for reason in verdict.reasons if reason.startswith("ledger")))
with checker.span("block") as span:
    specimens.releases(20 * MS)
print(span.gil, span.instrument.grade, *(reason for reason in span.reasons if reason.startswith("ledger")))
"""
        )
    )
    expected = "inconclusive none ledger-memory-unreadable ledger-required\n"
    assert (done.returncode, done.stdout) == (0, 2 * expected), done.stderr


def test_progress_when_it_alone_is_asked_then_it_is_never_wrong_and_no_hook_is_set(python):
    """A sleep of 60 ms leaves the background thread everything but 1 to 2 %. What it cannot show is inconclusive."""
    done = python(
        PRELUDE
        + """
checker = check.options(overlap=False, instrument="progress")
recording = []

def looks(function, *arguments):
    def call():
        recording.append(_native.ledger_is_recording())
        return function(*arguments)
    return call

for function, arguments, right in (
    (specimens.sleeps, (60 * MS,), "released"),
    (specimens.releases, (20 * MS,), "released"),
    (specimens.holds, (20 * MS,), None),
    (specimens.releases_then_holds, (10 * MS, 10 * MS), None),
    (specimens.chatters, (50, 100_000), None),
    (specimens.holds, (400 * MS,), None),
    (sum, (range(200_000),), None),
):
    verdict = checker(looks(function, *arguments))
    assert verdict.gil in (right, "inconclusive"), (function, verdict.gil, verdict.held_share)
    assert verdict.instrument.name == "progress" and verdict.instrument.grade == "bounded"
    assert "ledger-not-asked" in verdict.reasons, verdict.reasons
    if right is None and verdict.held_share.measured:
        assert verdict.held_share.high > 0.05
assert not any(recording)
"""
    )
    assert done.returncode == 0, done.stderr


def test_check_when_the_system_gives_no_more_threads_then_it_says_so(python):
    """It raises, or has a verdict without what the threads were for; it neither aborts nor waits for ever."""
    done = allowed(
        python(
            PRELUDE
            + FILTER
            + """
CLONE, CLONE3 = {"x86_64": (56, 435), "aarch64": (220, 435)}[os.uname().machine]
check.options(overlap=False)(specimens.holds, MS)  # all is imported
refuse(CLONE, CLONE3)
checkers = check.options(threads=2, budget="20ms"), check.options(overlap=False)
"""
            + SAYS_THAT_THREADS_ARE_MISSING
        )
    )
    assert done.returncode == 0, done.stderr
