"""Other tools that hook the same entries of the GOT."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = """
import ctypes, os, struct, sys
from pytest_gilcheck import _native, check, specimens
from pytest_gilcheck.observe import exact_ledger
MS = 1_000_000
other = ctypes.CDLL(sys.argv[1])
other.calls_seen.restype = ctypes.c_long

def words():
    '''Return every word of the interpreter's writable or once writable data.'''
    address = ctypes.cast(ctypes.pythonapi.PyEval_SaveThread, ctypes.c_void_p).value
    lines = [line.split() for line in open("/proc/self/maps")]
    spans = [[int(end, 16) for end in line[0].split("-")] for line in lines]
    own = next(line[5] for line, (start, end) in zip(lines, spans) if start <= address < end)
    found = {}
    for line, (start, end) in zip(lines, spans):
        if len(line) > 5 and line[5] == own and line[1].startswith("r") and "x" not in line[1]:
            data = ctypes.string_at(start, end - start)
            for index, (word,) in enumerate(struct.iter_unpack("=Q", data[: len(data) // 8 * 8])):
                found[start + index * 8] = word
    return found

def into_our_library(word):
    info = (ctypes.c_void_p * 4)()
    ctypes.CDLL(None).dladdr(ctypes.c_void_p(word), info)
    return info[0] and b"_native" in ctypes.string_at(info[0])

def right():
    for function, word in ((specimens.holds, "held"), (specimens.releases, "released")):
        verdict = check.options(overlap=False)(function, 20 * MS)
        assert verdict.instrument.grade == "exact", verdict.notes
        assert verdict.gil in (word, "inconclusive")
    verdict = check.options(overlap=False)(specimens.releases_then_holds, 5 * MS, 5 * MS)
    assert verdict.gil in ("partial", "inconclusive")

without = words()
with exact_ledger():
    slots = {at: word for at, word in words().items() if word != without.get(at) and word > 4096 and into_our_library(word)}
    print("slots", len(slots))
    _native.call(specimens.chatters, (1, 0), None, False, 10, _native.CallClock(1))
assert not any(words()[at] == word for at, word in slots.items()), "hooks are out"
"""


#: GOT entries hold their functions from the start. A lazy stub, called by a tool on top, would bind the entry again and remove
#: that tool.
BOUND = {**os.environ, "LD_BIND_NOW": "1"}


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """The compiled library of the other tool."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler here")
    library = tmp_path_factory.mktemp("other") / "on_top.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", str(Path(__file__).with_name("on_top.c")), "-o", str(library)], check=True
    )
    return library


def test_got_when_recording_ends_then_its_entries_are_restored(python, other):
    """The interpreter's memory is compared word by word."""
    done = python(
        SCRIPT
        + """
right()
now = words()
assert all(now[at] == without[at] for at in slots)
""",
        str(other),
        env=BOUND,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "slots 4\n"


#: The other tool keeps seeing its calls, and is in its place afterwards.
THERE_FIRST = """
other.stand_on_top(ctypes.c_void_p(at))
theirs = words()[at]
for _ in range(20):  # a thread must wait before the entries of the waits are used
    right()
    if other.calls_seen():
        break
assert words()[at] == theirs
assert other.calls_seen() > 0
right()
"""

#: Our function stays below the other tool, without effect, and later checks are right. Ours goes once the other is gone.
CAME_ON_TOP = """
with exact_ledger():
    other.stand_on_top(ctypes.c_void_p(at))
    theirs = words()[at]
assert words()[at] == theirs, "left alone"
assert not _native.ledger_is_recording()
right()
assert words()[at] == theirs
with exact_ledger():
    _, span = _native.call(specimens.chatters, (10, 0), None, False, 100, _native.CallClock(1))
    assert span.n_releases_by_function == 10
other.step_down(ctypes.c_void_p(at))
right()
assert words()[at] == without[at], "out again"
"""


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(
    "situation", [pytest.param(THERE_FIRST, id="there-first"), pytest.param(CAME_ON_TOP, id="came-on-top")]
)
def test_got_when_another_tool_is_there_then_it_is_called_and_stays(python, other, situation, which):
    """In each of the two entries."""
    done = python(f"{SCRIPT}\nat = sorted(slots)[{which}]\n{situation}", str(other), env=BOUND)
    assert done.returncode == 0, done.stderr
