"""Systems that forbid what the ledger needs: each in a process that forbids it to itself."""

import pytest
from scripts import PRELUDE

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
import pytest_gilcheck.checker.checker
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
