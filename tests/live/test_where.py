"""The lines that are named, against the source: whoever moves a line in these sources moves what is expected with it."""

import hashlib
import importlib.machinery
import importlib.util
import json
import math
import shutil
import subprocess
import sys
import sysconfig
import threading
import time
from pathlib import Path

import pytest

from pytest_gilcheck import _native, check, specimens
from pytest_gilcheck.observe import exact_ledger, stacks_of

MS = 1_000_000
ROOT = Path(__file__).parents[2]
SINGLE = check.options(overlap=False)

C_SOURCE = r"""
#include <Python.h>
#include <time.h>
static long long now(void) {
    struct timespec t; clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}
static void spend(long long ns) { long long end = now() + ns; while (now() < end) {} }
static void inner(void) {
    Py_BEGIN_ALLOW_THREADS /* LET GO */
    spend(3000000);
    Py_END_ALLOW_THREADS /* TAKE BACK */
    spend(1000000);
}
static PyObject *partial(PyObject *self, PyObject *none) {
    inner();
    spend(3000000);
    Py_BEGIN_ALLOW_THREADS /* LAST LET GO */
    spend(100000);
    Py_END_ALLOW_THREADS
    spend(100000);
    Py_RETURN_NONE;
}
static PyMethodDef methods[] = {{"partial", partial, METH_NOARGS, 0}, {0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "NAME", 0, -1, methods};
PyMODINIT_FUNC PyInit_NAME(void) { return PyModule_Create(&module); }
"""

CPP_SOURCE = (
    C_SOURCE.replace(
        "static PyObject *partial(",
        """namespace demo {
struct Unlocked {
    PyThreadState *state;
    Unlocked() : state(PyEval_SaveThread()) {} // CONSTRUCTOR
    ~Unlocked() { PyEval_RestoreThread(state); }
};
static void work() { Unlocked unlocked; spend(3000000); } // BLOCK
}
static PyObject *partial(""",
        1,
    )
    .replace("    inner();\n", "    demo::work();\n    (void)inner;\n")
    .replace("{0}};", "{0, 0, 0, 0}};")
)

CYTHON_SOURCE = """\
# cython: language_level=3
cdef extern from "spend.h" nogil:
    void spend(long long ns)

def partial():
    x = 1
    with nogil:  # LET GO
        spend(3000000)
    spend(4000000)
    return x
"""


def line_of(source: str, mark: str) -> int:
    (line,) = [number for number, text in enumerate(source.splitlines(), 1) if mark in text]
    return line


def imported(name, path):
    loader = importlib.machinery.ExtensionFileLoader(name, str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


def compiled(folder, source, *flags, compiler=None):
    """The shared library made from `source`, with debug information and optimised as releases are."""
    found = shutil.which(compiler or "cc")
    include = sysconfig.get_paths()["include"]
    if found is None or not (Path(include) / "Python.h").is_file():
        pytest.skip(f"no {compiler or 'C'} compiler, or no headers of this interpreter, here")
    made = source.with_suffix(sysconfig.get_config_var("EXT_SUFFIX"))
    command = [
        found,
        "-shared",
        "-fPIC",
        "-O2",
        "-g",
        "-w",
        f"-I{include}",
        f"-I{folder}",
        str(source),
        "-o",
        str(made),
        *flags,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("where")


@pytest.fixture(scope="module")
def c_source(folder):
    source = folder / "cpart.c"
    source.write_text(C_SOURCE.replace("NAME", "cpart"))
    return source


def judged(function, *args):
    verdict = SINGLE(function, *args)
    assert verdict.gil in ("held", "partial"), (verdict.gil, verdict.notes)
    assert verdict.where is not None, verdict.notes
    return verdict.where


def at(site):
    return (Path(site.place.file).name, site.place.line)


def test_a_rust_specimen_lets_go_and_takes_back_at_one_line():
    source = (ROOT / "rust/ext/src/specimens.rs").read_text()
    first = line_of(source, "fn releases_then_holds")
    expected = ("specimens.rs", first + 1)

    where = judged(specimens.releases_then_holds, 3 * MS, 3 * MS)

    assert (at(where.let_go), at(where.taken), where.dropped) == (expected, expected, None)
    assert where.let_go.place.function.endswith("releases_then_holds")
    assert where.longest_hold_ns >= 3 * MS


def test_a_c_extension(folder, c_source):
    """Release, re-take and the longest hold, which goes on through two functions; inlined ones included."""
    module = imported("cpart", compiled(folder, c_source))

    where = judged(module.partial)

    text = c_source.read_text()
    assert at(where.let_go) == ("cpart.c", line_of(text, "/* LET GO"))
    assert at(where.taken) == ("cpart.c", line_of(text, "/* TAKE BACK"))
    assert at(where.dropped) == ("cpart.c", line_of(text, "/* LAST LET GO"))
    assert (where.let_go.place.function, where.dropped.place.function) == ("inner", "partial")
    assert where.n_places == 2
    assert where.longest_hold_ns >= 4 * MS


def test_a_c_extension_without_debug_information_names_symbol_and_library(folder, c_source):
    stripped = folder / "bare.c"
    stripped.write_text(
        c_source.read_text().replace("cpart", "bare").replace("static PyObject *partial", "PyObject *partial")
    )
    module = imported("bare", compiled(folder, stripped, "-g0"))

    where = judged(module.partial)

    assert where.dropped.place.file is None
    assert where.dropped.place.function == "partial"
    assert Path(where.dropped.place.library).name.startswith("bare.")


def test_a_cpp_extension_is_demangled(folder):
    source = folder / "cpppart.cpp"
    source.write_text(CPP_SOURCE.replace("NAME", "cpppart"))
    module = imported("cpppart", compiled(folder, source, compiler="c++"))

    where = judged(module.partial)

    text = source.read_text()
    assert at(where.let_go) == ("cpppart.cpp", line_of(text, "// CONSTRUCTOR"))
    assert at(where.dropped) == ("cpppart.cpp", line_of(text, "/* LAST LET GO"))
    assert "Unlocked" in where.let_go.place.function
    assert not where.let_go.place.function.startswith("_Z")


def test_a_cython_extension_is_led_back_to_its_pyx(folder):
    pytest.importorskip("Cython", reason="Cython is not installed")
    pyx = folder / "cypart.pyx"
    pyx.write_text(CYTHON_SOURCE)
    helper = C_SOURCE[C_SOURCE.index("#include <time.h>") : C_SOURCE.index("static void inner")]
    (folder / "spend.h").write_text(helper)
    done = subprocess.run(
        [sys.executable, "-m", "cython", "cypart.pyx"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    module = imported("cypart", compiled(folder, folder / "cypart.c"))

    where = judged(module.partial)

    expected = ("cypart.pyx", line_of(CYTHON_SOURCE, "# LET GO"))
    assert (at(where.let_go), at(where.taken), where.dropped) == (expected, expected, None)
    assert where.let_go.place.function == "cypart.partial"


def lets_go_then_holds(data, n):
    digest = hashlib.sha256(data)  # LET GO
    specimens.holds(n)
    return digest


def test_python_code_that_calls_a_releasing_function_is_named_beside_it():
    where = judged(lets_go_then_holds, bytes(1_000_000), 5 * MS)

    expected = next(
        n
        for n, text in enumerate(Path(__file__).read_text().splitlines(), 1)
        if text.endswith("# LET GO") and "sha256" in text
    )
    caller = where.let_go.called_from or where.let_go.place
    assert (Path(caller.file).name, caller.line, caller.function.split(".")[-1]) == (
        "test_where.py",
        expected,
        "lets_go_then_holds",
    )
    releasing = where.let_go.via or where.let_go.place
    assert "hash" in (releasing.function + (releasing.library or "")).lower() or "evp" in releasing.function.lower()


def sleeps_then_holds():
    time.sleep(0.002)  # SLEEP
    specimens.holds(5 * MS)


def test_a_function_of_the_interpreter_is_named_at_the_line_that_calls_it():
    where = judged(sleeps_then_holds)

    expected = next(n for n, text in enumerate(Path(__file__).read_text().splitlines(), 1) if text.endswith("# SLEEP"))
    caller = where.let_go.called_from or where.let_go.place
    assert (Path(caller.file).name, caller.line) == ("test_where.py", expected)


def test_a_held_native_function_names_its_library():
    where = judged(math.factorial, 20_000)

    assert (where.let_go, where.taken, where.dropped) == (None, None, None)
    assert "factorial" in where.function.function
    assert where.function.library == getattr(math, "__file__", None) or where.function.library == _native.libraries()[1]


def test_a_held_python_function_names_the_line_that_took_the_time():
    text = json.dumps(list(range(100_000)))

    where = judged(json.loads, text)

    assert where.function.file == json.loads.__code__.co_filename
    assert where.busiest.share > 0.5
    assert where.busiest.python[0].file.endswith("decoder.py")


@pytest.mark.parametrize("called", [lambda: time.sleep(0.002), lambda: [n * n for n in range(300_000)]])
def test_what_made_the_call_is_in_no_stack_and_no_hand_over_lies_outside_of_the_span(called):
    """Another thread asks for the GIL all the while."""
    ended = threading.Event()

    def asks():
        while not ended.is_set():
            sum(range(100))

    asking = threading.Thread(target=asks)
    asking.start()
    try:
        with exact_ledger() as instrument, stacks_of(threading.get_ident()) as kept:
            _, span = _native.call(called, (), None, False, 100)
    finally:
        ended.set()
        asking.join()

    if instrument.grade != "exact":
        pytest.skip(f"no ledger here: {instrument.unavailable}")
    assert kept.events
    for at_ns, _, _, frames in kept.events:
        assert span.start_ns <= at_ns <= span.end_ns
        assert frames[0][3] == _native.libraries()[0] != frames[-1][3]


def test_python_code_that_is_made_to_give_way_names_itself_and_no_glue():
    """A thread of its own asks; which line gave way is another one each time."""
    ended = threading.Event()

    def counts_up():
        return [n * n for n in range(400_000)]

    def asks():
        while not ended.is_set():
            sum(range(100))

    asking = threading.Thread(target=asks)
    asking.start()
    try:
        where = judged(counts_up)
    finally:
        ended.set()
        asking.join()

    named = [site.place for site in (where.let_go, where.taken, where.dropped) if site]
    assert {place.file for place in named} <= {__file__}
    assert where.function.function.endswith("counts_up")


def test_a_rust_function_is_not_found_in_the_glue_that_wraps_it():
    where = judged(specimens.holds, 5 * MS)

    assert (where.function.file, where.function.function) == (None, "pytest_gilcheck.specimens.holds")


def test_a_released_call_is_not_made_once_more():
    verdict = SINGLE(specimens.releases, 20 * MS)

    assert verdict.gil in ("released", "inconclusive")
    assert verdict.where is None


def test_the_pass_leaves_traces_of_others_in_place():
    seen = []

    def called():
        seen.append(sys.gettrace())
        specimens.holds(2 * MS)

    SINGLE(called)

    assert seen[-1] is not None
    assert sys.gettrace() not in seen[-1:]
    assert any(trace is None for trace in seen)


def test_a_pass_that_raises_is_said_and_the_verdict_stands():
    calls = []

    def gives_up():
        calls.append(1)
        if sys.gettrace() is not None:
            raise ValueError("under a trace")
        specimens.holds(5 * MS)

    verdict = SINGLE(gives_up)

    assert verdict.gil == "held"
    assert verdict.where is None
    assert "where-failed" in {note.slug for note in verdict.notes}


def test_one_pass_at_a_time():
    _native.keep_stacks(1)
    try:
        with pytest.raises(RuntimeError, match="another diagnosing pass"):
            _native.keep_stacks(2)
    finally:
        assert _native.kept_stacks() == ([], 0)
