"""The function in which threads wait for each other, on built stacks."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import Place, SleepPlace, Sleeps, SourceLine
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.sleeps import sleep_site, wait_site

LIBC, LIBPYTHON, OWN = (
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/usr/lib/libpython3.12.so",
    "/site/pytest_gilcheck/_native.so",
)
LIB = "/home/me/counter.so"

FUTEX = Place(function="__futex_abstimed_wait_common", library=LIBC)
LOCK = Place(function="pthread_mutex_lock", library=LIBC)
SEMAPHORE = Place(function="sem_clockwait", library=LIBC)
SYSCALL = Place(function="syscall", library=LIBC)
STD_FUTEX = Place("/rustc/59/library/std/src/sys/futex.rs", 73, "std::sys::futex::futex_wait", LIB)
STD_MUTEX = Place("/rustc/59/library/std/src/sync/mutex.rs", 512, "std::sync::mutex::Mutex<T>::lock", LIB)
CPP_LOCK = Place("/usr/include/c++/12/bits/std_mutex.h", 100, "std::mutex::lock()", LIB)
CPP_GLUE = Place("/usr/include/x86_64-linux-gnu/c++/12/bits/gthr-default.h", 749, "__gthread_mutex_lock", LIB)
AUTHOR = Place("/home/me/counter.c", 41, "counter_add", LIB)
OTHER = Place("/home/me/counter.c", 80, "counter_read", LIB)
STRIPPED = Place(library=LIB)
PYTHREAD = Place(function="PyThread_acquire_lock_timed", library=LIBPYTHON)
TAKE_GIL = Place("Python/ceval_gil.c", 1, "take_gil", LIBPYTHON)
RESTORE = Place("Python/ceval.c", 2, "PyEval_RestoreThread", LIBPYTHON)
ACQUIRE = Place("Modules/_threadmodule.c", 3, "acquire_timed", LIBPYTHON)
LOCK_METHOD = Place("Modules/_threadmodule.c", 4, "lock_PyThread_acquire_lock", LIBPYTHON)
VECTORCALL = Place("Objects/methodobject.c", 5, "cfunction_vectorcall_NOARGS", LIBPYTHON)
EVAL = Place("Python/ceval.c", 6, "_PyEval_EvalFrameDefault", LIBPYTHON)
BUFFERED = Place("Modules/_io/bufferedio.c", 7, "_enter_buffered_busy", LIBPYTHON)
HOOK = Place("rust/core/src/cpython/hooks.rs", 318, "timed_wait", OWN)
BARRIER = Place("rust/core/src/barrier.rs", 8, "gilcheck_core::barrier::Barrier::wait", OWN)
SPECIMEN = Place("rust/ext/src/specimens.rs", 9, "_native::specimens::serialises::{closure#0}", OWN)
SEMAPHORE_WAIT = Place(function="_PySemaphore_Wait", library=LIBPYTHON)
PARK = Place(function="_PyParkingLot_Park", library=LIBPYTHON)
MUTEX_TIMED = Place(function="_PyMutex_LockTimed", library=LIBPYTHON)
PYMUTEX = Place(function="PyMutex_Lock", library=LIBPYTHON)
INLINE_PYMUTEX = Place("/usr/include/python3.13/cpython/lock.h", 49, "_PyMutex_Lock", LIB)
NANOBIND = Place("/x/nanobind/nb_internals.h", 9, "nanobind::detail::lock_internals::lock_internals", LIB)
ATTACH = Place(function="tstate_wait_attach", library=LIBPYTHON)
UNNAMED_INTERPRETER = Place(library=LIBPYTHON)


def seen(*sleeps, n_unread=0, sources=()):
    return Sleeps(sleeps, 10, n_unread, LIBPYTHON, OWN, "/home/me", sources)


def asleep(*native, n=20, system_call="futex"):
    return SleepPlace(system_call, native, n)


def found(*native):
    wait = wait_site(seen(asleep(*native)))
    return None if wait is None else (wait.place, wait.through)


@pytest.mark.parametrize(
    ("native", "place", "through"),
    [
        ((FUTEX, LOCK, AUTHOR, VECTORCALL, EVAL), AUTHOR, "pthread_mutex_lock"),
        ((FUTEX, LOCK, CPP_LOCK, AUTHOR), AUTHOR, "std::mutex::lock()"),
        ((SYSCALL, STD_FUTEX, STD_MUTEX, AUTHOR), AUTHOR, "std::sync::mutex::Mutex<T>::lock"),
        ((FUTEX, Place(function="___pthread_mutex_lock", library=LIBC), AUTHOR), AUTHOR, "pthread_mutex_lock"),
        ((FUTEX, LOCK, CPP_GLUE, AUTHOR), AUTHOR, "__gthread_mutex_lock"),
        ((FUTEX, LOCK, STRIPPED, AUTHOR), STRIPPED, "pthread_mutex_lock"),
        ((SYSCALL, AUTHOR), AUTHOR, "futex"),
        ((AUTHOR,), AUTHOR, "futex"),
        ((FUTEX, SEMAPHORE, PYTHREAD, AUTHOR), AUTHOR, "PyThread_acquire_lock_timed"),
        ((FUTEX, SEMAPHORE, PYTHREAD, BUFFERED, VECTORCALL, EVAL), BUFFERED, "PyThread_acquire_lock_timed"),
        ((FUTEX, SEMAPHORE, PYTHREAD, ACQUIRE, LOCK_METHOD, VECTORCALL, AUTHOR), AUTHOR, "threading.Lock.acquire"),
        (
            (FUTEX, SEMAPHORE, PYTHREAD, ACQUIRE, LOCK_METHOD, VECTORCALL, EVAL, AUTHOR),
            Place(function="Python code"),
            "threading.Lock.acquire",
        ),
        ((FUTEX, SEMAPHORE_WAIT, PARK, MUTEX_TIMED, PYMUTEX, AUTHOR), AUTHOR, "PyMutex_Lock"),
        ((FUTEX, SEMAPHORE_WAIT, PARK, MUTEX_TIMED, LOCK_METHOD, VECTORCALL, AUTHOR), AUTHOR, "threading.Lock.acquire"),
        ((FUTEX, SEMAPHORE_WAIT, PARK, PYMUTEX, INLINE_PYMUTEX, AUTHOR), AUTHOR, "_PyMutex_Lock"),
        (
            (FUTEX, SEMAPHORE_WAIT, PARK, PYMUTEX, NANOBIND, AUTHOR),
            AUTHOR,
            "nanobind::detail::lock_internals::lock_internals",
        ),
        ((FUTEX, SEMAPHORE_WAIT, UNNAMED_INTERPRETER, MUTEX_TIMED, AUTHOR), AUTHOR, "_PyMutex_LockTimed"),
        ((FUTEX, PYTHREAD, UNNAMED_INTERPRETER, VECTORCALL, AUTHOR), AUTHOR, "PyThread_acquire_lock_timed"),
        ((SYSCALL, STD_FUTEX, STD_MUTEX, SPECIMEN), SPECIMEN, "std::sync::mutex::Mutex<T>::lock"),
    ],
)
def test_wait_when_a_function_calls_a_lock_then_that_function_is_found(native, place, through):
    assert found(*native) == (place, through)


@pytest.mark.parametrize(
    "native",
    [
        (),
        (FUTEX, LOCK),  # the walk ended before
        (FUTEX, LOCK, Place(function="nowhere")),
        (FUTEX, LOCK, UNNAMED_INTERPRETER, AUTHOR),  # may be a wait for the GIL
        (FUTEX, UNNAMED_INTERPRETER, RESTORE, AUTHOR),
        (FUTEX, SEMAPHORE_WAIT, PARK, ATTACH, RESTORE, AUTHOR),
        (FUTEX, SEMAPHORE_WAIT, PARK, UNNAMED_INTERPRETER, RESTORE, AUTHOR),
        (FUTEX, SEMAPHORE_WAIT, PARK, UNNAMED_INTERPRETER, AUTHOR),
        (FUTEX, UNNAMED_INTERPRETER, SEMAPHORE_WAIT, MUTEX_TIMED, AUTHOR),  # takes the GIL back within it
        (FUTEX, PYTHREAD, UNNAMED_INTERPRETER, EVAL, AUTHOR),  # some function of the interpreter waits
        (FUTEX, PYTHREAD, UNNAMED_INTERPRETER, BUFFERED, AUTHOR),
        (FUTEX, TAKE_GIL, RESTORE, AUTHOR),
        (FUTEX, LOCK, EVAL, AUTHOR),
        (SYSCALL, STD_FUTEX, BARRIER),  # ours
    ],
)
def test_wait_when_the_function_is_not_certain_or_waits_for_the_gil_then_none_is_found(native):
    assert found(*native) is None


@pytest.mark.parametrize("system_call", ["clock_nanosleep", "read", None])
def test_wait_when_a_thread_sleeps_for_itself_then_it_is_no_wait(system_call):
    """One thread sleeps under the lock for which the other one waits: half of what is seen."""
    sleeps = seen(asleep(FUTEX, LOCK, AUTHOR), asleep(FUTEX, OTHER, system_call=system_call, n=30))

    assert wait_site(sleeps).place == AUTHOR
    assert wait_site(seen(asleep(FUTEX, OTHER, system_call=system_call))) is None


def test_wait_when_threads_wait_for_the_gil_too_then_those_waits_do_not_count():
    gil = (asleep(FUTEX, TAKE_GIL, RESTORE, AUTHOR, n=500), asleep(FUTEX, HOOK, TAKE_GIL, RESTORE, AUTHOR, n=500))
    wait = wait_site(seen(asleep(FUTEX, LOCK, AUTHOR), *gil))

    assert (wait.place, wait.n, wait.n_seen) == (AUTHOR, 20, 20)


def test_wait_when_two_lines_of_a_function_wait_then_they_count_together_and_the_more_frequent_is_named():
    second = dataclasses.replace(AUTHOR, line=44)
    sleeps = seen(asleep(LOCK, AUTHOR, n=6), asleep(LOCK, second, n=7), asleep(LOCK, OTHER, n=9))

    wait = wait_site(sleeps)

    assert (wait.place, wait.n, wait.n_seen) == (second, 13, 22)


def test_wait_when_the_source_is_known_then_it_is_that_of_the_line():
    source = SourceLine("/home/me/counter.c", 41, "pthread_mutex_lock(&lock);")

    assert wait_site(seen(asleep(LOCK, AUTHOR), sources=(source,))).source == "pthread_mutex_lock(&lock);"


def test_wait_when_nobody_looked_then_there_is_none():
    assert wait_site(None) is None
    assert wait_site(seen()) is None


def test_sleep_when_a_call_reads_or_waits_then_the_function_that_does_is_found():
    reads = asleep(Place(function="__read", library=LIBC), AUTHOR, system_call="read")

    assert (sleep_site(seen(reads)).place, sleep_site(seen(reads)).through) == (AUTHOR, "read")
    assert sleep_site(seen(asleep(FUTEX, LOCK, AUTHOR))).place == AUTHOR
    assert sleep_site(seen(asleep(FUTEX, TAKE_GIL, RESTORE, AUTHOR))) is None
    assert sleep_site(None) is None


PLACES = st.sampled_from(
    [
        FUTEX,
        LOCK,
        SYSCALL,
        STD_MUTEX,
        AUTHOR,
        OTHER,
        STRIPPED,
        PYTHREAD,
        TAKE_GIL,
        RESTORE,
        EVAL,
        BARRIER,
        ACQUIRE,
        PARK,
        ATTACH,
    ]
)
ANY = st.lists(
    st.builds(
        SleepPlace,
        st.sampled_from(["futex", "read", None]),
        st.lists(PLACES, max_size=6).map(tuple),
        st.integers(1, 50),
    ),
    max_size=6,
)


@given(ANY, st.integers(0, 50))
def test_wait_of_any_stacks_has_most_of_the_waits_and_is_the_authors(sleeps, n_unread):
    """What is named has more than half of all waits, so that nothing else has as many, and enough of them."""
    wait = wait_site(seen(*sleeps, n_unread=n_unread))

    if wait is not None:
        assert wait.place in (AUTHOR, OTHER, STRIPPED, Place(function="Python code"))
        assert rules.FEWEST_SLEEPS <= wait.n <= wait.n_seen
        assert wait.n > rules.SAME_SLEEPS_SHARE * wait.n_seen
        assert wait.n_seen >= n_unread + wait.n


@given(ANY, st.randoms())
def test_wait_of_stacks_in_any_order_is_the_same(sleeps, random):
    shuffled = list(sleeps)
    random.shuffle(shuffled)

    one, other = wait_site(seen(*sleeps)), wait_site(seen(*shuffled))

    assert (one is None) == (other is None)
    if one is not None:
        assert (one.place.function, one.n, one.n_seen) == (other.place.function, other.n, other.n_seen)


@given(ANY)
def test_wait_when_more_looks_find_it_unread_then_it_is_named_no_more_often(sleeps):
    if wait_site(seen(*sleeps)) is None:
        assert wait_site(seen(*sleeps, n_unread=3)) is None


@pytest.mark.parametrize(
    ("library", "is_run_time"),
    [
        ("/lib/x86_64-linux-gnu/libc.so.6", True),
        ("/lib/libpthread-2.31.so", True),
        ("/lib/ld-musl-x86_64.so.1", True),
        ("/usr/lib/libstdc++.so.6.0.30", True),
        ("/lib64/ld-linux-x86-64.so.2", True),
        ("libc.so.6", True),
        ("/site-packages/numpy.libs/libgcc_s-2298274a.so.1", True),
        ("/home/me/libcounter.so", False),
        ("/home/libc.so.6/demo.so", False),
        ("/usr/lib/libsqlite3.so.0", False),
        ("/usr/lib/mylibc.so.6", False),
    ],
)
def test_wait_when_a_library_is_the_systems_then_its_functions_wait_for_others(library, is_run_time):
    inner = Place(function="inner", library=library)

    assert found(inner, AUTHOR) == ((AUTHOR, "inner") if is_run_time else (inner, "futex"))
