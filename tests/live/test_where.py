"""The lines that a verdict names, compared with the source; marks in the source say which lines are expected."""

import hashlib
import json
import math
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from extensions import compiled, imported, line_of

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

def holding(ns):  # HOLDING
    spend(ns)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("where")


@pytest.fixture(scope="module")
def c_source(folder):
    source = folder / "cpart.c"
    source.write_text(C_SOURCE.replace("NAME", "cpart"))
    return source


def where_of(function, *args):
    verdict = SINGLE(function, *args)
    assert verdict.gil in ("held", "partial"), (verdict.gil, verdict.notes)
    if verdict.where is None and "time-limit" in verdict.reasons:
        pytest.skip("the machine is so busy that the check's time limit left no time for the lines")
    assert verdict.where is not None, verdict.notes
    return verdict.where


def at(site):
    return (Path(site.place.file).name, site.place.line)


@pytest.mark.smoke
def test_where_when_rust_releases_and_takes_at_one_line_then_it_is_named():
    source = (ROOT / "rust/ext/src/specimens.rs").read_text()
    first = line_of(source, "fn releases_then_holds")
    expected = ("specimens.rs", first + 1)

    where = where_of(specimens.releases_then_holds, 3 * MS, 3 * MS)

    assert (at(where.let_go), at(where.taken), where.dropped) == (expected, expected, None)
    assert where.let_go.place.function.endswith("releases_then_holds")
    assert where.longest_hold_ns >= 3 * MS


def test_where_when_the_extension_is_c_then_its_lines_are_named(folder, c_source):
    """The longest hold goes on through two functions, and inlined functions count."""
    module = imported("cpart", compiled(folder, c_source))

    where = where_of(module.partial)

    text = c_source.read_text()
    assert at(where.let_go) == ("cpart.c", line_of(text, "/* LET GO"))
    assert at(where.taken) == ("cpart.c", line_of(text, "/* TAKE BACK"))
    assert at(where.dropped) == ("cpart.c", line_of(text, "/* LAST LET GO"))
    assert (where.let_go.place.function, where.dropped.place.function) == ("inner", "partial")
    assert where.n_places == 2
    assert where.longest_hold_ns >= 4 * MS


def test_where_when_there_is_no_debug_information_then_symbol_and_library_are_named(folder, c_source):
    stripped = folder / "bare.c"
    stripped.write_text(
        c_source.read_text().replace("cpart", "bare").replace("static PyObject *partial", "PyObject *partial")
    )
    module = imported("bare", compiled(folder, stripped, "-g0"))

    where = where_of(module.partial)
    if where.dropped is None and where.let_go is not None:
        pytest.skip(
            "the processor was taken away in the last hold, which lasts 0.1 ms otherwise: it became the longest"
        )

    assert where.dropped.place.file is None
    assert where.dropped.place.function == "partial"
    assert Path(where.dropped.place.library).name.startswith("bare.")


def test_where_when_the_extension_is_cpp_then_names_are_demangled(folder):
    source = folder / "cpppart.cpp"
    source.write_text(CPP_SOURCE.replace("NAME", "cpppart"))
    module = imported("cpppart", compiled(folder, source, compiler="c++"))

    where = where_of(module.partial)

    text = source.read_text()
    assert at(where.let_go) == ("cpppart.cpp", line_of(text, "// CONSTRUCTOR"))
    assert at(where.dropped) == ("cpppart.cpp", line_of(text, "/* LAST LET GO"))
    assert "Unlocked" in where.let_go.place.function
    assert not where.let_go.place.function.startswith("_Z")


def cython_module(folder):
    pytest.importorskip("Cython", reason="Cython is not installed")
    (folder / "cypart.pyx").write_text(CYTHON_SOURCE)
    helper = C_SOURCE[C_SOURCE.index("#include <time.h>") : C_SOURCE.index("static void inner")]
    (folder / "spend.h").write_text(helper)
    command = [sys.executable, "-m", "cython", "cypart.pyx"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return imported("cypart", compiled(folder, folder / "cypart.c"))


def test_where_when_the_extension_is_cython_then_lines_of_its_pyx_are_named(folder):
    module = cython_module(folder)

    where = where_of(module.partial)

    expected = ("cypart.pyx", line_of(CYTHON_SOURCE, "# LET GO"))
    assert (at(where.let_go), at(where.taken), where.dropped) == (expected, expected, None)
    assert where.let_go.place.function == "cypart.partial"


def test_command_when_a_statement_calls_a_cython_function_then_its_line_is_named_as_the_fixture_names_it(folder):
    """Nothing reports such a call to a trace. An argument's name hid that of the function, and the time was Python's."""
    module = cython_module(folder)
    fixture = where_of(module.holding, 4_000_000)
    statement = ["--no-overlap", "--json", "-", "-s", "import cypart; ns = 4_000_000", "cypart.holding(ns)"]

    printed = subprocess.run(
        [sys.executable, "-m", "pytest_gilcheck", *statement], cwd=folder, capture_output=True, text=True, check=False
    )

    assert printed.returncode == 0, printed.stderr
    verdict = json.loads(printed.stdout.splitlines()[1])["check"]["verdict"]
    if verdict["where"] is None and "time-limit" in str(verdict["notes"]):
        pytest.skip("the machine is so busy that the check's time limit left no time for the lines")
    native = verdict["where"]["busiest"]["native"]
    assert (fixture.function.file, fixture.function.line) == (native["file"], native["line"])
    assert native["line"] == line_of(CYTHON_SOURCE, "# HOLDING")
    assert fixture.function.binding == native["binding"] == "Cython"


def lets_go_then_holds(data, n):
    digest = hashlib.sha256(data)  # LET GO
    specimens.holds(n)
    return digest


@pytest.mark.smoke
def test_where_when_python_code_calls_a_releasing_function_then_both_are_named():
    where = where_of(lets_go_then_holds, bytes(1_000_000), 5 * MS)

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
    # Where the interpreter is stripped, only the library has a name.
    named = f"{releasing.function} {releasing.library}".lower()
    assert "hash" in named or "evp" in named


def sleeps_then_holds():
    time.sleep(0.002)  # SLEEP
    specimens.holds(5 * MS)


def test_where_when_the_interpreter_has_the_function_then_the_calling_line_is_named():
    where = where_of(sleeps_then_holds)

    expected = next(n for n, text in enumerate(Path(__file__).read_text().splitlines(), 1) if text.endswith("# SLEEP"))
    caller = where.let_go.called_from or where.let_go.place
    assert (Path(caller.file).name, caller.line) == ("test_where.py", expected)


def test_where_when_a_native_function_holds_then_its_library_is_named():
    where = where_of(math.factorial, 20_000)

    assert (where.let_go, where.taken, where.dropped) == (None, None, None)
    assert "factorial" in where.function.function
    assert where.function.library == getattr(math, "__file__", None) or where.function.library == _native.libraries()[1]


def test_where_when_a_python_function_holds_then_the_busiest_line_is_named():
    text = json.dumps(list(range(100_000)))

    where = where_of(json.loads, text)

    assert where.function.file == json.loads.__code__.co_filename
    assert where.busiest.share > 0.5
    assert where.busiest.python[0].file.endswith("decoder.py")


#: How often the thread that asks for the GIL has had it.
ASKED = [0]


def counts_until_another_thread_has_run():
    """The interpreter releases the GIL at least once, however late a busy machine lets the other thread ask for it."""
    before = ASKED[0]
    while ASKED[0] == before:
        sum(n * n for n in range(1_000))


@pytest.mark.parametrize("called", [lambda: time.sleep(0.002), counts_until_another_thread_has_run])
def test_stacks_when_kept_then_they_lie_within_the_call_and_its_span(called):
    """Another thread asks for the GIL all the time."""
    ended = threading.Event()

    def asks():
        while not ended.is_set():
            ASKED[0] += 1

    asking = threading.Thread(target=asks)
    asking.start()
    try:
        with exact_ledger() as instrument, stacks_of(threading.get_ident()) as kept:
            _, span = _native.call(called, (), None, False, 100, _native.CallClock(1))
    finally:
        ended.set()
        asking.join()

    if instrument.grade != "exact":
        pytest.skip(f"no ledger here: {instrument.unavailable}")
    assert kept.events
    for at_ns, _, _, frames in kept.events:
        assert span.start_ns <= at_ns <= span.end_ns
        assert frames[0][3] == _native.libraries()[0] != frames[-1][3]


def test_where_when_the_interpreter_releases_in_python_code_then_only_that_code_is_named():
    """Another thread asks for the GIL; the line is another one each time."""
    ended = threading.Event()

    def counts_up():
        return [n * n for n in range(400_000)]

    def asks():
        while not ended.is_set():
            sum(range(100))

    asking = threading.Thread(target=asks)
    asking.start()
    try:
        where = where_of(counts_up)
    finally:
        ended.set()
        asking.join()

    # A site whose line is not known names nothing (seen once on 3.14).
    named = [site.place for site in (where.let_go, where.taken, where.dropped) if site and site.place]
    assert {place.file for place in named} <= {__file__}
    assert where.function.function.endswith("counts_up")


def test_where_when_a_rust_function_holds_then_its_wrapper_is_not_named():
    where = where_of(specimens.holds, 5 * MS)

    assert (where.function.file, where.function.function) == (None, "pytest_gilcheck.specimens.holds")


def test_where_when_a_call_is_released_then_there_is_none():
    verdict = SINGLE(specimens.releases, 20 * MS)

    assert verdict.gil in ("released", "inconclusive")
    assert verdict.where is None


def test_trace_when_lines_are_looked_for_then_it_is_restored():
    traces = []

    def called():
        traces.append(sys.gettrace())
        specimens.holds(2 * MS)

    SINGLE(called)

    assert traces[-1] is not None
    assert sys.gettrace() not in traces[-1:]
    assert any(trace is None for trace in traces)


def test_where_when_the_pass_raises_then_a_note_says_so_and_the_verdict_stands():
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


def test_stacks_when_a_pass_is_under_way_then_another_is_refused():
    _native.keep_stacks(1)
    try:
        with pytest.raises(RuntimeError, match="another diagnosing pass"):
            _native.keep_stacks(2)
    finally:
        assert _native.kept_stacks() == ([], 0)
