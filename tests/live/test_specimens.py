"""Each specimen gets its own word, or *inconclusive*."""

import sys
import threading

import pytest

from pytest_gilcheck import _native, check, specimens
from pytest_gilcheck.observe import exact_ledger

MS = 1_000_000
SPECIMENS = {
    "holds 20 ms": (specimens.holds, (20 * MS,), "held"),
    "holds 0.2 ms": (specimens.holds, (MS // 5,), "held"),
    "holds 20 us": (specimens.holds, (20_000,), "held"),
    "releases 20 ms": (specimens.releases, (20 * MS,), "released"),
    "releases 2 ms": (specimens.releases, (2 * MS,), "released"),
    "releases 0.2 ms": (specimens.releases, (MS // 5,), "released"),
    "computes 20 ms": (specimens.computes, (20 * MS,), "released"),
    "half and half": (specimens.releases_then_holds, (10 * MS, 10 * MS), "partial"),
    "half and half, short": (specimens.releases_then_holds, (MS // 5, MS // 5), "partial"),
    "chatters": (specimens.chatters, (200, 50_000), "released"),
    "sleeps": (specimens.sleeps, (20 * MS,), "released"),
    "spawns": (specimens.spawns, (2, 10 * MS), "held"),
    "yields": (specimens.yields, (20 * MS,), "held"),
    "control held": (specimens.controls()[0], (20 * MS,), "held"),
    "control released": (specimens.controls()[1], (20 * MS,), "released"),
}


def never_wrong(verdict, word):
    """Accept the right word, or *inconclusive* with a reason."""
    assert verdict.instrument.grade == "exact", verdict.notes
    assert verdict.gil in (word, "inconclusive"), (verdict.held_share, verdict.notes)
    if verdict.gil == "inconclusive":
        assert verdict.reasons


@pytest.mark.smoke
@pytest.mark.parametrize("name", SPECIMENS)
def test_check_when_a_specimen_is_known_then_the_word_is_its_own_or_inconclusive(name):
    """It is never another word."""
    function, arguments, word = SPECIMENS[name]

    never_wrong(check.options(budget="1ms")(function, *arguments), word)


@pytest.mark.parametrize("interval", [1e-6, 1e-4, 0.5, 100.0])
@pytest.mark.parametrize("name", ["holds 20 ms", "releases 20 ms", "half and half", "yields"])
def test_check_when_the_switch_interval_is_unusual_then_the_word_is_right(name, interval):
    """The shape of the GIL is looked for with the present interval, and the interval does not change."""
    function, arguments, word = SPECIMENS[name]
    before = sys.getswitchinterval()
    sys.setswitchinterval(interval)
    try:
        never_wrong(check.options(overlap=False)(function, *arguments), word)
        assert sys.getswitchinterval() == pytest.approx(interval)
    finally:
        sys.setswitchinterval(before)


def test_figures_when_a_specimen_is_known_then_they_follow_its_construction():
    """A specimen works for a fixed processor time, whatever the wall clock shows."""
    verdict = check.options(overlap=False)(specimens.releases_then_holds, 10 * MS, 20 * MS)

    assert verdict.cpu_ns >= 29 * MS
    assert verdict.longest_hold_ns >= 19 * MS
    assert verdict.n_releases.by_function == 1


def test_releases_when_there_are_hundreds_then_each_is_counted():
    """Each release of `chatters`."""
    assert check.options(overlap=False)(specimens.chatters, 321, 0).n_releases.by_function == 321


def test_releases_when_made_by_function_or_interpreter_then_they_are_told_apart():
    """The interpreter releases in Python code; native code releases by itself or not at all."""
    yields = check.options(overlap=False)(specimens.yields, 60 * MS).n_releases
    chatters = check.options(overlap=False)(specimens.chatters, 1000, 20_000).n_releases
    holds = check.options(overlap=False)(specimens.holds, 60 * MS).n_releases

    assert yields.by_function == 0 and yields.by_interpreter >= 1
    assert chatters.by_interpreter == 0
    assert (holds.by_function, holds.by_interpreter) == (0, 0)


def test_longest_wait_when_a_call_holds_then_it_is_longer_than_when_it_releases():
    """The two are compared with each other, not with a clock."""
    holds = check.options(overlap=False)(specimens.holds, 50 * MS)
    releases = check.options(overlap=False)(specimens.releases, 50 * MS)

    assert holds.longest_wait_ns > releases.longest_wait_ns


def test_span_when_the_result_is_disposed_of_then_that_is_not_part_of_it():
    """The span ends before."""

    class HoldsAtItsEnd:
        def __del__(self):
            specimens.holds(20 * MS)

    def releases_and_makes():
        specimens.releases(5 * MS)
        return HoldsAtItsEnd()

    never_wrong(check.options(overlap=False)(releases_and_makes), "released")


def test_ledger_when_opened_twice_then_the_last_to_close_removes_the_hooks():
    """In any order of closing."""
    assert not _native.ledger_is_recording()
    first, second = exact_ledger(), exact_ledger()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert _native.ledger_is_recording()
    second.__exit__(None, None, None)
    assert not _native.ledger_is_recording()


def test_check_when_several_threads_check_at_once_then_each_verdict_is_right():
    """Their waits for each other do not count."""
    words = {}

    def one(name):
        function, arguments, word = SPECIMENS[name]
        words[name] = (check.options(overlap=False)(function, *arguments), word)

    names = ["holds 20 ms", "releases 20 ms", "half and half", "releases 2 ms", "holds 0.2 ms"]
    threads = [threading.Thread(target=one, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(words) == set(names)
    for verdict, word in words.values():
        never_wrong(verdict, word)


def test_check_when_the_function_starts_hundreds_of_threads_then_they_count():
    """Also more threads, one after the other, than one recording has room for."""

    def many():
        threads = [threading.Thread(target=specimens.holds, args=(1_000,)) for _ in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    for _ in range(3):
        verdict = check.options(overlap=False)(many)
        assert verdict.instrument.grade == "exact"
        assert verdict.gil != "released"


def test_check_when_the_list_of_events_is_full_then_threads_of_the_function_still_count():
    """An outer ledger stays open during many GIL events."""
    with exact_ledger():
        with exact_ledger():
            _native.call(specimens.chatters, (80_000, 0), None, False, 10, _native.CallClock(1))
        never_wrong(check.options(overlap=False)(specimens.spawns, 2, 10 * MS), "held")


def test_events_when_they_do_not_fit_then_they_are_counted():
    """A timeline shows where it ends."""
    with exact_ledger():
        _, span = _native.call(specimens.chatters, (1_000, 0), None, False, 100, _native.CallClock(1))
        # Other threads of this process (one that is just ending) may add some.
        assert len(span.events) == 100 and span.n_dropped >= 1_900
        _, span = _native.call(specimens.chatters, (80_000, 0), None, False, 10**6, _native.CallClock(1))
        assert len(span.events) + span.n_dropped >= 160_000
        assert span.n_dropped > 0
        assert span.n_releases_by_function == 80_000


@pytest.mark.parametrize("depth", [32, 33])
def test_spans_when_nested_deeper_than_there_is_room_then_the_last_is_refused(depth):
    """It has a reason, and the other ones stay right."""
    verdicts = {}

    def nest(level):
        with check.span(f"level {level}") as span:
            nest(level + 1) if level < depth else specimens.holds(5 * MS)
        verdicts[level] = span.verdict

    nest(1)

    for level in range(1, 33):
        assert verdicts[level].instrument.grade == "exact"
        assert verdicts[level].longest_hold_ns >= 5 * MS * 9 // 10
    if depth > 32:
        assert "ledger-too-many-spans" in verdicts[33].reasons and verdicts[33].gil == "inconclusive"


def test_held_total_when_nothing_is_recorded_then_it_is_none():
    """It is that of the calling thread."""
    assert _native.held_total_ns() is None
    with exact_ledger():
        before = _native.held_total_ns()
        specimens.holds(5 * MS)
        assert _native.held_total_ns() - before >= 4 * MS
    assert _native.held_total_ns() is None


def test_span_when_recorded_then_its_parts_add_up():
    """Held, waiting, released and the instrument's own time are the whole span."""
    with exact_ledger():
        for fine in (True, False):
            _, span = _native.call(specimens.chatters, (100, 10_000), None, fine, 10**4, _native.CallClock(1))
            parts = span.held_ns + span.waiting_ns + span.instrument_ns
            assert 0 < parts < span.end_ns - span.start_ns
            assert span.end_ns - span.start_ns - parts >= 100 * 9_000
