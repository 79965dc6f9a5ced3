"""The whole verdict, on built observations: words, reasons, figures, the timeline, the claim."""

from dataclasses import replace

import pytest
from built import BLIND, call, observation, observations, shifted
from hypothesis import assume, given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import (
    BusiestPlace,
    Claim,
    Estimate,
    GilEvent,
    GilTimeline,
    GilWaits,
    Inconclusive,
    Instrument,
    NotApplicable,
    Place,
    Places,
    Progress,
    Reason,
)
from pytest_gilcheck.judge import judge
from pytest_gilcheck.judge.claim import claim_met, limits_of
from pytest_gilcheck.judge.timeline import WIDTH, timeline_of

MS = 1_000_000
RELEASED = [call(1_000, 20 * MS)] * 7
HELD = [call(20 * MS)]
PARTIAL = [call(10 * MS, 10 * MS)] * 7


def progress(share, span_ns=20 * MS, held_ns=None):
    """A background thread that ran for this share of the calls, which held the GIL for `held_ns` meanwhile."""
    return Progress(
        n_calls=1, n_background_runs=10, background_ns=round(share * span_ns), span_ns=span_ns, held_ns=held_ns
    )


@pytest.mark.parametrize(("calls", "word"), [(RELEASED, "released"), (HELD, "held"), (PARTIAL, "partial")])
def test_plain_calls_get_their_word_and_no_reason(calls, word):
    """A clear case gets its word alone."""
    verdict = judge(observation(*calls))

    assert (verdict.gil, verdict.reasons, verdict.n_calls) == (word, (), len(calls))
    assert verdict.released is (word == "released")
    assert verdict.held is (word == "held")


@given(observations)
def test_any_observation_gets_a_verdict_and_the_same_one_twice(made):
    """Whatever was saved can be judged, and the judge has no memory."""
    first, second = judge(made), judge(made)

    assert first == second
    assert first.gil in ("released", "held", "partial", "inconclusive", "not_applicable")
    assert first.gil != "inconclusive" or first.reasons


@given(observations, st.integers(0, 10**12), st.integers(0, 10**9))
def test_verdict_does_not_depend_on_when_and_in_which_thread(made, by_ns, thread):
    """Invariant to time shift and thread renaming."""
    moved = replace(made, calls=tuple(shifted(one, by_ns, thread) for one in made.calls))

    assert judge(moved) == judge(made)


def test_without_any_call_it_is_inconclusive():
    """A check in which nothing came back decides nothing."""
    verdict = judge(observation())

    assert (verdict.gil, verdict.reasons) == ("inconclusive", ("not-measured",))
    with pytest.raises(Inconclusive, match="not-measured"):
        _ = verdict.released


@pytest.mark.parametrize(("span_ns", "reasons"), [(499, ("too-short",)), (500, ("small-input",))])
def test_a_call_of_few_clock_readings_is_too_short(span_ns, reasons):
    """The border is twenty prices of one reading."""
    assert judge(observation(call(span_ns))).reasons == reasons


@pytest.mark.parametrize(("span_ns", "reasons"), [(99_999, ("small-input",)), (100_000, ())])
def test_a_held_call_on_a_small_input_says_so(span_ns, reasons):
    """Some functions release from larger inputs on."""
    assert judge(observation(call(span_ns))).reasons == reasons


def test_a_released_call_on_a_small_input_is_no_size_trap():
    """It has released already."""
    assert judge(observation(*[call(100, 80_000)] * 30)).reasons == ()


def test_bounds_on_both_sides_of_a_border_are_borderline():
    """The word is not guessed."""
    verdict = judge(observation(*[call(held * 10_000, 20 * MS) for held in range(50, 150, 10)]))

    assert (verdict.gil, verdict.reasons) == ("inconclusive", ("borderline",))


def test_calls_that_were_all_descheduled_are_disturbed():
    """Where nobody tells what the delay fell on, a long one decides nothing."""
    verdict = judge(observation(*[call(10 * MS, 10 * MS, cpu_ns=MS, delay_ns=19 * MS)] * 7))

    assert (verdict.gil, verdict.reasons) == ("inconclusive", ("disturbed",))


def test_one_calm_call_among_disturbed_ones_decides():
    """The undisturbed are preferred."""
    disturbed = [call(10 * MS, 30 * MS, delay_ns=25 * MS)] * 6

    assert judge(observation(*disturbed, *PARTIAL)).gil == "partial"


def test_witnesses_that_cannot_both_be_true_are_named():
    """There is no majority vote."""
    verdict = judge(observation(*HELD, progress=progress(0.5, held_ns=19 * MS)))

    assert (verdict.gil, verdict.reasons) == ("inconclusive", ("witnesses-conflict",))
    assert dict(verdict.notes[0].values) == {"held_share": 0.95, "background_share": 0.5}


@pytest.mark.parametrize("share", [0.0, 0.05, 0.1])
def test_hold_when_the_background_thread_hardly_ran_then_it_is_not_contradicted(share):
    """Clocks are read one after the other."""
    assert judge(observation(*HELD, progress=progress(share, held_ns=20 * MS))).gil == "held"


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_hold_when_the_background_thread_outlasts_a_release_then_it_is_not_contradicted(share):
    """One release of 20 µs, and the background thread's phase lasts for 200 µs: the call takes longer, and holds for as long as alone."""
    span_ns = round(20 * MS / (1 - share))

    verdict = judge(observation(*HELD, progress=progress(share, span_ns, held_ns=20 * MS)))

    assert (verdict.gil, verdict.reasons) == ("held", ())


def test_hold_when_an_older_capture_lacks_the_held_time_then_nothing_is_contradicted():
    """It does not say for how long the same calls held."""
    assert judge(observation(*HELD, progress=progress(0.5))).gil == "held"


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_release_when_the_background_thread_did_not_run_then_it_is_not_contradicted(share):
    """It may have had no processor."""
    assert judge(observation(*RELEASED, progress=progress(share))).gil == "released"


@pytest.mark.parametrize(
    ("share", "word"), [(0.951, "released"), (0.949, "inconclusive"), (0.0, "inconclusive"), (1.2, "released")]
)
def test_progress_alone_proves_release_and_nothing_else(share, word):
    """Without a ledger, a background thread that ran nearly always proves a release; one that did not proves nothing."""
    verdict = judge(observation(instrument=BLIND, progress=progress(share)))

    assert verdict.gil == word
    assert "ledger-no-slot" in verdict.reasons
    assert ("progress-only" in verdict.reasons) is (word == "inconclusive")
    assert verdict.held_share.low == 0.0


def test_progress_beside_a_call_that_it_made_longer_is_no_share_of_the_call():
    """Alone it took 1 ms and held for half of it; the background thread made it wait for 19 ms more."""
    verdict = judge(observation(instrument=BLIND, pilot=call(MS), progress=progress(0.96)))

    assert (verdict.gil, verdict.held_share.high) == ("inconclusive", pytest.approx(0.8))


def test_without_ledger_and_background_thread_nothing_is_known():
    """The reason of the ledger's absence stays visible."""
    verdict = judge(observation(instrument=BLIND))

    assert (verdict.gil, verdict.reasons) == ("inconclusive", ("ledger-no-slot", "not-measured"))


def test_without_a_gil_release_is_not_applicable():
    """Neither true nor false."""
    verdict = judge(observation(instrument=Instrument("none", "none", Reason("no-gil"))))

    assert verdict.gil == "not_applicable"
    for attribute in ("released", "held"):
        with pytest.raises(NotApplicable, match="no-gil"):
            getattr(verdict, attribute)


def test_the_callees_own_threads_are_a_reason():
    """What they hold counts as held by the call, and the verdict says so."""
    made = call(0, 2 * MS, 18 * MS, workers_held_ns=18 * MS, waiting_on_workers_ns=18 * MS, n_workers=2)

    verdict = judge(observation(*[made] * 7))

    assert (verdict.gil, verdict.reasons) == ("partial", ("own-threads-attach",))


def test_notes_of_the_observation_stay_and_are_counted_once():
    """A neighbour is a reason; a slug stands once."""
    verdict = judge(observation(*HELD, notes=(Reason("tracer"), Reason("tracer", detail="again"))))

    assert verdict.reasons == ("tracer",)
    assert len(verdict.notes) == 2


def test_figures_are_those_of_the_typical_call():
    """The median of each."""
    made = [call(held, 20 * MS, n_releases_by_function=n, cpu_ns=n) for n, held in ((1, 10), (2, 20), (9, 90))]

    verdict = judge(observation(*made, gil_waits=GilWaits(4, 40, 12, 0, 8)))

    assert (verdict.longest_hold_ns, verdict.cpu_ns, verdict.longest_wait_ns) == (20, 2, 12)
    assert (verdict.n_releases.by_function, verdict.n_releases.by_interpreter) == (2, 2)


def test_overlap_that_was_not_measured_is_neither_true_nor_false():
    """An undecided value raises."""
    verdict = judge(observation(*RELEASED))

    with pytest.raises(Inconclusive, match="not measured"):
        _ = verdict.overlaps
    with pytest.raises(Inconclusive, match="not measured"):
        _ = verdict.speedup > 1.5


def timeline(*events, n_dropped=0):
    """Of (at, kind, thread)."""
    return GilTimeline(tuple(GilEvent(*event) for event in events), n_dropped)


def test_timeline_draws_a_slice_for_each_part():
    """Held, then released, then waiting, then held."""
    made = call(50, 30, 20, timeline=timeline((25, "release", 0), (55, "wait", 0), (75, "take", 0)))

    assert timeline_of(made, 4) == "HrmH"
    assert timeline_of(made, 20) == "H" * 5 + "r" * 6 + "w" * 4 + "H" * 5


def test_timeline_of_a_cut_record_ends_in_question_marks():
    """What is not known is not drawn."""
    made = call(50, 50, timeline=timeline((50, "release", 0), n_dropped=3))

    assert timeline_of(made, 4) == "HH??"


def test_timeline_shows_what_own_threads_hold_as_held():
    """As the share counts it."""
    events = ((0, "release", 0), (50, "take", 1), (100, "release", 1))

    assert timeline_of(call(0, 100, n_workers=1, timeline=timeline(*events)), 2) == "rH"
    assert timeline_of(call(0, 100, n_workers=0, timeline=timeline(*events)), 2) == "rr"


def test_timeline_goes_on_with_a_hold_that_another_thread_waits_for():
    """Two threads of the callee's own, one after the other."""
    events = (
        (0, "release", 0),
        (0, "take", 1),
        (10, "wait", 2),
        (50, "release", 1),
        (50, "take", 2),
        (100, "release", 2),
    )

    assert timeline_of(call(0, 100, n_workers=2, timeline=timeline(*events)), 4) == "HHHH"


@pytest.mark.parametrize(
    ("made", "waited_ns", "caused_ns"),
    [
        (call(124), 33_000, 124),
        (call(20 * MS), 19 * MS, 19 * MS),
        (call(2_000, 500_000), 38_800, 2_000),
        (call(10 * MS, 90 * MS, n_releases_by_function=4_000), 25 * MS, 25 * MS),
        (call(10 * MS, 10 * MS, n_releases_by_function=4_000), 25 * MS, 20 * MS),
    ],
)
def test_a_wait_is_no_longer_than_the_call_keeps_the_gil(made, waited_ns, caused_ns):
    """The wake-up of the waiter is not the callee's doing; who releases it thousands of times lets nobody in."""
    assert judge(observation(*[made] * 7, gil_waits=GilWaits(9, 9, waited_ns, 0, 0))).longest_wait_ns == caused_ns


def test_a_native_call_whose_processor_was_shared_does_not_give_way():
    """It released the GIL once, on its way out: 87.7 ms alone, of which it ran for 44.6; 43.2 ms beside the waiter."""
    shared = call(88 * MS, cpu_ns=45 * MS, n_releases_by_function=0)

    assert "gives-way" not in judge(observation(shared, gil_waits=GilWaits(1, 9, 43 * MS, 0, 1))).traits
    assert "gives-way" in judge(observation(shared, gil_waits=GilWaits(1, 9, 6 * MS, 0, 7))).traits


@pytest.mark.parametrize("busiest", [None, BusiestPlace((Place("test_it.py", 4, "test_it"),), None, 0.99)])
def test_a_call_in_native_code_does_not_give_way_on_its_way_out(busiest):
    """The waiter asked for the second half of 12.5 ms alone, and Python code was said to give way in between."""
    waits = GilWaits(1, 9, 6 * MS, 0, 1)
    made = observation(call(12 * MS, n_releases_by_function=0), gil_waits=waits, places=Places(busiest=busiest))

    assert "gives-way" in judge(replace(made, places=None)).traits
    assert "gives-way" not in judge(made).traits
    assert "gives-way" in judge(replace(made, gil_waits=replace(waits, n_releases_by_interpreter=2))).traits
    if busiest is not None:
        in_python = replace(made, places=Places(busiest=replace(busiest, is_python=True)))
        assert "gives-way" in judge(in_python).traits


def test_the_timeline_is_that_of_a_typical_call():
    """The first one is cold: it drew 600 ns as held where the longest hold was 216 ns."""
    cold = call(600, 400, longest_hold_ns=600, timeline=timeline((600, "release", 0)))
    warm = call(200, 800, longest_hold_ns=200, timeline=timeline((200, "release", 0)))

    assert judge(observation(cold, *[warm] * 6)).timeline == timeline_of(warm)
    assert judge(observation(cold, *[replace(warm, timeline=None)] * 6)).timeline == ""
    assert judge(observation(cold)).timeline == timeline_of(cold)


def test_a_slice_is_held_only_if_it_is_held_throughout():
    """Nine short releases are nine holds, and no long one."""
    events = [(at + part, kind, 0) for at in range(100, 1000, 100) for part, kind in ((0, "release"), (1, "take"))]

    assert timeline_of(call(991, 9, timeline=timeline(*events)), 10) == "H" + "m" * 9


def test_timeline_when_nothing_was_recorded_then_it_is_empty():
    """Nothing is drawn."""
    assert timeline_of(None) == timeline_of(call(10)) == timeline_of(call(timeline=timeline())) == ""


@given(
    st.lists(
        st.tuples(
            st.integers(0, 1000),
            st.sampled_from(["take", "release", "wait", "release_by_interpreter"]),
            st.integers(0, 2),
        ),
        max_size=30,
    )
)
def test_timeline_of_any_record_has_its_width(events):
    """One line, whatever happened."""
    made = call(600, 400, n_workers=1, timeline=timeline(*sorted(events)))

    assert len(timeline_of(made)) == WIDTH
    assert set(timeline_of(made)) <= set("HrwmM?")


def estimate(low, high):
    """An interval."""
    return Estimate((low + high) / 2, low, high)


@pytest.mark.parametrize(
    ("claim", "gil", "share", "met"),
    [
        (Claim(), "released", estimate(0, 0.01), None),
        (Claim(gil="released"), "released", estimate(0, 0.01), True),
        (Claim(gil="held"), "released", estimate(0, 0.01), False),
        (Claim(gil="held"), "inconclusive", estimate(0, 1), None),
        (Claim(gil="held"), "not_applicable", Estimate(), None),
        (Claim(releases=0.9), "partial", estimate(0.09, 0.1), True),
        (Claim(releases=0.9), "partial", estimate(0.09, 0.11), None),
        (Claim(releases=0.9), "partial", estimate(0.11, 0.12), False),
        (Claim(max_held_share=0.1), "partial", estimate(0.11, 0.12), False),
        (Claim(max_held_share=0.1), "partial", Estimate(), None),
        (Claim(longest_hold_ns=1_000), "held", estimate(1, 1), True),
        (Claim(longest_hold_ns=999), "held", estimate(1, 1), False),
        (Claim(gil="released", max_held_share=0.001), "released", estimate(0.01, 0.02), False),
        (Claim(gil="released", min_speedup=1.5), "released", estimate(0, 0.01), None),
        (Claim(gil="held", min_speedup=1.5), "released", estimate(0, 0.01), False),
    ],
)
def test_claim_is_met_failed_or_inconclusive(claim, gil, share, met):
    """One part not met fails the whole; one that is inconclusive leaves it inconclusive."""
    found = {
        "gil": gil,
        "held_share": share,
        "longest_hold_ns": Estimate(1_000, 1_000, 1_000),
        "speedup": Estimate(),
        "efficiency": Estimate(),
    }
    limits = limits_of(claim, found, machine_may_fall_short=True)

    assert claim_met(limits) is met


def test_a_claim_moves_no_border():
    """The word is the same whatever is claimed."""
    for claim in (Claim(), Claim(releases=0.99), Claim(gil="held"), Claim(max_held_share=0.0)):
        assert judge(observation(*PARTIAL, claim=claim)).gil == "partial"


def test_a_claim_of_the_longest_hold_needs_the_ledger():
    """Without one it is inconclusive, not met."""
    made = observation(instrument=BLIND, progress=progress(0.99), claim=Claim(longest_hold_ns=10**9))

    assert judge(made).claim_met is None


def test_ledger_when_it_alone_is_asked_and_is_unavailable_then_nobody_else_decides():
    """Its reason comes first; a background thread that would have decided is not heard."""
    alone = Instrument("ledger", "none", BLIND.unavailable)

    verdict = judge(observation(instrument=alone, progress=progress(0.99)))

    assert (verdict.gil, verdict.reasons) == ("inconclusive", ("ledger-no-slot", "ledger-required"))
    assert not verdict.held_share.measured
    assert verdict.held_share.why_not == "ledger-required"
    with pytest.raises(Inconclusive, match="ledger-no-slot"):
        _ = verdict.released


def test_progress_when_the_first_call_was_slow_then_shorter_calls_alone_bound_the_share():
    """Of 100 calls of 1 ms, half held, beside phases of 20 ms: 95 % of their time is waiting for the background thread."""
    seen = Progress(n_calls=100, n_background_runs=100, background_ns=1950 * MS, span_ns=2000 * MS, alone_ns=MS)

    verdict = judge(observation(instrument=BLIND, pilot=call(50 * MS), progress=seen))

    assert verdict.gil == "inconclusive"
    assert verdict.held_share.high == 0.5


@given(
    parts=st.lists(st.tuples(st.integers(0, 3 * MS), st.integers(0, 3 * MS)), min_size=1, max_size=12),
    run_ns=st.sampled_from([200_000, 4 * MS]),
    nap_ns=st.integers(1_000, 500_000),
    phase_ns=st.integers(0, 5 * MS),
    cold=st.integers(1, 50),
)
def test_progress_when_a_call_is_simulated_beside_a_background_thread_then_the_upper_bound_holds(
    parts, run_ns, nap_ns, phase_ns, cold
):
    """Whatever the phases and the naps, however slow the first call: a call never looks more released than it is."""
    held_ns, alone_ns = sum(held for held, _ in parts), sum(held + free for held, free in parts)
    assume(alone_ns)
    now, background_ns, runs_until, may_run_at = 0, 0, 0, phase_ns
    for held, free in parts:
        start = max(now, runs_until)  # the call takes the GIL when the background thread lets go of it
        background_ns += max(0, runs_until - now)
        may_run_at = max(may_run_at, start + held)
        now = start + held
        while may_run_at < now + free:
            runs_until = may_run_at + run_ns
            background_ns += min(runs_until, now + free) - may_run_at
            may_run_at = runs_until + nap_ns
        now += free
    background_ns += max(0, runs_until - now)
    seen = Progress(1, 1, background_ns, max(now, runs_until), alone_ns=alone_ns)

    verdict = judge(observation(instrument=BLIND, pilot=call(cold * alone_ns), progress=seen))

    assert verdict.held_share.high >= held_ns / alone_ns - 1e-9
    assert verdict.gil == "inconclusive" or held_ns <= 0.05 * alone_ns
