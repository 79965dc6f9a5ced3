"""Other tools that stand in the same slots."""

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
    '''Every word of the interpreter's writable or once writable data.'''
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

def ours():
    '''The slots that lead to our functions now.'''
    return {at: word for at, word in words().items() if word > 4096 and into_our_library(word)}

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
    _native.call(specimens.chatters, (1, 0), None, False, 10)
assert not any(words()[at] == word for at, word in slots.items()), "hooks are out"
"""


#: Slots hold their functions from the start: a lazy stub, called by a tool on top, would rebind the slot and take that tool
#: out again, whoever else is there.
BOUND = {**os.environ, "LD_BIND_NOW": "1"}


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """The other tool, compiled."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler here")
    made = tmp_path_factory.mktemp("other") / "on_top.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", str(Path(__file__).with_name("on_top.c")), "-o", str(made)], check=True
    )
    return made


def test_slots_are_pointed_while_recording_and_put_back(python, other):
    """Word by word, in the interpreter's own memory."""
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
    assert done.stdout == "slots 2\n"


#: It goes on seeing its calls, and is found in its place afterwards.
THERE_FIRST = """
other.stand_on_top(ctypes.c_void_p(at))
theirs = words()[at]
right()
assert words()[at] == theirs
assert other.calls_seen() > 0
right()
"""

#: Our function stays in below it, silent, and later checks are right; once it is gone, ours goes too.
CAME_ON_TOP = """
with exact_ledger():
    other.stand_on_top(ctypes.c_void_p(at))
    theirs = words()[at]
assert words()[at] == theirs, "left alone"
assert not _native.ledger_is_recording()
right()
assert words()[at] == theirs
with exact_ledger():
    _, span = _native.call(specimens.chatters, (10, 0), None, False, 100)
    assert span.n_voluntary == 10
other.step_down(ctypes.c_void_p(at))
right()
assert words()[at] == without[at], "out again"
"""


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(
    "story", [pytest.param(THERE_FIRST, id="there-first"), pytest.param(CAME_ON_TOP, id="came-on-top")]
)
def test_a_tool_in_a_slot_is_chained_to_and_left_alone(python, other, report_lines, which):
    """In each of the two slots."""
    done = python(f"{SCRIPT}\nat = sorted(slots)[{which}]\n{report_lines}", str(other), env=BOUND)
    assert done.returncode == 0, done.stderr
