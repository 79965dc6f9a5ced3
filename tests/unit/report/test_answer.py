"""The first lines of a report: at most six, of 80 columns."""

from dataclasses import replace

import pytest
from built import BLIND, call, observation, observations, verdict_on, verdicts
from built_rounds import one_round
from hypothesis import given

from pytest_gilcheck.evidence import (
    AttachedCall,
    Attachment,
    BusiestPlace,
    Claim,
    Estimate,
    GcPauses,
    GilEvent,
    GilEventPlace,
    GilTimeline,
    GilWaits,
    HoldPlace,
    Instrument,
    Place,
    Places,
    Progress,
    Reason,
    RecordedCall,
    SourceLine,
)
from pytest_gilcheck.judge import judge
from pytest_gilcheck.report.answer import N_LINES, WIDTH, answer, drawn
from pytest_gilcheck.report.check import report_lines
from pytest_gilcheck.report.sentences import with_text

MS = 1_000_000
LIB = "/home/me/demo.so"


def timeline(*events):
    return GilTimeline(tuple(GilEvent(at, kind, 0) for at, kind in events))


HALF = call(10 * MS, 10 * MS, timeline=timeline((10 * MS, "release"), (20 * MS, "take")))
HELD = call(20 * MS, timeline=timeline())
FREE = call(2_000, 20 * MS, timeline=timeline((2_000, "release")))
LET_GO = GilEventPlace("release", (Place("/home/me/src/lib.rs", 31, "demo::partial", LIB),))
TAKEN = GilEventPlace("take", (Place("/home/me/src/lib.rs", 33, "demo::partial", LIB),))
PARTIAL_PLACES = Places(
    (LET_GO, TAKEN),
    (HoldPlace(None, None, 0, 1, 900), HoldPlace(0, 1, None, 1, 10 * MS)),
    root="/home/me",
    sources=(SourceLine("/home/me/src/lib.rs", 33, "let list = make_list(found);"),),
)
IN_PYTHON = Place("/home/me/x.py", 4, "f")
HELD_PLACES = Places(
    holds=(HoldPlace(None, None, None, 1, 20 * MS),),
    busiest=BusiestPlace((IN_PYTHON,), None, 0.994, is_python=True),
    root="/home/me",
    sources=(SourceLine("/home/me/x.py", 4, "total += sum(row)"),),
)


def answered(observed, **more):
    return [line for line, _ in answer(observed, verdict_on(observed), **more)]


def test_answer_when_everything_is_there_then_it_is_still_short():
    """hypothesis once found a witness with a name of 150 letters, and seven lines."""
    observed = observation(
        HELD, gil_waits=GilWaits(1, 9, 6 * MS, 0, 3), claim=Claim(gil="released"), places=HELD_PLACES
    )
    weak = Instrument("a witness " * 15, "bounded", Reason("x" * 70))
    verdict = replace(verdict_on(observed), instrument=weak, overlap="overlaps", speedup=Estimate(1.93, 1.9, 1.95))

    lines = answered_by(observed, verdict)

    assert len(lines) == N_LINES
    assert max(map(len, lines)) <= WIDTH
    assert lines[1].startswith("  FAILED: ") and lines[-1].startswith("  another thread waited up to 6 ms for the GIL")


@given(observations, verdicts)
def test_answer_of_any_records_is_short(observed, verdict):
    """Six lines, none wider than a terminal."""
    lines = answered_by(observed, verdict)

    assert 1 <= len(lines) <= N_LINES
    assert max(map(len, lines)) <= WIDTH


@given(observations)
def test_answer_of_any_judged_observation_is_short(observed):
    verdict = verdict_on(replace(observed, claim=Claim("held", 0.9, 1.5, 0.8, 0.1, 5_000_000)))

    lines = answered_by(observed, verdict)

    assert len(lines) <= N_LINES
    assert max(map(len, lines)) <= WIDTH


def answered_by(observed, verdict):
    return [line for line, _ in answer(observed, verdict)]


def test_answer_when_the_call_holds_in_part_then_the_line_comes_first_with_its_source():
    observed = observation(*[HALF] * 7, gil_waits=GilWaits(1, 9, 9_500_000, 0, 2), places=PARTIAL_PLACES)

    assert answered(observed) == [
        "f: partial, held for 50.0 % of the call (20 ms)",
        "  held for 10 ms from src/lib.rs:33 (demo::partial) to the return",
        "      let list = make_list(found);",
        f"  |{'█' * 24}{'·' * 24}| █ held · released",
        "  another thread waited up to 9.5 ms for the GIL",
        "  Do less after this line, or release the GIL there, too.",
    ]


def test_answer_when_the_waiter_missed_the_hold_then_the_hold_says_how_long_others_are_kept_out():
    """Beside busy processes the waiter had not asked during the hold: a wait of 780 ns stood below a hold of 13 ms."""
    observed = observation(*[HALF] * 7, gil_waits=GilWaits(1, 9, 780, 0, 0), places=PARTIAL_PLACES)

    assert "  keeps other threads out for up to 10 ms" in answered(observed)


def test_answer_when_python_code_holds_then_it_says_that_native_code_could_release():
    observed = observation(HELD, gil_waits=GilWaits(1, 9, 6 * MS, 0, 3), places=HELD_PLACES)

    assert answered(observed) == [
        "f: held for 100 % of the call (20 ms)",
        "  held from start to end at x.py:4 (f)",
        "      total += sum(row)",
        f"  |{'█' * 48}| █ held",
        "  another thread waited up to 6 ms for the GIL",
        "  Python code runs here: only native code can release the GIL.",
    ]


@pytest.mark.parametrize("native", [None, Place(None, None, "numpy.linalg.solve", LIB)])
def test_answer_when_native_functions_hold_between_python_lines_then_it_is_not_said_to_be_python_code(native):
    """A function of NumPy calls several native ones, and gives way between them: its reader cannot write it in C."""
    places = replace(HELD_PLACES, busiest=BusiestPlace((IN_PYTHON,), native, 0.994))
    observed = observation(HELD, gil_waits=GilWaits(1, 9, 6 * MS, 0, 3), places=places)

    assert answered(observed)[-1].startswith("  Release the GIL: Py_BEGIN_ALLOW_THREADS")


def test_answer_when_nobody_looked_where_and_the_call_gives_way_then_it_is_python_code():
    observed = observation(HELD, gil_waits=GilWaits(1, 9, 6 * MS, 0, 3))

    assert answered(observed)[-1].startswith("  Python code runs here")


def test_answer_when_the_call_releases_then_it_is_two_lines():
    lines = answered(observation(*[FREE] * 7, gil_waits=GilWaits(9, 9, 1_500, 0, 0)))

    assert lines == ["f: released for > 99.9 % of the call (20 ms)", f"  |{'·' * 48}| · released"]


def test_answer_when_overlap_is_undecided_and_nobody_asked_then_it_is_one_dim_line():
    """With -v the rest."""
    observed = observation(*[FREE] * 7, rounds=tuple([one_round(3 * MS)] * 2))
    verdict = replace(verdict_on(observed), overlap="inconclusive")

    plain = list(report_lines(observed, verdict))
    coloured = list(report_lines(observed, verdict, colour=True))

    assert plain[-1] == "  overlap inconclusive (-v says why)"
    assert coloured[-1] == f"\x1b[2m{plain[-1]}\x1b[22m"
    assert coloured[:-1] == plain[:-1]
    assert sum("overlap" in line for line in plain) == 1


def test_answer_when_somebody_asked_for_overlap_then_it_says_why_it_is_undecided():
    observed = observation(*[FREE] * 7, notes=(Reason("one-cpu"),), claim=Claim(min_speedup=1.5))
    verdict = replace(verdict_on(observed), overlap="inconclusive")

    text = "\n".join(answered_by(observed, verdict))

    assert "inconclusive: speed-up not measured, required at least 1.5" in text
    assert "overlap inconclusive: this process may use one core only" in text


@pytest.mark.parametrize(
    ("word", "says"), [("overlaps", "calls overlap: 1.93x"), ("serialised", "calls do not overlap: 1.93x")]
)
def test_answer_when_overlap_is_decided_then_it_says_so_beside_the_wait(word, says):
    observed = observation(*[HALF] * 7, gil_waits=GilWaits(1, 9, 9_500_000, 0, 2))
    verdict = replace(verdict_on(observed), overlap=word, speedup=Estimate(1.93, 1.9, 1.95))

    assert f"  another thread waited up to 9.5 ms for the GIL; {says}" in answered_by(observed, verdict)


def test_answer_when_a_call_holds_in_part_and_lets_waiters_in_then_that_is_not_taken_for_python_code():
    """Its holds are shorter than half of the call, which is no sign of an interpreter."""
    observed = observation(HALF, gil_waits=GilWaits(1, 9, 9 * MS, 0, 1))

    assert answered(observed)[-1] == "  Release the GIL around more of the work."


def test_answer_when_it_sleeps_while_it_holds_then_that_is_the_suggestion():
    observed = observation(*[replace(HELD, cpu_ns=1 * MS, delay_ns=0)] * 7)

    assert answered(observed)[-1] == "  It sleeps for 95.0 % of its time: release the GIL around that wait."


def test_answer_when_there_is_no_word_then_it_says_why():
    lines = answered(observation(*[call(100)] * 7))

    assert lines == [
        "f: inconclusive",
        "  the call took 100 ns; a share means something from 500 ns on: give it more to",
        "  do",
    ]


def test_answer_when_calls_straddle_a_threshold_then_it_shows_between_which_bounds():
    observed = observation(*[call(held * MS, 100 * MS) for held in (4, 4, 5, 5, 6, 6, 7)])

    lines = answered(observed)

    assert lines[0] == "f: inconclusive, held for 3.8 to 6.6 % of the call"
    assert "the held share is too close to the threshold of released (5 %)" in " ".join(lines)


def test_answer_when_overlap_is_undecided_too_then_it_says_why_there_is_no_word_on_the_gil():
    """Beside one busy process the report on an undecided call said only why overlap was not decided."""
    observed = observation(
        *[call(held * MS, 100 * MS) for held in (4, 4, 5, 5, 6, 6, 7)],
        rounds=tuple([one_round(3 * MS, released_ns=4 * MS)] * 2),
    )
    verdict = verdict_on(observed)

    text = " ".join(answered_by(observed, verdict))

    assert verdict.reasons[-1] == "no-spare-cores"
    assert "the held share is too close to the threshold of released (5 %)" in text
    assert "too busy" not in text


def sampled(share, longest_ns=19_400_000):
    call = AttachedCall(
        20 * MS, 300, 300.0, 20 * MS, round(share * 20 * MS), round(share * 20 * MS), delay_ns=0, cpu_ns=20 * MS
    )
    pauses = GcPauses(n_calls=1, n_collections=3, longest_ns=longest_ns, alone_ns=400_000)
    return observation(
        instrument=Instrument("sampler", "bounded", Reason("no-gil")), attachment=Attachment((call,) * 7, (), pauses)
    )


def test_answer_without_a_gil_says_for_how_long_the_thread_is_attached():
    assert answered(sampled(0.0, 600_000)) == ["f: detached for at least 99.5 % of the call (20 ms)"]
    assert answered(sampled(1.0)) == [
        "f: attached for at least 99.5 % of the call (20 ms)",
        "  a garbage collection in another thread waited up to 19 ms",
        "  Detach around more of the work: Py_BEGIN_ALLOW_THREADS, nogil or py.detach.",
    ]
    assert answered(sampled(0.5))[0] == "f: partial, attached for 46.4 to 53.6 % of the call (20 ms)"
    assert answered(sampled(0.05))[0] == "f: inconclusive, attached for 3.6 to 6.9 % of the call (20 ms)"


def test_answer_without_a_gil_says_a_recorded_share_as_one_figure():
    record = RecordedCall(20 * MS, 5 * MS, 5 * MS, 2, 300, 0, 300.0, 300.0)
    call = sampled(0.25).attachment.calls[0]
    recorded = observation(
        instrument=Instrument("recorder", "exact", Reason("no-gil")),
        attachment=Attachment((replace(call, recorded=record),) * 7),
    )

    assert answered(recorded)[0] == "f: partial, attached for 25.0 % of the call (20 ms)"
    assert answered(sampled(0.25))[0] != answered(recorded)[0]


def test_answer_without_a_gil_or_without_a_ledger():
    nothing = answered(observation(instrument=Instrument("none", "none", Reason("no-gil"))))
    progress = Progress(n_calls=1, n_background_runs=10, background_ns=round(0.99 * 20 * MS), span_ns=20 * MS)

    assert nothing == ["f: not applicable", "  This interpreter runs without a GIL: there is nothing to release."]
    assert (
        answered(observation(instrument=BLIND, progress=progress))[0] == "f: released for at least 99.0 % of the call"
    )


def test_answer_when_one_call_alone_was_made_then_its_share_is_said_to_be_its_own():
    assert answered(observation(HALF))[0] == "f: partial, held for 50.0 % of one call (20 ms)"


@pytest.mark.parametrize("name", ["x" * 300, "line one\nline two", "", "f(" + "1, " * 90 + ")"])
def test_answer_when_a_name_is_long_then_the_first_line_still_fits(name):
    first, *_ = answered(observation(HELD, name=name))

    assert first.endswith(": held for 100 % of the call (20 ms)")
    assert len(first) <= WIDTH
    assert "\n" not in first


def test_answer_when_a_claim_is_not_met_then_that_follows_the_word():
    observed = observation(HELD, claim=Claim(gil="released", releases=0.9), places=HELD_PLACES)

    lines = answered(observed)

    assert lines[1] == "  FAILED: expected released, found held (and 1 more)"
    assert "x.py:4" in lines[2]
    assert len(lines) <= N_LINES


def test_answer_when_the_line_is_not_known_then_it_says_how_to_build():
    bare = [replace(event, native=(Place(None, None, "work", LIB),)) for event in (LET_GO, TAKEN)]
    observed = observation(*[HALF] * 7, places=replace(PARTIAL_PLACES, events=tuple(bare)))

    lines = answered(observed)

    assert lines[1] == "  held for 10 ms from work (demo.so) to the return"
    assert lines[-1] == '  For the line build with -g1 (C, C++) or Cargo\'s debug = "line-tables-only".'


@pytest.mark.parametrize("gil", ["held", "partial"])
def test_answer_when_there_was_no_time_for_the_line_then_it_says_how_to_see_it(gil):
    """Beside busy processes a call of 60 ms took 345, and the report had no line and no word about it."""
    left_out = Reason.of("time-limit", stage="places", limit_ns=3_000 * MS, call_ns=345 * MS)
    calls = [HELD] if gil == "held" else [HALF] * 7

    with_note, other_stage = (
        answered(observation(*calls, notes=(note,)))
        for note in (left_out, Reason.of("time-limit", stage="longest wait", limit_ns=3_000 * MS, call_ns=345 * MS))
    )

    assert with_note[-1] == "  No time was left to look for the line: give the check a longer time limit."
    assert "look for the line" not in other_stage[-1]


def test_answer_when_it_is_python_s_own_code_then_it_is_not_the_reader_s_to_change():
    place = Place("/usr/lib/python3.12/json/decoder.py", 353, "JSONDecoder.raw_decode")
    observed = observation(HELD, places=replace(HELD_PLACES, busiest=BusiestPlace((place,), None, 0.99)))

    assert answered(observed)[1] == "  held from start to end at …/python3.12/json/decoder.py:353"
    assert answered(observed)[-1].startswith("  This is Python's own code")


STATEMENT = Place("<gilcheck statement>", 1, "<module>")


@pytest.mark.parametrize(
    ("binding", "remedy"),
    [
        ("Cython", "`with nogil:`"),
        ("Numba", "nogil=True"),
        ("PyO3", "py.detach"),
        ("ctypes.PyDLL", "ctypes.CDLL"),
        ("nanobind", "nb::call_guard<nb::gil_scoped_release>()"),
        ("pybind11", "py::call_guard<py::gil_scoped_release>()"),
        (None, "Py_BEGIN_ALLOW_THREADS, nogil, py.detach or a call guard"),
    ],
)
@pytest.mark.parametrize("is_called_by_a_statement", [False, True])
def test_answer_when_a_binding_layer_made_the_function_then_its_own_remedy_is_named(
    binding, remedy, is_called_by_a_statement
):
    """The command said "Python code runs here" of Cython and Numba, and the remedy of PyDLL was another library."""
    library = "/usr/lib/python3.12/ctypes/__init__.py" if binding == "ctypes.PyDLL" else LIB
    callee = Place("/home/me/src/f.c", 12, "demo.f", library, binding)
    of_statement = {"function": None, "busiest": BusiestPlace((STATEMENT,), callee, 0.99)}
    of_fixture = {"function": callee, "busiest": None}
    places = replace(HELD_PLACES, **(of_statement if is_called_by_a_statement else of_fixture))

    lines = answered(observation(HELD, places=places))

    assert lines[1] == "  held from start to end at src/f.c:12 (demo.f)"
    assert remedy in lines[-1]


@pytest.mark.parametrize("binding", ["cffi", "ctypes"])
def test_answer_when_a_layer_releases_around_the_call_then_the_rest_is_said_to_be_held(binding):
    callee = Place(None, None, "demo.f", "/usr/lib/python3.12/lib-dynload/_ctypes.so", binding)
    observed = observation(*[HALF] * 7, places=replace(PARTIAL_PLACES, function=callee))

    assert answered(observed)[-1].endswith(
        f"{binding} releases the GIL around the call: convert less, call back less often."
    )


def test_answer_when_it_is_not_known_what_a_statement_calls_then_it_is_not_said_to_be_python():
    places = replace(HELD_PLACES, busiest=BusiestPlace((STATEMENT,), None, 0.99))

    lines = answered(observation(HELD, gil_waits=GilWaits(1, 9, 20 * MS, 0, 0), places=places))

    assert lines[1] == "  held from start to end"
    assert lines[-1].startswith("  Release the GIL: ")


def test_answer_when_names_are_long_then_the_line_is_kept():
    """A template's name of 300 characters is no help; its line is."""
    name = f"ns::function<{'std::map<int, int>, ' * 20}int>::call"
    events = [replace(event, native=(replace(event.native[0], function=name),)) for event in (LET_GO, TAKEN)]
    observed = observation(*[HALF] * 7, places=replace(PARTIAL_PLACES, events=tuple(events)))

    assert answered(observed)[1] == "  held for 10 ms from src/lib.rs:33 (ns::function::call) to the return"


@pytest.mark.parametrize("encoding", ["ascii", None, "no-such-encoding", "latin-1"])
def test_timelines_are_drawn_in_signs_that_the_terminal_has(encoding):
    """Shades need UTF-8."""
    assert drawn("HrmwM?", encoding) == "#.+wM?"
    assert drawn("Hrmw?", "utf-8") == "█·▒w?"


@given(observations)
def test_report_with_all_figures_begins_with_the_answer(observed):
    """More is added below; nothing is said in other words."""
    verdict = with_text(judge(observed), observed)

    assert list(report_lines(observed, verdict, verbosity=1))[: len(answered_by(observed, verdict))] == answered_by(
        observed, verdict
    )
