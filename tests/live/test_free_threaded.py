"""What a free-threaded interpreter is asked for, on specimens. `nox -s free_threaded` runs it.

The sampling thread shares the processors with everything else: beside a load it may not decide, and is never wrong.
"""

import os
import subprocess
import sys
import sysconfig

import pytest

from pytest_gilcheck import Disagreement, NotApplicable, agrees, check, specimens

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


@WITHOUT_GIL
def test_a_pause_is_measured_for_a_call_that_stays_attached():
    verdict = check.options(overlap=False)(specimens.holds, 20 * MS)

    if verdict.longest_pause_ns is None:
        pytest.skip("beside this load no collection began within a call")
    assert 0 < verdict.longest_pause_ns <= max(call.span_ns for call in verdict.observation.attachment.calls)


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
    compiler = sysconfig.get_config_var("CC")
    (tmp_path / "old.c").write_text(
        "#include <Python.h>\n"
        'static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "old", .m_size = -1};\n'
        "PyMODINIT_FUNC PyInit_old(void) { return PyModule_Create(&module); }\n"
    )
    include = sysconfig.get_paths()["include"]
    built = tmp_path / f"old{sysconfig.get_config_var('EXT_SUFFIX')}"
    command = [*compiler.split(), "-shared", "-fPIC", f"-I{include}", str(tmp_path / "old.c"), "-o", str(built)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no C compiler: {error}")
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
