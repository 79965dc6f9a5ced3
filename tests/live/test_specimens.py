"""Every specimen gets its word, or none."""

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
    """A busy machine may leave it open."""
    assert verdict.instrument.grade == "exact", verdict.notes
    assert verdict.gil in (word, "inconclusive"), (verdict.held_share, verdict.notes)
    if verdict.gil == "inconclusive":
        assert verdict.reasons


@pytest.mark.parametrize("name", SPECIMENS)
def test_specimen_gets_its_word_or_none(name):
    """Never another one."""
    function, arguments, word = SPECIMENS[name]

    never_wrong(check.options(budget="1ms")(function, *arguments), word)


@pytest.mark.parametrize("interval", [1e-6, 1e-4, 0.5, 100.0])
@pytest.mark.parametrize("name", ["holds 20 ms", "releases 20 ms", "half and half", "yields"])
def test_any_switch_interval_will_do(name, interval):
    """The shape of the GIL is looked for with the interval as it is now, and it is left as it was."""
    function, arguments, word = SPECIMENS[name]
    before = sys.getswitchinterval()
    sys.setswitchinterval(interval)
    try:
        never_wrong(check.options(overlap=False)(function, *arguments), word)
        assert sys.getswitchinterval() == pytest.approx(interval)
    finally:
        sys.setswitchinterval(before)


def test_processor_time_and_longest_hold_follow_the_construction():
    """A specimen works for so much processor time, whatever the wall clock says."""
    verdict = check.options(overlap=False)(specimens.releases_then_holds, 10 * MS, 20 * MS)

    assert verdict.cpu_ns >= 29 * MS
    assert verdict.longest_hold_ns >= 19 * MS
    assert verdict.n_releases.by_function == 1


def test_hand_overs_are_counted_one_by_one():
    """Each of a chatterer's."""
    assert check.options(overlap=False)(specimens.chatters, 321, 0).n_releases.by_function == 321


def test_giving_way_on_request_is_told_from_letting_go():
    """Python code gives way, native code lets go or does neither."""
    yields = check.options(overlap=False)(specimens.yields, 60 * MS).n_releases
    chatters = check.options(overlap=False)(specimens.chatters, 1000, 20_000).n_releases
    holds = check.options(overlap=False)(specimens.holds, 60 * MS).n_releases

    assert yields.n_releases_by_function == 0 and yields.n_releases_by_interpreter >= 1
    assert chatters.n_releases_by_interpreter == 0
    assert (holds.n_releases_by_function, holds.n_releases_by_interpreter) == (0, 0)


def test_the_longest_wait_follows_what_the_call_does_to_others():
    """A hold keeps others waiting, a release does not: compared with each other, not with a clock."""
    holds = check.options(overlap=False)(specimens.holds, 50 * MS)
    releases = check.options(overlap=False)(specimens.releases, 50 * MS)

    assert holds.longest_wait_ns > releases.longest_wait_ns


def test_what_the_result_does_when_it_dies_is_not_the_calls():
    """The span ends before."""

    class HoldsAtItsEnd:
        def __del__(self):
            specimens.holds(20 * MS)

    def releases_and_makes():
        specimens.releases(5 * MS)
        return HoldsAtItsEnd()

    never_wrong(check.options(overlap=False)(releases_and_makes), "released")


def test_hooks_go_in_with_the_first_and_out_with_the_last():
    """Nested, and in any order of closing."""
    assert not _native.ledger_is_recording()
    first, second = exact_ledger(), exact_ledger()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert _native.ledger_is_recording()
    second.__exit__(None, None, None)
    assert not _native.ledger_is_recording()


def test_a_check_inside_of_a_check_measures_its_own():
    """The inner one holds, the outer one holds too, for it waits for its crew with the GIL released."""
    inner = []

    def outer():
        inner.append(check.options(overlap=False)(specimens.holds, 5 * MS))

    check.options(overlap=False, deadline=60)(outer)

    assert inner
    for verdict in inner:
        never_wrong(verdict, "held")


def test_checks_of_several_threads_at_once_are_each_right():
    """Waiting for each other dilutes nothing."""
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


def test_hundreds_of_threads_of_the_callee_are_followed():
    """Also more than one recording would have room for, one after the other."""

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


def test_a_full_list_of_events_hides_no_thread_of_the_callee():
    """An outer ledger stays open while many hand-overs go by: own threads still count as held."""
    with exact_ledger():
        with exact_ledger():
            _native.call(specimens.chatters, (80_000, 0), None, False, 10)
        never_wrong(check.options(overlap=False)(specimens.spawns, 2, 10 * MS), "held")


def test_events_that_do_not_fit_are_counted():
    """So that a picture says where it ends."""
    with exact_ledger():
        _, span = _native.call(specimens.chatters, (1_000, 0), None, False, 100)
        # Other threads of this process (one that is just ending) may add some.
        assert len(span.events) == 100 and span.n_dropped >= 1_900
        _, span = _native.call(specimens.chatters, (80_000, 0), None, False, 10**6)
        assert len(span.events) + span.n_dropped >= 160_000
        assert span.n_dropped > 0
        assert span.n_releases_by_function == 80_000


@pytest.mark.parametrize("depth", [8, 9])
def test_spans_nest_to_depth_eight(depth):
    """Deeper ones are refused with their reason, and the others stay right."""
    verdicts = {}

    def nest(level):
        with check.span(f"level {level}") as span:
            nest(level + 1) if level < depth else specimens.holds(5 * MS)
        verdicts[level] = span.verdict

    nest(1)

    for level in range(1, 9):
        assert verdicts[level].instrument.grade == "exact"
        assert verdicts[level].longest_hold_ns >= 5 * MS * 9 // 10
    if depth == 9:
        assert "ledger-too-deep" in verdicts[9].reasons and verdicts[9].gil == "inconclusive"


def test_running_total_is_there_while_recording_only():
    """Of the calling thread."""
    assert _native.held_total_ns() is None
    with exact_ledger():
        before = _native.held_total_ns()
        specimens.holds(5 * MS)
        assert _native.held_total_ns() - before >= 4 * MS
    assert _native.held_total_ns() is None


def test_parts_of_a_span_add_up():
    """Holding, waiting, released and the instrument's own are the whole."""
    with exact_ledger():
        for fine in (True, False):
            _, span = _native.call(specimens.chatters, (100, 10_000), None, fine, 10**4)
            parts = span.held_ns + span.waiting_ns + span.instrument_ns
            assert 0 < parts < span.end_ns - span.start_ns
            assert span.end_ns - span.start_ns - parts >= 100 * 9_000
