"""The function that sleeps or waits for an inner lock, compared with the source, where a mark says which line is expected."""

import contextlib
import re
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from extensions import compiled, imported, line_of
from neighbours import busy_process, thread

from pytest_gilcheck import _native, check, specimens
from pytest_gilcheck.evidence import Place, SleepPlace, Sleeps
from pytest_gilcheck.judge.sleeps import wait_site
from pytest_gilcheck.observe import exact_ledger

MS = 1_000_000
ROOT = Path(__file__).parents[2]

C_SOURCE = r"""
#include <Python.h>
#include <pthread.h>
#include <time.h>
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long long now(void) {
    struct timespec t; clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}
static void spend(long long ns) { long long end = now() + ns; while (now() < end) {} }
static void counter_add(long long ns) {
    pthread_mutex_lock(&lock); /* WAITS */
    spend(ns);
    pthread_mutex_unlock(&lock); /* GOES */
}
static PyObject *add(PyObject *self, PyObject *ns) {
    long long n = PyLong_AsLongLong(ns);
    Py_BEGIN_ALLOW_THREADS
    counter_add(n);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}
static PyObject *naps(PyObject *self, PyObject *none) {
    struct timespec t = {0, 3000000};
    nanosleep(&t, 0); /* NAPS */
    spend(100000);
    Py_RETURN_NONE;
}
static PyObject *take(PyObject *self, PyObject *none) { pthread_mutex_lock(&lock); Py_RETURN_NONE; }
static PyObject *let_go(PyObject *self, PyObject *none) { pthread_mutex_unlock(&lock); Py_RETURN_NONE; }
static PyMethodDef methods[] = {
    {"add", add, METH_O, 0}, {"naps", naps, METH_NOARGS, 0}, {"take", take, METH_NOARGS, 0}, {"let_go", let_go, METH_NOARGS, 0}, {0, 0, 0, 0}
};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "NAME", 0, -1, methods};
PyMODINIT_FUNC PyInit_NAME(void) { return PyModule_Create(&module); }
"""

CPP_SOURCE = (
    C_SOURCE.replace("#include <pthread.h>", "#include <mutex>")
    .replace("static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;", "static std::mutex lock;")
    .replace("pthread_mutex_lock(&lock); /* WAITS */", "std::lock_guard<std::mutex> guard(lock); /* WAITS */")
    .replace("pthread_mutex_unlock(&lock); /* GOES */", "")
    .replace("pthread_mutex_lock(&lock);", "lock.lock();")
    .replace("pthread_mutex_unlock(&lock);", "lock.unlock();")
)

BUILDS = {
    "c": (C_SOURCE, ".c", None, ()),
    "c without optimisation": (C_SOURCE, ".c", None, ("-O0",)),
    "c with frame pointers": (C_SOURCE, ".c", None, ("-fno-omit-frame-pointer",)),
    "c++": (CPP_SOURCE, ".cpp", "c++", ()),
    "c++ without optimisation": (CPP_SOURCE, ".cpp", "c++", ("-O0",)),
}

NEIGHBOURS = {
    "nobody": contextlib.nullcontext,
    "a sleeping thread": lambda: thread(lambda: time.sleep(0.001)),
    "a busy thread": lambda: thread(lambda: sum(range(100))),
    "a busy process": busy_process,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("locks")


def built(folder, build, *more):
    """Return the module of a build, and the line that waits."""
    text, suffix, compiler, flags = BUILDS[build]
    name = "lock_" + "".join(letter if letter.isalnum() else "_" for letter in "_".join((build, *more)))
    name = name.replace("+", "p")
    source = folder / f"{name}{suffix}"
    source.write_text(text.replace("NAME", name))
    module = imported(name, compiled(folder, source, *flags, *more, compiler=compiler))
    return module, (source.name, line_of(text, "/* WAITS"))


def looked_at(native_id, n_looks=40):
    """Return what looks at a thread show."""
    sampler = _native.SleepSampler([native_id], MS, n_looks)
    begun_ns = _native.clock_ns()
    sampler.start()
    time.sleep(n_looks * 2e-3)
    stacks, n_running, n_unread = sampler.finish(begun_ns, _native.clock_ns())
    own, interpreter = _native.libraries()
    places = (SleepPlace(call, tuple(Place(*frame) for frame in frames), n) for call, frames, n in stacks)
    return Sleeps(tuple(places), n_running, n_unread, interpreter, own)


def shows_threads():
    """Return whether this system shows where a thread sleeps. An emulator shows its own code there."""
    end = threading.Event()
    sleeping = threading.Thread(target=end.wait)
    sleeping.start()
    sleeps = looked_at(sleeping.native_id, 10)
    end.set()
    sleeping.join()
    return any(place.native and place.native[0].library for place in sleeps.places)


def seen_waiting(module):
    """Return where a thread is seen to wait while another one keeps the lock."""
    if not shows_threads():
        pytest.skip("this system does not show where threads sleep")
    module.take()
    waiting = threading.Thread(target=module.add, args=(0,))
    try:
        waiting.start()
        for _ in range(50):  # on a busy machine it takes a while to come there
            sleeps = looked_at(waiting.native_id)
            if wait_site(sleeps) is not None:
                break
    finally:
        module.let_go()
        waiting.join()
    return wait_site(sleeps), sleeps


@pytest.mark.parametrize("build", BUILDS)
def test_wait_when_the_lock_is_kept_then_its_line_is_found(folder, build):
    """Also where frames are kept in a register that the kernel does not show."""
    module, expected = built(folder, build)

    wait, sleeps = seen_waiting(module)

    assert wait is not None, sleeps
    assert (Path(wait.place.file).name, wait.place.line) == expected
    assert wait.place.function.startswith("counter_add")
    assert "lock" in wait.through


@pytest.mark.parametrize("neighbour", NEIGHBOURS)
def test_wait_when_others_run_beside_then_the_line_is_found(folder, neighbour):
    module, expected = built(folder, "c")

    with NEIGHBOURS[neighbour]():
        wait, sleeps = seen_waiting(module)

    assert wait is not None, sleeps
    assert (Path(wait.place.file).name, wait.place.line) == expected


def test_wait_when_there_are_no_symbols_then_the_library_is_named_and_no_function(folder):
    module, _ = built(folder, "c", "-g0", "-s")

    wait, sleeps = seen_waiting(module)

    assert wait is not None, sleeps
    assert (wait.place.file, wait.place.function) == (None, None)
    assert wait.place.library == module.__file__


def test_wait_when_python_code_waits_for_its_own_lock_then_it_is_no_function_of_an_extension():
    if not shows_threads():
        pytest.skip("this system does not show where threads sleep")
    lock = threading.Lock()
    with lock:
        waiting = threading.Thread(target=lambda: lock.acquire() and lock.release())
        waiting.start()
        sleeps = looked_at(waiting.native_id)
    waiting.join()

    wait = wait_site(sleeps)
    assert wait is None or wait.place == Place(function="Python code"), sleeps


@pytest.mark.parametrize("recording", [contextlib.nullcontext, lambda: exact_ledger("ledger")], ids=["alone", "ledger"])
def test_wait_when_a_thread_waits_for_the_gil_then_nothing_is_named(folder, recording):
    """The function that takes the GIL back waits for no lock of its own."""
    if not shows_threads():
        pytest.skip("this system does not show where threads sleep")
    module, _ = built(folder, "c")
    stop = threading.Event()

    def calls():
        while not stop.is_set():
            module.add(100_000)

    calling = threading.Thread(target=calls)
    calling.start()
    try:
        found = []
        sampler = _native.SleepSampler([calling.native_id], 200_000, 400)
        begun_ns = _native.clock_ns()
        sampler.start()
        with recording():
            for _ in range(20):
                specimens.holds(10 * MS)
        stacks, *_ = sampler.finish(begun_ns, _native.clock_ns())
    finally:
        stop.set()
        calling.join()
    own, interpreter = _native.libraries()
    for call, frames, n in stacks:
        sleeps = Sleeps((SleepPlace(call, tuple(Place(*frame) for frame in frames), 100 * n),), 0, 0, interpreter, own)
        found.append(wait_site(sleeps))
    assert [wait for wait in found if wait is not None] == [], stacks


@pytest.mark.parametrize("neighbour", NEIGHBOURS)
def test_verdict_when_calls_wait_for_a_lock_then_the_named_line_is_the_one_that_waits(folder, neighbour):
    """Nothing is named where too few waits were seen; never another line."""
    module, expected = built(folder, "c")

    with NEIGHBOURS[neighbour]():
        verdict = check.options(budget="1s")(module.add, MS)

    assert verdict.overlap != "overlaps"
    if verdict.waits_at is None:
        pytest.skip(f"the function that waits was not decided: {verdict.reasons}")
    place = verdict.waits_at.place
    assert (Path(place.file).name, place.line) == expected
    assert re.search(
        rf"They wait in pthread_mutex_lock, called at \S*{expected[0]}:{expected[1]} \(counter_add\)\.",
        verdict.diagnosis,
    )


def test_verdict_when_a_call_sleeps_while_it_holds_then_the_line_that_sleeps_is_named(folder):
    module, _ = built(folder, "c")

    verdict = check.options(overlap=False)(module.naps)

    if verdict.sleeps_at is None:
        pytest.skip(f"where the call sleeps was not decided: {verdict.reasons}")
    place = verdict.sleeps_at.place
    assert (Path(place.file).name, place.line) == ("lock_c.c", line_of(C_SOURCE, "/* NAPS"))
    assert (place.function, verdict.sleeps_at.through) == ("naps", "nanosleep")
    assert "It sleeps in nanosleep, called at " in verdict.diagnosis


def test_verdict_when_a_call_releases_before_it_sleeps_then_nothing_is_named():
    verdict = check.options(overlap=False)(specimens.sleeps, 3 * MS)

    assert verdict.sleeps_at is None


@pytest.mark.smoke
def test_verdict_when_a_specimen_waits_for_its_lock_then_it_is_named_or_nothing_is():
    line = line_of((ROOT / "rust/ext/src/specimens.rs").read_text(), "let _inner = INNER.lock()")

    verdict = check(specimens.serialises, MS)

    if verdict.waits_at is not None:
        assert Path(verdict.waits_at.place.file).name == "specimens.rs"
        assert verdict.waits_at.place.line == line
        assert "lock" in verdict.waits_at.through


@pytest.mark.parametrize("specimen", [specimens.releases, specimens.holds, specimens.sleeps])
def test_verdict_when_no_lock_is_the_cause_then_nobody_looks(specimen):
    verdict = check(specimen, MS)

    if "inner-lock" not in verdict.reasons:
        assert verdict.waits_at is None


def test_verdict_when_one_connection_is_shared_then_only_a_function_below_it_is_named():
    with contextlib.closing(sqlite3.connect(":memory:", check_same_thread=False)) as connection:
        verdict = check(
            lambda: connection.execute(
                "with recursive c(x) as (select 1 union all select x+1 from c where x<20000) select sum(x) from c"
            ).fetchall()
        )

    wait = verdict.waits_at
    assert wait is None or "sqlite" in (wait.place.library or ""), wait
