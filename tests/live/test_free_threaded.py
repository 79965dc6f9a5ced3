"""What a free-threaded interpreter is asked for, on specimens. `nox -s free_threaded` runs it.

The sampling thread shares the processors with everything else: beside a load it may not decide, and is never wrong.
"""

import contextlib
import ctypes
import os
import subprocess
import sys
import sysconfig
import threading
import time

import pytest

from pytest_gilcheck import Disagreement, NotApplicable, _native, agrees, check, specimens
from pytest_gilcheck.checker.checker import Checker
from pytest_gilcheck.declare.settings import Settings

pytestmark = pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this is no free-threaded build: `nox -s free_threaded`"
)
WITHOUT_GIL = pytest.mark.skipif(getattr(sys, "_is_gil_enabled", lambda: True)(), reason="the GIL is switched on")
MS = 1_000_000


def run(code, *options, env=()):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHON_GIL"}
    command = [sys.executable, *options, "-c", code]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment | dict(env), check=False, timeout=120
    )


@WITHOUT_GIL
@pytest.mark.parametrize(
    ("function", "arguments", "word", "share"),
    [
        (specimens.releases, (10 * MS,), "detached", 0.0),
        (specimens.releases_then_holds, (5 * MS, 5 * MS), "partial", 0.5),
        (specimens.holds, (10 * MS,), "attached", 1.0),
    ],
)
def test_a_specimen_has_its_word_or_none(function, arguments, word, share):
    verdict = check.options(overlap=False)(function, *arguments)

    assert verdict.gil == "not_applicable"
    assert verdict.attachment in (word, "inconclusive")
    assert verdict.attached_share.low - 0.01 <= share <= verdict.attached_share.high + 0.01
    with pytest.raises(NotApplicable):
        _ = verdict.released


def observed(function, *arguments):
    """Check a call; return what was seen of its thread, and the verdict."""
    observations = []
    checker = Checker(Settings().changed({"overlap": False}), on_check=lambda seen, *_: observations.append(seen))
    verdict = checker(function, *arguments)
    return observations[0].attachment, verdict


def built(folder, name, source):
    """Compile a native module into a folder; skip the test where that cannot be done."""
    compiler = sysconfig.get_config_var("CC")
    (folder / f"{name}.c").write_text(source)
    include = sysconfig.get_paths()["include"]
    module = folder / f"{name}{sysconfig.get_config_var('EXT_SUFFIX')}"
    command = [*compiler.split(), "-shared", "-fPIC", f"-I{include}", str(folder / f"{name}.c"), "-o", str(module)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no C compiler: {error}")


@contextlib.contextmanager
def beside(neighbour):
    """Run a sleeping thread, a busy thread or a busy process beside the block, or nothing."""
    stop = threading.Event()
    started = threading.Event()

    def computes():
        started.set()
        while not stop.is_set():
            sum(range(1000))

    def sleeps():
        started.set()
        stop.wait()

    if neighbour == "busy process":
        code = "print(flush=True)\nwhile True: pass"
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        try:
            process.stdout.readline()
            yield
        finally:
            process.kill()
            process.communicate()
        return
    thread = threading.Thread(target={"busy thread": computes, "sleeping thread": sleeps}.get(neighbour, started.set))
    thread.start()
    started.wait()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@WITHOUT_GIL
@pytest.mark.parametrize("neighbour", ["nothing", "sleeping thread", "busy thread", "busy process"])
@pytest.mark.parametrize(
    ("function", "arguments", "share"),
    [
        (specimens.releases, (5 * MS,), 0.0),
        (specimens.releases_then_holds, (3 * MS, MS), 0.25),
        (specimens.releases_then_holds, (MS, 3 * MS), 0.75),
        (specimens.holds, (5 * MS,), 1.0),
    ],
)
def test_the_record_of_a_specimen_is_right_beside_whatever_runs(function, arguments, share, neighbour):
    """Who else is attached, and when the sampling thread runs, changes nothing of what the callee's own thread did."""
    with beside(neighbour):
        attachment, verdict = observed(function, *arguments)

    calls = [call.recorded for call in attachment.calls]
    assert attachment.not_recorded is None
    assert all(call.n_contradicting == 0 for call in calls)
    run_ns = sum(call.run_ns for call in calls)
    assert sum(call.least_attached_ns for call in calls) / run_ns - 0.01 <= share
    assert share <= sum(call.most_attached_ns for call in calls) / run_ns + 0.01
    assert {call.n_changes for call in calls} == {0 if share == 1.0 else 2}
    assert verdict.attachment in ("inconclusive", {0.0: "detached", 1.0: "attached"}.get(share, "partial"))
    if "whose-attachment" not in verdict.reasons:
        assert verdict.instrument.name == "recorder"
        assert verdict.attached_share.low - 0.01 <= share <= verdict.attached_share.high + 0.01


def read_only_data():
    """Return what the read-only data of our native module holds, among it the addresses of what it imports."""
    path = os.path.realpath(_native.__file__)
    data = []
    with open("/proc/self/maps", encoding="utf-8") as maps, open("/proc/self/mem", "rb") as memory:
        for line in maps:
            fields = line.split()
            if fields[-1] == path and fields[1].startswith("r--"):
                start, end = (int(address, 16) for address in fields[0].split("-"))
                memory.seek(start)
                data.append((start, memory.read(end - start)))
    return data


@WITHOUT_GIL
def test_imports_lead_to_hooks_only_while_calls_are_made():
    before, during = read_only_data(), []

    def looks():
        during.append(read_only_data())

    check.options(overlap=False)(looks)
    with contextlib.suppress(ZeroDivisionError), check.span("raises"):
        during.append(read_only_data())
        raise ZeroDivisionError

    assert before and any(data != before for data in during[:-1]), "no import was changed while calls were made"
    assert during[-1] != before
    assert read_only_data() == before


@WITHOUT_GIL
@pytest.mark.parametrize(("library", "word"), [(ctypes.CDLL, "detached"), (ctypes.PyDLL, "attached")])
def test_what_ctypes_calls_is_recorded_by_the_imports_of_ctypes(library, word):
    usleep = library(None).usleep

    attachment, verdict = observed(usleep, 5_000)

    assert verdict.instrument.name == "recorder", verdict.notes
    assert verdict.attachment in (word, "inconclusive")
    assert {call.recorded.n_changes for call in attachment.calls} == {2 if word == "detached" else 0}


@WITHOUT_GIL
def test_where_the_interpreter_detaches_by_itself_the_samples_decide():
    """`time.sleep` is a part of the interpreter, which calls its own functions directly."""
    verdict = check.options(overlap=False)(time.sleep, 0.01)

    assert verdict.attachment in ("detached", "inconclusive")
    assert "attachment-not-recorded" in verdict.reasons
    assert verdict.instrument.name == "sampler"


UNSEEN = """
#include <Python.h>
#include <dlfcn.h>
#include <time.h>
static PyObject *works(PyObject *self, PyObject *argument) {
    void *(*save)(void) = (void *(*)(void))dlsym(RTLD_DEFAULT, "PyEval_SaveThread");
    void (*restore)(void *) = (void (*)(void *))dlsym(RTLD_DEFAULT, "PyEval_RestoreThread");
    void *state = save();
    struct timespec nap = {0, 8000000};
    nanosleep(&nap, NULL);
    restore(state);
    Py_RETURN_NONE;
}
static PyMethodDef methods[] = {{"works", works, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static PyModuleDef_Slot slots[] = {{Py_mod_gil, Py_MOD_GIL_NOT_USED}, {0, NULL}};
static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, .m_name = "MODULE", .m_methods = methods, .m_slots = slots};
PyMODINIT_FUNC PyInit_MODULE(void) { return PyModuleDef_Init(&module); }
"""


def in_folder(folder, code, *imports):
    lines = [
        "import sys",
        f"sys.path.insert(0, {str(folder)!r})",
        *imports,
        "from pytest_gilcheck import check, specimens",
    ]
    return run("\n".join([*lines, code]))


SHOW = "print(verdict.attachment, verdict.instrument.name, sep='|')\nprint(*verdict.notes, sep='\\n')\n"


@WITHOUT_GIL
def test_a_module_that_looks_the_functions_up_by_itself_is_found_out_by_the_samples(tmp_path):
    built(tmp_path, "unseen", UNSEEN.replace("MODULE", "unseen"))

    done = in_folder(tmp_path, f"verdict = check.options(overlap=False)(unseen.works)\n{SHOW}", "import unseen")

    word, instrument = done.stdout.splitlines()[0].split("|")
    assert (word in ("detached", "inconclusive"), instrument) == (True, "sampler"), done.stdout + done.stderr
    assert "contradict the record" in done.stdout


@WITHOUT_GIL
def test_a_module_that_keeps_the_address_of_a_function_leaves_everything_to_the_samples(tmp_path):
    source = UNSEEN.replace("MODULE", "keeps").replace(
        "static PyMethodDef", "void *(*kept)(void) = (void *(*)(void))PyEval_SaveThread;\nstatic PyMethodDef"
    )
    built(tmp_path, "keeps", source)

    done = in_folder(
        tmp_path, f"verdict = check.options(overlap=False)(specimens.releases, 5_000_000)\n{SHOW}", "import keeps"
    )

    word, instrument = done.stdout.splitlines()[0].split("|")
    assert (word in ("detached", "inconclusive"), instrument) == (True, "sampler"), done.stdout + done.stderr
    assert "keeps the address of PyEval_SaveThread in its data" in done.stdout


@WITHOUT_GIL
def test_a_module_that_is_loaded_meanwhile_is_not_watched(tmp_path):
    built(tmp_path, "late", UNSEEN.replace("MODULE", "late"))
    code = (
        "with check.span('imports') as span:\n"
        "    import late\n"
        "    specimens.holds(5_000_000)\n"
        f"verdict = span.verdict\n{SHOW}"
    )

    done = in_folder(tmp_path, code)

    assert done.stdout.splitlines()[0].endswith("|sampler"), done.stdout + done.stderr
    assert "a native module was loaded" in done.stdout


@WITHOUT_GIL
def test_a_forked_child_and_a_call_that_is_given_up_leave_the_process_whole():
    code = (
        "import os, warnings\n"
        "from pytest_gilcheck import check, specimens, DeadlineExceeded\n"
        "warnings.simplefilter('ignore')\n"
        "def forks():\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        specimens.releases(100_000)\n"
        "        os._exit(7)\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7\n"
        "    specimens.releases(1_000_000)\n"
        "verdict = check.options(overlap=False)(forks)\n"
        "assert verdict.attachment in ('detached', 'partial', 'inconclusive'), verdict\n"
        "try:\n"
        "    check.options(overlap=False, deadline='300ms')(specimens.never_returns, False)\n"
        "except DeadlineExceeded:\n"
        "    print('given up')\n"
        "verdict = check.options(overlap=False)(specimens.releases, 5_000_000)\n"
        "print(verdict.instrument.name)\n"
    )

    done = run(code)

    assert (done.stdout.split("\n")[:2], done.returncode) == (["given up", "recorder"], 0), done.stdout + done.stderr


@WITHOUT_GIL
def test_a_pause_is_measured_for_a_call_that_stays_attached():
    attachment, verdict = observed(specimens.holds, 20 * MS)

    if verdict.longest_pause_ns is None:
        pytest.skip("beside this load no collection began within a call")
    assert 0 < verdict.longest_pause_ns <= max(call.span_ns for call in attachment.calls)


@WITHOUT_GIL
def test_a_block_is_sampled_too():
    with check.span("block") as block:
        specimens.holds(20 * MS)

    assert block.verdict.attachment in ("attached", "inconclusive")


@WITHOUT_GIL
def test_a_race_is_found():
    with pytest.raises(Disagreement):
        agrees(specimens.races, lambda n: min(n, 1000), (900,))


def test_importing_us_leaves_the_gil_off():
    done = run("import sys, pytest_gilcheck; pytest_gilcheck.check; print(sys._is_gil_enabled())")

    assert (done.stdout.strip(), done.stderr) == ("False", "")


@pytest.mark.parametrize(
    ("options", "env", "by"), [((), {"PYTHON_GIL": "1"}, "PYTHON_GIL=1"), (("-X", "gil=1"), {}, "-X gil=1")]
)
def test_with_the_gil_forced_on_the_ledger_answers_and_says_by_what(options, env, by):
    code = (
        "from pytest_gilcheck import check, specimens\n"
        "verdict = check.options(overlap=False)(specimens.holds, 5_000_000)\n"
        "print(verdict.gil, verdict.instrument.grade, verdict.machine.gil_decided_by, verdict.lets_others_run, sep='|')"
    )

    done = run(code, *options, env=env)

    assert done.stdout.strip() == f"held|exact|{by}|False", done.stderr


def test_a_module_that_switches_the_gil_on_is_named_with_its_import(tmp_path):
    """A native module of the old kind, which says nothing about the GIL."""
    built(
        tmp_path,
        "old",
        "#include <Python.h>\n"
        'static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "old", .m_size = -1};\n'
        "PyMODINIT_FUNC PyInit_old(void) { return PyModule_Create(&module); }\n",
    )
    (tmp_path / "test_it.py").write_text(
        "def test_it(gilcheck):\n"
        "    import old\n"
        "    from pytest_gilcheck import specimens\n"
        "    verdict = gilcheck.options(overlap=False)(specimens.holds, 5_000_000)\n"
        "    assert verdict.gil == 'held'\n"
        "    assert 'gil-switched-on' in verdict.reasons\n"
        "    print(verdict.machine.gil_decided_by)\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHON_GIL"}
    search = os.pathsep.join(filter(None, [str(tmp_path), environment.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "-W", "ignore", str(tmp_path)],
        capture_output=True,
        text=True,
        env=environment | {"PYTHONPATH": search},
        check=False,
        timeout=120,
    )

    assert "the import of old in" in done.stdout and "test_it.py:2" in done.stdout, done.stdout + done.stderr
