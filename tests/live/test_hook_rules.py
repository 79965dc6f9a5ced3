"""What the hooks may not do (SECURITY.md), looked at from outside: no system call under the GIL's mutex, no wrong figures."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

#: GOT entries hold their functions from the start, also those of a preloaded library.
BOUND = {**os.environ, "LD_BIND_NOW": "1"}
CANNOT = 77


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """Compile a C file of this folder; gives the library."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler here")

    def compile_(name):
        library = tmp_path_factory.mktemp("compiled") / f"{name}.so"
        source = Path(__file__).with_name(f"{name}.c")
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-O1", str(source), "-o", str(library), "-ldl", "-pthread"], check=True
        )
        return library

    return compile_


PRELUDE = """
import ctypes, sys, threading
from pytest_gilcheck import _native
from pytest_gilcheck._native import specimens
MS = 1_000_000
interval_us = round(sys.getswitchinterval() * 1e6)

def call(function, *arguments, fine=False):
    return _native.call(function, arguments, None, fine, 100, _native.CallClock(1))[1]
"""

UNDER_MUTEX = """
watcher = ctypes.CDLL(None)
watcher.seen.restype = watcher.sections.restype = ctypes.c_long
gil, offset, _ = _native.open_ledger(interval_us)
if not watcher.watch(ctypes.c_void_p(gil + offset)):
    sys.exit(77)
watcher.misbehave()
print("seen on purpose", watcher.seen(110))  # getppid

def hand_over(fine):
    for _ in range(20):
        span = call(specimens.chatters, 100, 1000, fine=fine)
        assert span.recorded, span.refused

threads = [threading.Thread(target=hand_over, args=(fine,)) for fine in (True, False, True, False)]
for thread in threads:
    thread.start()
while any(thread.is_alive() for thread in threads):
    sum(range(1000))
    sorted(range(1000), key=lambda number: -number)
_native.keep_stacks(threading.get_ident())
call(specimens.chatters, 100, 0, fine=True)
_native.kept_stacks()
spans = [call(specimens.delegates, 100_000, fine=True) for _ in range(20)]
split = any(other[-1] is not None for span in spans for other in span.others)
watcher.forget()
_native.close_ledger()
print("split", split or spans[0].delay_ns is None)
print("many", watcher.sections() > 16_000)
print("others", {number: watcher.seen(number) for number in range(512) if number not in {110, 202, 228} and watcher.seen(number)})
"""


@pytest.mark.skipif(platform.system() != "Linux", reason="the ledger is for Linux")
@pytest.mark.skipif(
    platform.machine() != "x86_64", reason="the kernel hands system calls to the process on x86-64 only"
)
def test_hooks_when_threads_hand_the_gil_over_then_no_system_call_is_made_under_its_mutex(python, compiled):
    """Only the C library's own locks (202, futex) and a clock without a vDSO (228) enter the kernel there.

    A thread that is preempted in a system call keeps every other thread from the GIL.
    """
    done = python(PRELUDE + UNDER_MUTEX, env={**BOUND, "LD_PRELOAD": str(compiled("under_mutex"))})
    if done.returncode == CANNOT:
        pytest.skip("this kernel does not hand system calls to the process (5.11 and later do)")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "seen on purpose 1\nsplit True\nmany True\nothers {}\n"


OTHER_TOOL = """
import struct
other = ctypes.CDLL(sys.argv[1])

def maps():
    for line in open("/proc/self/maps", encoding="utf-8", errors="replace"):
        fields = line.split()
        start, end = (int(address, 16) for address in fields[0].split("-"))
        yield start, end, fields[1], fields[5] if len(fields) > 5 else ""

def words():
    '''Return every word of the interpreter's data.'''
    address = ctypes.cast(ctypes.pythonapi.PyEval_SaveThread, ctypes.c_void_p).value
    own = next(name for start, end, _, name in maps() if start <= address < end)
    found = {}
    for start, end, access, name in maps():
        if name == own and access.startswith("r") and "x" not in access:
            data = ctypes.string_at(start, end - start)
            found |= {start + 8 * index: word for index, (word,) in enumerate(struct.iter_unpack("=Q", data))}
    return found

def is_ours(word):
    return any(start <= word < end for start, end, access, name in maps() if "_native" in name and "x" in access)

libc = ctypes.CDLL(None)
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

def put(at, word):
    assert libc.mprotect(at & ~4095, 4096, 3) == 0
    ctypes.c_size_t.from_address(at).value = word

before = words()
_native.open_ledger(interval_us)
changed = {at: word for at, word in words().items() if before.get(at) != word}
entries = sorted(at for at, word in changed.items() if word > 4096 and is_ours(word))
print("entries", len(entries))

def refused(span):
    return not span.recorded and span.held_ns == 0 and span.refused and span.refused[0] == "ledger-lost"
"""

#: Another tool restores what it found when it was loaded: the functions of the C library.
REMOVES = "put(at, before[at])"
#: Another tool puts a function of its own into the entry, which calls ours.
STANDS_ON_TOP = "other.stand_on_top(ctypes.c_void_p(at))"


@pytest.mark.skipif(platform.system() != "Linux", reason="the ledger is for Linux")
@pytest.mark.parametrize(
    "act", [pytest.param(REMOVES, id="removes-ours"), pytest.param(STANDS_ON_TOP, id="stands-on-top")]
)
def test_ledger_when_another_tool_changes_an_entry_then_spans_are_lost_and_not_wrong(python, compiled, act):
    """Each of the four entries, before a span and within one. Without its hooks a call that releases looks held."""
    done = python(
        f"""{PRELUDE}{OTHER_TOOL}
for at in entries:
    ours = changed[at]
    span = _native.OpenSpan()
    {act}
    specimens.releases(MS)
    assert refused(span.end(10)), "within"
    assert refused(call(specimens.releases, MS)), "before"
    put(at, ours)
    span = call(specimens.releases, MS)
    assert span.recorded and span.n_releases_by_function == 1, span.refused
_native.close_ledger()
after = words()
assert all(after[at] == before[at] for at in entries)
""",
        str(compiled("on_top")),
        env=BOUND,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "entries 4\n"
