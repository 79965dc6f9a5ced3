"""What interpreters bring, and what a user does first on each: `nox -s smoke` and `nox -s tests_all` run these on every one."""

import functools
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from scripts import PRELUDE

import pytest_gilcheck
from pytest_gilcheck import _native

WORDS = """
def words(n_times=3):
    '''Return the pairs (word, right word) that are wrong. A busy machine may leave some undecided.'''
    pairs = []
    for _ in range(n_times):
        for function, arguments, word in (
            (specimens.holds, (10 * MS,), "held"),
            (specimens.releases, (10 * MS,), "released"),
            (specimens.releases_then_holds, (5 * MS, 5 * MS), "partial"),
        ):
            verdict = check.options(overlap=False)(function, *arguments)
            assert verdict.instrument.grade == "exact", verdict.notes
            pairs.append((verdict.gil, word))
    return [(gil, word) for gil, word in pairs if gil not in (word, "inconclusive")]
"""


@pytest.fixture
def python(python):
    """Run a script as elsewhere; only one that hangs takes so long, and nine checks may be slow beside a load."""
    return functools.partial(python, timeout=600)


@pytest.fixture(params=[0, 2], ids=["idle", "beside-two-busy-processes"])
def _load(request, busy_processes):
    with busy_processes(request.param):
        yield


#: What a version brings is tried beside a load too, which may make a verdict inconclusive.
beside_a_load_too = pytest.mark.usefixtures("_load")


@pytest.mark.smoke
def test_doctor_when_asked_then_the_ledger_is_exact_and_known_specimens_are_judged_right():
    done = subprocess.run(
        [sys.executable, "-m", "pytest_gilcheck", "doctor"], capture_output=True, text=True, check=False, timeout=120
    )

    # 3: something else cannot be measured here, overlap on one processor for example.
    assert done.returncode in (0, 3), done.stdout + done.stderr
    assert "every GIL event is recorded (grade: exact)" in done.stdout
    assert "self-check: known specimens were judged right" in done.stdout


def verdicts(report):
    """Return the word and the grade of each check in a JSON report, by name."""
    entries = [json.loads(line) for line in report.read_text().splitlines()]
    found = [entry["check"]["verdict"] for entry in entries if "check" in entry]
    return {verdict["name"]: (verdict["gil"], verdict["instrument"]["grade"]) for verdict in found}


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("holds(20_000_000)", "held"),
        ("releases(20_000_000)", "released"),
        ("releases_then_holds(10_000_000, 10_000_000)", "partial"),
    ],
)
def test_command_when_a_statement_is_given_then_the_first_verdict_is_right(statement, word, tmp_path):
    command = [sys.executable, "-m", "pytest_gilcheck", "--json", "first.json"]
    command += ["-s", "from pytest_gilcheck.specimens import *", statement]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path)

    assert done.returncode in (0, 3), done.stderr
    assert word in done.stdout or "inconclusive" in done.stdout
    ((gil, grade),) = verdicts(tmp_path / "first.json").values()
    assert gil in (word, "inconclusive") and grade == "exact"


@pytest.mark.smoke
def test_run_when_tests_are_marked_then_each_has_its_word(pytester):
    pytester.makepyfile(
        """
        import pytest
        from pytest_gilcheck import specimens

        def test_fixture(gilcheck):
            verdict = gilcheck.options(overlap=False, name="fixture")(specimens.releases, 20_000_000)
            assert verdict.gil in ("released", "inconclusive")

        @pytest.mark.gilcheck(expect="held", overlap=False, name="marker")
        def test_marker():
            specimens.holds(20_000_000)
        """
    )

    result = pytester.runpytest_subprocess("--gilcheck", "--gilcheck-json=words.json")

    result.assert_outcomes(passed=2)
    assert result.ret == 0
    words = verdicts(pytester.path / "words.json")
    assert words["marker"] == ("held", "exact")
    assert words["fixture"] in (("released", "exact"), ("inconclusive", "exact"))


@pytest.mark.smoke
def test_import_when_the_wheel_is_for_the_other_kind_of_build_then_the_error_says_which_to_install(tmp_path):
    """pip refuses such a wheel; a copied or unpacked one is met here."""
    is_free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    version = ".".join(map(str, sys.version_info[:2]))
    copy = tmp_path / "pytest_gilcheck"
    shutil.copytree(
        Path(pytest_gilcheck.__file__).parent, copy, ignore=shutil.ignore_patterns("_native.*", "__pycache__")
    )
    other = "abi3" if is_free_threaded else f"cpython-{version.replace('.', '')}t-x86_64-linux-gnu"
    shutil.copy(_native.__file__, copy / f"_native.{other}.so")

    command = [sys.executable, "-c", "from pytest_gilcheck import check; check(len, '')"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path)

    said = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1 and said.startswith("ImportError: this is a "), done.stderr
    if is_free_threaded:
        assert f"free-threaded CPython {version}t" in said and "is for builds with a GIL: " in said
        assert "install a wheel with the tag" in said or "there is no wheel for 3.13t" in said
    else:
        assert f"CPython {version} with a GIL" in said and "is for free-threaded builds: " in said
        assert "install the wheel with the tag cp310-abi3" in said


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring is new in 3.12")
@beside_a_load_too
def test_check_when_a_monitoring_tool_sees_every_call_and_line_then_the_words_are_right(python):
    """The tool gets its events in the thread of the call too, and keeps its id."""
    done = python(
        PRELUDE
        + WORDS
        + """
monitoring = sys.monitoring
events, seen = monitoring.events, {}
tool = monitoring.PROFILER_ID
monitoring.use_tool_id(tool, "a profiler")

def count(event):
    def callback(*_):
        seen[event] = seen.get(event, 0) + 1
    return callback

wanted = [events.CALL, events.C_RETURN, events.LINE, events.PY_START]
for event in wanted:
    monitoring.register_callback(tool, event, count(event))
monitoring.set_events(tool, events.CALL | events.LINE | events.PY_START)

wrong = words()

assert not wrong, wrong
assert monitoring.get_tool(tool) == "a profiler"
assert monitoring.get_events(tool) == events.CALL | events.LINE | events.PY_START
assert seen[events.LINE] and seen[events.PY_START] and seen[events.CALL]
"""
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the trampoline is new in 3.12")
@beside_a_load_too
def test_check_when_the_perf_trampoline_is_on_then_the_words_and_the_line_are_right(python):
    """Each Python function has native frames of its own then, which no library names."""
    done = python(
        PRELUDE
        + WORDS
        + """
sys.activate_stack_trampoline("perf")
assert sys.is_stack_trampoline_active()

wrong = words()
assert not wrong, wrong

def releases_then_holds():
    specimens.releases(2 * MS)
    specimens.holds(5 * MS)

verdict = check.options(overlap=False)(releases_then_holds)
assert verdict.gil in ("partial", "inconclusive"), verdict
where = verdict.where
if where is None:  # beside a load no time may be left to look for it
    assert verdict.gil == "inconclusive" or any(note.slug == "time-limit" for note in verdict.notes), verdict.notes
else:
    assert where.let_go.place.function.endswith("releases"), where
sys.deactivate_stack_trampoline()
"""
    )
    if "perf trampoline not available" in done.stderr:
        pytest.skip("this build has no perf trampoline")
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.version_info < (3, 13), reason="builds with a JIT exist from 3.13 on")
@beside_a_load_too
def test_check_when_the_compiler_is_on_then_the_words_are_right(python):
    """`PYTHON_JIT` is ignored by builds without one."""
    done = python(
        PRELUDE
        + WORDS
        + """
def hot(n):
    total = 0
    for i in range(n):
        total += i * i
    return total

for _ in range(200):
    hot(1_000)
wrong = words()
assert not wrong, wrong

def python_then_released():
    hot(1_000)
    specimens.releases(10 * MS)

verdict = check.options(overlap=False)(python_then_released)
assert verdict.gil in ("released", "inconclusive"), verdict.held_share
jit = getattr(sys, "_jit", None)
print("available" if jit and jit.is_available() else "none", "on" if jit and jit.is_enabled() else "off")
""",
        env={**os.environ, "PYTHON_JIT": "1"},
    )
    assert done.returncode == 0, done.stderr
    available, on = done.stdout.split()
    if available == "none":
        pytest.skip("this build has no JIT; the words are right")
    assert on == "on"


def interpreters_module():
    """Return the name of the module that makes interpreters."""
    return "_interpreters" if importlib.util.find_spec("_interpreters") else "_xxsubinterpreters"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="interpreters have one GIL together before 3.12")
def test_check_when_made_in_an_interpreter_with_its_own_gil_then_it_is_refused_with_the_remedy(python):
    """Nothing is imported there that would watch the wrong GIL; the main interpreter's next check is right."""
    done = python(
        PRELUDE
        + WORDS
        + f"""
import {interpreters_module()} as interpreters

other = interpreters.create()
source = '''
try:
    from pytest_gilcheck import check
    check(len, "x")
except ImportError as error:
    open("said", "w").write(str(error))
'''
interpreters.run_string(other, source)
interpreters.destroy(other)
print(open("said").read())
wrong = words(1)
assert not wrong, wrong
"""
    )
    assert done.returncode == 0, done.stderr
    assert "run the check in the main interpreter" in done.stdout


@pytest.mark.skipif(sys.version_info < (3, 14), reason="concurrent.interpreters is new in 3.14")
def test_check_when_made_by_the_public_module_of_interpreters_then_it_is_refused_with_the_remedy(python):
    """Also in an executor's interpreters, whose errors come back to who asked."""
    done = python(
        PRELUDE
        + WORDS
        + """
from concurrent import interpreters
from concurrent.futures import InterpreterPoolExecutor

SOURCE = '''
from pytest_gilcheck import check
check(len, "x")
'''
said = []
other = interpreters.create()
try:
    other.exec(SOURCE)
except interpreters.ExecutionFailed as error:
    said.append(error.excinfo.msg)
other.close()
with InterpreterPoolExecutor(1) as pool:
    try:
        pool.submit(exec, SOURCE, {}).result()
    except ImportError as error:
        said.append(str(error))
assert len(said) == 2 and all("run the check in the main interpreter" in one for one in said), said
wrong = words(1)
assert not wrong, wrong
"""
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.version_info < (3, 12), reason="interpreters have one GIL together before 3.12")
@beside_a_load_too
def test_check_when_an_interpreter_with_its_own_gil_works_beside_it_then_the_words_are_right(python):
    """Its thread lets go of the main GIL, and takes and releases another one, which the ledger must not take for it."""
    done = python(
        PRELUDE
        + WORDS
        + f"""
import {interpreters_module()} as interpreters

other = interpreters.create()
source = '''
import os, threading, time
done = False
def naps():
    while not done:
        time.sleep(0.0005)
thread = threading.Thread(target=naps)
thread.start()
open("works", "w").close()
n = 0
while not os.path.exists("stop"):
    n += sum(range(1000))
done = True
thread.join()
open("n", "w").write(str(n))
'''
beside = threading.Thread(target=interpreters.run_string, args=(other, source))
beside.start()
while not os.path.exists("works"):
    assert beside.is_alive()
try:
    wrong = words()
finally:
    open("stop", "w").close()
    beside.join()
assert not wrong, wrong
assert int(open("n").read()) > 0
if sys.version_info < (3, 13):
    # 3.12.1 never returns from destroying an interpreter that another thread has used, also without this library.
    os._exit(0)
interpreters.destroy(other)
wrong = words(1)
assert not wrong, wrong
"""
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.version_info < (3, 14), reason="remote debugging is new in 3.14")
@beside_a_load_too
def test_check_when_a_debugger_attaches_meanwhile_then_the_words_are_right(python):
    """It writes into the thread state, and the main thread runs its script between two bytecodes."""
    done = python(
        PRELUDE
        + WORDS
        + """
import time
seen = []
with open("attached.py", "w") as script:
    script.write("import sys; sys.modules['__main__'].seen.append(1)")
with open("debugger.py", "w") as script:
    script.write('''
import sys, time
while True:
    try:
        sys.remote_exec(int(sys.argv[1]), "attached.py")
    except PermissionError:
        print("not permitted", flush=True)
        break
    except (RuntimeError, OSError) as error:  # it found the process in the middle of something
        print(repr(error), file=sys.stderr)
    else:
        print("attached", flush=True)
    time.sleep(0.02)
''')
with subprocess.Popen([sys.executable, "debugger.py", str(os.getpid())], stdout=subprocess.PIPE, text=True) as attached:
    try:
        first = attached.stdout.readline().strip()
        if first == "attached":
            wrong = words()
            while not seen:
                time.sleep(0.001)  # a poll, ended by the script of the debugger
    finally:
        attached.kill()
print(first)
assert first == "not permitted" or (first == "attached" and not wrong), (first, wrong)
"""
    )
    assert done.returncode == 0, done.stderr
    if done.stdout.strip() == "not permitted":
        pytest.skip("this system lets no process attach to another")


def test_check_when_the_interpreter_is_newer_than_any_known_then_the_reason_is_given_and_nothing_is_guessed(python):
    """Its GIL has another shape. Where the shape is looked for is tested on built structures, in the core."""
    done = python(
        PRELUDE
        + """
def not_found(interval_us):
    raise _native.LedgerUnavailable("ledger-shape-not-found", "no structure in the interpreter has the shape of a GIL")

_native.open_ledger = not_found
for function, wrong in ((specimens.holds, "released"), (specimens.releases, "held"), (specimens.yields, "released")):
    verdict = check.options(overlap=False)(function, 20 * MS)
    assert verdict.instrument.grade == "bounded", verdict.instrument
    assert "ledger-shape-not-found" in verdict.reasons, verdict.reasons
    assert verdict.gil != wrong, verdict

from pytest_gilcheck.commands.doctor import main
assert main([]) == 3
"""
    )
    assert done.returncode == 0, done.stderr
    assert "ledger-shape-not-found: no structure in the interpreter has the shape of a GIL" in done.stdout
