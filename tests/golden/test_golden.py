"""Texts for people, compared byte by byte."""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from built import BLIND, RACE, call, observation, verdict_on
from built_rounds import arm, one_round

from pytest_gilcheck.evidence import (
    Agreement,
    GilEvent,
    GilEventPlace,
    GilTimeline,
    GilWaits,
    HoldPlace,
    Place,
    Places,
    Progress,
    SleepPlace,
    Sleeps,
    SourceLine,
)
from pytest_gilcheck.report import agreement as agreement_text
from pytest_gilcheck.report import findings
from pytest_gilcheck.report.answer import N_LINES, WIDTH
from pytest_gilcheck.report.check import report_lines
from pytest_gilcheck.report.markdown import markdown
from pytest_gilcheck.report.tables import tables
from pytest_gilcheck.store.json_report import AgreementEntry, CheckEntry
from pytest_gilcheck.store.stream import Stream

HERE = Path(__file__).parent
CAPTURES = sorted((HERE.parent / "captures").glob("*.json"))
REFRESH = bool(os.environ.get("GILCHECK_REFRESH_GOLDEN"))
#: Two agreements of tests, the second merged from another report.
AGREEMENTS = [
    AgreementEntry(RACE, "tests/test_counter.py::test_add", "tests/test_counter.py", 12, failed=True),
    AgreementEntry(
        Agreement("word_count.search", "agree", n_examples=100, n_calls=12_400, n_threads=4),
        "tests/test_count.py::test_counts",
        "tests/test_count.py",
        3,
        origin="py3.13",
    ),
]
#: Parts that may differ between runs and versions without a change of the text.
SCRUBS = ((re.compile(r"\b\d+\.\d+\.\d+(?:\.dev\d+)?\b"), "VERSION"), (re.compile(r" +$", re.MULTILINE), ""))


def judged(path):
    """Observation and verdict of a capture, judged now."""
    (check,) = Stream(path)
    return check.observation, verdict_on(check.observation)


def checked(path):
    """The capture as a row of a table."""
    observation, verdict = judged(path)
    return CheckEntry(observation.name, verdict, observation)


def compare(name, lines):
    """Compare with the golden text; a text that differs is kept beside it."""
    text = "\n".join(lines) + "\n"
    for pattern, replacement in SCRUBS:
        text = pattern.sub(replacement, text)
    golden, actual = HERE / f"{name}.txt", HERE / f"{name}.actual.txt"
    if REFRESH:
        golden.write_text(text, encoding="utf-8")
    actual.unlink(missing_ok=True)
    if not golden.exists() or golden.read_text(encoding="utf-8") != text:
        actual.write_text(text, encoding="utf-8")
    assert golden.exists(), f"no {golden.name} yet; see README.md"
    assert text == golden.read_text(encoding="utf-8")


def partial():
    """A call that releases the GIL and then builds a list with it."""
    let_go, taken = (
        GilEventPlace(kind, (Place("/home/me/src/lib.rs", line, "demo::positions", "/home/me/demo.so"),))
        for kind, line in (("release", 31), ("take", 33))
    )
    places = Places(
        (let_go, taken),
        (HoldPlace(None, None, 0, 1, 900), HoldPlace(0, 1, None, 1, 10_000_000)),
        root="/home/me",
        sources=(SourceLine("/home/me/src/lib.rs", 33, "let list = PyList::new(py, found)?;"),),
    )
    events = (GilEvent(0, "release", 0), GilEvent(10_000_000, "take", 0))
    made = call(10_000_000, 10_000_000, timeline=GilTimeline(events))
    return shown("demo.positions(text)", *[made] * 7, places=places, gil_waits=GilWaits(1, 9, 9_500_000, 0, 1))


#: Where a call sleeps while it holds the GIL.
READS = Sleeps(
    (
        SleepPlace(
            "read",
            (
                Place(function="__read", library="/lib/libc.so.6"),
                Place("/home/me/demo.c", 15, "load", "/home/me/demo.so"),
            ),
            90,
        ),
    ),
    root="/home/me",
)


def held(sleeps_alone=None, **more):
    """A native call that never releases the GIL."""
    function = Place("/home/me/demo.c", 12, "demo.count", "/home/me/demo.so")
    line = "static PyObject *count(PyObject *module, PyObject *args)"
    places = Places(
        holds=(HoldPlace(None, None, None, 1, 20_000_000),),
        function=function,
        root="/home/me",
        sources=(SourceLine("/home/me/demo.c", 12, line),),
    )
    made = call(20_000_000, timeline=GilTimeline(), delay_ns=0, **more)
    return shown(
        "demo.count(text)", made, places=places, gil_waits=GilWaits(1, 9, 19_300_000, 0, 0), sleeps_alone=sleeps_alone
    )


def released():
    """A call that releases the GIL, whose overlap nobody asked for and nobody could decide."""
    made = call(12_000, 20_000_000, timeline=GilTimeline((GilEvent(12_000, "release", 0),)))
    observed, verdict = shown("demo.count(text)", *[made] * 7, gil_waits=GilWaits(1, 9, 14_000, 0, 0))
    return observed, replace(verdict, overlap="inconclusive")


def inner_lock():
    """A call that releases the GIL and waits for a lock of its own."""
    competing = arm(4_000_000, n_threads=2, cpu_ns=4_000_000)
    rounds = (replace(one_round(4_000_000), competing=competing),) * 20
    futex, mutex = (
        Place(function=name, library="/lib/libc.so.6") for name in ("__lll_lock_wait", "pthread_mutex_lock")
    )
    add = Place("/home/me/counter.c", 41, "counter_add", "/home/me/counter.so")
    line = SourceLine("/home/me/counter.c", 41, "pthread_mutex_lock(&lock);")
    sleeps = Sleeps((SleepPlace("futex", (futex, mutex, add), 57),), 60, 3, root="/home/me", sources=(line,))
    made = call(12_000, 1_000_000, timeline=GilTimeline((GilEvent(12_000, "release", 0),)))
    return shown("counter.add(1)", *[made] * 7, rounds=rounds, sleeps=sleeps)


def inconclusive():
    """Calls on both sides of a threshold."""
    return shown("demo.count(text)", *[call(held_ns * 1_000_000, 100_000_000) for held_ns in (4, 4, 5, 5, 6, 6, 7)])


def by_progress():
    """A call that releases the GIL, where there is no ledger."""
    seen = Progress(n_calls=5, n_background_runs=25, background_ns=98_500_000, span_ns=100_000_000, alone_ns=20_000_000)
    return shown("demo.count(text)", instrument=BLIND, progress=seen)


def without_witness():
    """A call about which the ledger alone was asked, where there is none."""
    return shown("demo.count(text)", instrument=replace(BLIND, name="ledger", grade="none"))


def shown(name, *calls, **more):
    """Observation and verdict of these calls."""
    observed = observation(*calls, name=name, **more)
    return observed, verdict_on(observed)


ANSWERS = {
    "held": held,
    "partial": partial,
    "released": released,
    "sleeps-while-holding": lambda: held(cpu_ns=1_000_000, sleeps_alone=READS),
    "inconclusive": inconclusive,
    "inner-lock": inner_lock,
    "by-progress": by_progress,
    "ledger-required": without_witness,
}


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_report_section_of_a_capture_is_as_it_was(path):
    """Every line of it, with all figures."""
    compare(f"{path.stem}.report", report_lines(*judged(path), verbosity=1))


@pytest.mark.parametrize("kind", ANSWERS)
def test_answer_is_as_it_was(kind):
    """What a person sees first: at most six lines of 80 columns."""
    lines = list(report_lines(*ANSWERS[kind]()))

    compare(f"answer.{kind}", lines)
    assert len(lines) <= N_LINES
    assert max(map(len, lines)) <= WIDTH


@pytest.mark.parametrize("width", [60, 80, 120])
def test_table_is_as_it_was(width):
    """In a narrow, the usual and a wide terminal."""
    compare(f"table_{width}", tables([checked(path) for path in CAPTURES], width=width, colour=False))


REPORTS = {
    "report": lambda: (line for entry in AGREEMENTS for line in agreement_text.report_lines(entry.agreement)),
    "table": lambda: tables(AGREEMENTS, width=80, colour=False),
    "with_checks": lambda: tables([*map(checked, CAPTURES[:2]), *AGREEMENTS], width=80, colour=False),
    "markdown": lambda: markdown([*map(checked, CAPTURES[:2]), *AGREEMENTS]),
    "junit": lambda: (
        f"{name}={value}" for entry in AGREEMENTS for name, value in agreement_text.junit_properties(entry.agreement)
    ),
    "github": lambda: findings.github(AGREEMENTS, prefix="sub/"),
    "gitlab": lambda: "".join(findings.gitlab(AGREEMENTS)).splitlines(),
    "failure": lambda: [agreement_text.message(RACE)],
}


@pytest.mark.parametrize("report", REPORTS)
def test_report_of_agreements_is_as_it_was(report):
    """In each form of report."""
    compare(f"agreements.{report}", REPORTS[report]())


def test_no_golden_text_is_left_over():
    """Each belongs to a capture, an answer, a table or a report of agreements."""
    known = {f"{path.stem}.report.txt" for path in CAPTURES} | {f"table_{width}.txt" for width in (60, 80, 120)}
    known |= {f"answer.{kind}.txt" for kind in ANSWERS}
    known |= {f"agreements.{report}.txt" for report in REPORTS}

    assert {path.name for path in HERE.glob("*.txt") if not path.name.endswith(".actual.txt")} == known
