"""Verdicts in a process that lives: other threads, timers and pools run beside the check, and sometimes a busy process.

A word is right or *inconclusive*, and exact bounds hold the truth, which none of these neighbours changes: time in which
a call waits for the GIL is no part of its share.
"""

import concurrent.futures
import contextlib
import signal
import statistics
import sys
import time

import pytest
from neighbours import busy_process, thread

from pytest_gilcheck import _native, check, specimens
from pytest_gilcheck.checker.stages import Stages
from pytest_gilcheck.observe import call_span

MS = 1_000_000

#: What a specimen does beside its work: it takes its arguments, reads the processor clock until the time is over, releases and
#: takes. On a busy machine, whose caches hold nothing of it, a single call of 20 ms held for up to 0.12 ms longer than it worked.
BESIDE_NS = 150_000
#: The same where another thread does the work: both are woken once.
HANDED_OVER_NS = 500_000


@contextlib.contextmanager
def timer():
    """Handle a signal each millisecond."""
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def native_thread(hold_ns, gap_ns):
    """Let a native thread that belongs to nobody's call attach again and again."""
    neighbour = _native.specimens.Neighbour(hold_ns, gap_ns)
    try:
        yield
    finally:
        neighbour.stop()


NEIGHBOURS = {
    "a sleeping thread": lambda: thread(lambda: time.sleep(0.001)),
    "a busy thread": lambda: thread(lambda: sum(range(100))),
    "a busy process": busy_process,
}

MORE_NEIGHBOURS = {
    "a timer": timer,
    "a native thread": lambda: native_thread(200_000, 1_800_000),
    "a native thread that holds": lambda: native_thread(1_800_000, 200_000),
    "a second check": lambda: thread(lambda: check.options(overlap=False)(specimens.holds, 5 * MS)),
}

holds_then_releases = _native.specimens.holds_then_releases

#: Function, arguments, held and released time; the first lets go late, the next only after a switch interval, for long.
CALLS = {
    "half, first held": (holds_then_releases, (10 * MS, 10 * MS), 10, 10),
    "held for a moment": (holds_then_releases, (6 * MS, 194 * MS), 6, 194),
    "held": (specimens.holds, (20 * MS,), 20, 0),
    "released": (specimens.releases, (20 * MS,), 0, 20),
}

WORDS = {"half, first held": "partial", "held for a moment": "released", "held": "held", "released": "released"}


def never_wrong(verdict, word, held_ms, released_ms, beside_ns=BESIDE_NS):
    """Accept the right word or *inconclusive*, and bounds that hold the truth where they claim to be exact."""
    assert verdict.gil in (word, "inconclusive"), (verdict.held_share, verdict.notes)
    if verdict.gil == "inconclusive":
        assert verdict.reasons
    share, work_ns = verdict.held_share, (held_ms + released_ms) * MS
    if verdict.instrument.grade == "exact" and share.measured:
        low, high = held_ms * MS / (work_ns + beside_ns), (held_ms * MS + beside_ns) / work_ns
        assert share.low <= high and low <= share.high, (share.low, share.high, low, high, verdict.notes)


@pytest.mark.parametrize("neighbour", NEIGHBOURS)
@pytest.mark.parametrize("call", CALLS)
def test_check_when_something_lives_beside_it_then_the_word_is_its_own_or_inconclusive(call, neighbour):
    """Whoever asks for the GIL, and whoever takes the processor."""
    function, arguments, held_ms, released_ms = CALLS[call]

    with NEIGHBOURS[neighbour]():
        verdict = check.options(overlap=False)(function, *arguments)

    never_wrong(verdict, WORDS[call], held_ms, released_ms)


@pytest.mark.parametrize("neighbour", MORE_NEIGHBOURS)
@pytest.mark.parametrize("call", ["half, first held", "released"])
def test_check_when_somebody_else_holds_the_gil_then_that_is_not_the_calls(call, neighbour):
    """It is left out, or the bounds say that it may be the call's."""
    function, arguments, held_ms, released_ms = CALLS[call]

    with MORE_NEIGHBOURS[neighbour]():
        verdict = check.options(overlap=False)(function, *arguments)

    never_wrong(verdict, WORDS[call], held_ms, released_ms)


@pytest.mark.parametrize("neighbour", NEIGHBOURS)
@pytest.mark.parametrize("call", ["half, first held", "held for a moment", "held", "released", "native"])
def test_check_when_the_callee_has_a_pool_then_what_its_thread_holds_is_the_calls(call, neighbour):
    """The thread is older than the call, and does its work."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool, NEIGHBOURS[neighbour]():
        pool.submit(int).result()
        if call == "native":
            verdict = check.options(overlap=False)(_native.specimens.delegates, 20 * MS)
            held_ms, released_ms = 20, 0
        else:
            function, arguments, held_ms, released_ms = CALLS[call]
            verdict = check.options(overlap=False)(lambda: pool.submit(function, *arguments).result())

    never_wrong(verdict, WORDS.get(call, "held"), held_ms, released_ms, HANDED_OVER_NS)


def test_span_when_a_worker_is_kept_off_the_processor_then_its_delay_is_known_by_state():
    """The specimen works for a certain processor time: without the delay each hold is as long as asked, whatever runs beside it."""
    _native.open_ledger(round(sys.getswitchinterval() * 1e6))
    try:
        with concurrent.futures.ThreadPoolExecutor(1) as pool, busy_process(), busy_process():
            pool.submit(int).result()
            spans = [
                _native.call(
                    lambda: pool.submit(holds_then_releases, 10 * MS, 10 * MS).result(),
                    (),
                    None,
                    True,
                    0,
                    _native.CallClock(1),
                )[1]
                for _ in range(9)
            ]
    finally:
        _native.close_ledger()
    calls = [call_span(span) for span in spans if span.delay_ns is not None]
    workers = [max(each.others, key=lambda other: other.held_ns) for each in calls]
    known = [(worker.held_ns, worker.off_processor) for worker in workers if worker.off_processor is not None]
    if not calls:
        pytest.skip("this system does not report time off the processor")
    assert len(known) > len(calls) // 2
    work_ms = [(held_ns - off.held_delay_ns) / MS for held_ns, off in known]
    assert statistics.median(work_ms) == pytest.approx(10, abs=1)
    assert statistics.median(off.free_cpu_ns / MS for _, off in known) == pytest.approx(10, abs=1)


def test_span_when_something_lives_beside_it_then_the_word_is_its_own_or_inconclusive():
    """A block is measured once, before anything could be learned."""
    for neighbour in NEIGHBOURS.values():
        with neighbour(), check.span("half") as span:
            holds_then_releases(10 * MS, 10 * MS)
        never_wrong(span.verdict, "partial", 10, 10)


@pytest.mark.parametrize("neighbour", ["a busy thread", "a busy process"])
@pytest.mark.parametrize("call", ["half, first held", "held"])
def test_check_when_something_lives_beside_it_then_no_stage_begins_that_does_not_fit(
    call, neighbour, monkeypatch, record_property
):
    """The least that a stage may take fits into what was left as it began. How long it took says the machine, not the test."""
    made = []

    class Kept(Stages):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            made.append(self)

    monkeypatch.setattr("pytest_gilcheck.checker.measure.Stages", Kept)
    function, arguments, *_ = CALLS[call]

    with NEIGHBOURS[neighbour]():
        verdict = check(function, *arguments)

    (stages,) = made
    times = stages.time_limit.stages()
    for time_ in times:
        share = time_.took_ns / max(1, time_.left_ns)
        record_property(time_.stage, f"took {time_.took_ns / MS:.0f} of {time_.left_ns / MS:.0f} ms left ({share:.0%})")
    assert [time_.stage for time_ in times[:2]] == ["first call", "single calls"]
    assert all(time_.step_ns <= time_.left_ns for time_ in times[2:]), times
    began = {time_.stage for time_ in times}
    left_out = {dict(note.values)["stage"] for note in verdict.notes if note.slug == "time-limit"}
    # Of the two stages that may end early, one that began and brought nothing is noted, too.
    assert not began & left_out - {"background thread", "rounds in competing threads"}
