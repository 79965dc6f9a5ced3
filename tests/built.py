"""Evidence built by hand, and strategies that build any, for tests of the pure stages."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from pytest_gilcheck.evidence import (
    Agreement,
    AttachedCall,
    Attachment,
    CallSpan,
    Claim,
    Difference,
    Estimate,
    GcPauses,
    GilEvent,
    GilTimeline,
    GilWaits,
    Instrument,
    Machine,
    Observation,
    OtherThread,
    Plan,
    Progress,
    Reason,
    RecordedCall,
    ReleaseCounts,
    Verdict,
)
from pytest_gilcheck.evidence.reason import SLUGS
from pytest_gilcheck.judge import judge
from pytest_gilcheck.report.sentences import with_text
from pytest_gilcheck.store.json_report import AgreementEntry, CheckEntry

MACHINE = Machine(
    python="3.12.1",
    implementation="CPython",
    build="main",
    platform="Linux",
    architecture="x86_64",
    cpu="a processor",
    n_cpus=2,
    n_cpus_present=2,
    cpu_quota=None,
    load_1min=0.5,
    gil="enabled",
    switch_interval_ns=5_000_000,
    clock_price_ns=25,
    clock_resolution_ns=1,
    gilcheck="0.1.0",
)

PLAN = Plan(
    looks=(1, 7, 21),
    solo_budget_ns=1_000_000_000,
    budget_ns=250_000_000,
    n_threads=2,
    waiter_gap_ns=1_000_000,
    n_waiter_calls=1,
    deadline_ns=60_000_000_000,
)

EXACT = Instrument("ledger", "exact")
BLIND = Instrument(
    "progress", "bounded", Reason.of("ledger-no-slot", text="the interpreter calls nothing through a slot")
)


def call(held_ns=0, free_ns=0, waiting_ns=0, *, start_ns=0, **more):
    """One call that held, was free and waited for so long; it let go once, unless said otherwise or nothing was free."""
    instrument_ns = more.get("instrument_ns", 0)
    values = {
        "start_ns": start_ns,
        "end_ns": start_ns + held_ns + free_ns + waiting_ns + instrument_ns,
        "held_ns": held_ns,
        "waiting_ns": waiting_ns,
        "longest_hold_ns": held_ns,
        "n_releases_by_function": 1 if free_ns else 0,
        "n_releases_by_interpreter": 0,
        "cpu_ns": held_ns + free_ns,
        "thread": 1,
    }
    return CallSpan(**(values | more))


def observation(*calls, **more):
    """An undisturbed observation of these calls."""
    values = {
        "name": "f",
        "claim": Claim(),
        "machine": MACHINE,
        "plan": PLAN,
        "instrument": EXACT,
        "pilot": calls[0] if calls else None,
        "calls": tuple(calls),
    }
    return Observation(**(values | more))


def verdict_on(observed: Observation) -> Verdict:
    """What the judge says of it, with its sentences."""
    return with_text(judge(observed), observed)


def shifted(span: CallSpan, by_ns: int, thread: int) -> CallSpan:
    """The same call at another time, in another thread."""
    return replace(span, start_ns=span.start_ns + by_ns, end_ns=span.end_ns + by_ns, thread=thread)


_ns = st.integers(0, 10**13)
_shares = st.floats(0, 1, allow_nan=False)
_figures = st.floats(0, 1e9)


@st.composite
def estimates(draw, numbers=_figures, *, quantity="value"):
    """A measured figure with its interval."""
    low, value, high = sorted(draw(st.lists(numbers, min_size=3, max_size=3)))
    return Estimate(value, low, high, quantity=quantity)


def _any_estimate(quantity):
    return st.one_of(estimates(quantity=quantity), st.builds(Estimate, quantity=st.just(quantity), why_not=st.text()))


# Counts, durations, loads: no record holds a negative number.
st.register_type_strategy(int, st.integers(0, 10**9))
st.register_type_strategy(float, st.floats(0, 1e9))

#: Names of values are unique, as keywords are.
_values = st.dictionaries(st.text(min_size=1), st.text() | _ns | _figures, max_size=3)
reasons = st.builds(
    Reason,
    st.text(min_size=1) | st.sampled_from(sorted(SLUGS)),
    _values.map(lambda values: tuple(values.items())),
    st.text(),
)
events = st.builds(
    GilEvent, _ns, st.sampled_from(["take", "release", "release_by_interpreter", "wait"]), st.integers(0, 3)
)
timelines = st.builds(GilTimeline, st.lists(events, max_size=6).map(tuple), st.integers(0, 5))
_maybe_ns = st.none() | _ns

call_spans = st.builds(
    CallSpan,
    **dict.fromkeys(("start_ns", "end_ns", "held_ns", "waiting_ns", "longest_hold_ns", "cpu_ns"), _ns),
    **dict.fromkeys(("instrument_ns", "workers_held_ns", "waiting_on_workers_ns", "process_cpu_ns"), _ns),
    **{
        name: st.integers(0, 10**6)
        for name in ("n_releases_by_function", "n_releases_by_interpreter", "n_workers", "thread")
    },
    **dict.fromkeys(("delay_ns", "held_delay_ns", "free_delay_ns"), _maybe_ns),
    unsplit_delay_ns=_maybe_ns,
    others=st.lists(st.builds(OtherThread), max_size=2).map(tuple),
    timeline=st.none() | timelines,
)

machines = st.builds(
    Machine,
    **{
        name: st.text()
        for name in ("python", "implementation", "build", "platform", "architecture", "cpu", "gil", "gilcheck")
    },
    cpu_quota=st.none() | _figures,
    load_1min=st.none() | _figures,
    neighbours=st.lists(st.text(), max_size=3).map(tuple),
)

claims = st.builds(
    Claim,
    gil=st.none() | st.sampled_from(["released", "held", "partial"]),
    **{name: st.none() | _shares for name in ("releases", "max_held_share", "min_speedup", "min_efficiency")},
    longest_hold_ns=_maybe_ns,
)

instruments = st.builds(Instrument, st.text(), st.sampled_from(["exact", "bounded", "none"]), st.none() | reasons)

recorded_calls = st.builds(RecordedCall, n_agreeing_attached=_figures, n_agreeing_detached=_figures)
attached_calls = st.builds(AttachedCall, n_effective=_figures, delay_ns=_maybe_ns, recorded=st.none() | recorded_calls)
attachments = st.builds(
    Attachment,
    not_recorded=st.none() | reasons,
    calls=st.lists(attached_calls, max_size=3).map(tuple),
    windows=st.lists(attached_calls, max_size=2).map(tuple),
    pauses=st.none() | st.builds(GcPauses),
)

observations = st.builds(
    Observation,
    name=st.text(),
    claim=claims,
    machine=machines,
    plan=st.builds(Plan, looks=st.lists(st.integers(1, 1000), min_size=1, max_size=4).map(tuple)),
    instrument=instruments,
    pilot=st.none() | call_spans,
    calls=st.lists(call_spans, max_size=3).map(tuple),
    gil_waits=st.none() | st.builds(GilWaits),
    progress=st.none() | st.builds(Progress),
    attachment=st.none() | attachments,
    notes=st.lists(reasons, max_size=2).map(tuple),
    agreement=st.sampled_from(["agree", "differ", "not_checked"]),
)

differences = st.builds(
    Difference,
    kind=st.sampled_from(["alone", "shared", "distinct", "mutates"]),
    **{name: st.text() for name in ("inputs", "expected", "got")},
    thread=st.none() | st.integers(0, 7),
    blob=st.none() | st.text(min_size=1),
)

agreements = st.builds(Agreement, name=st.text(), word=st.just("agree"), difference=st.none()) | st.builds(
    Agreement, name=st.text(), word=st.just("differ"), difference=differences
)

RACE = Agreement(
    "counter.add",
    "differ",
    n_examples=35,
    n_calls=1_240,
    n_threads=4,
    difference=Difference("shared", "(689,)", "689", "742", thread=2, n_differ=20, n_replays=20, blob="b'AEIBxA=='"),
)

verdicts = st.builds(
    Verdict,
    name=st.text(),
    gil=st.sampled_from(["released", "held", "partial", "not_applicable", "inconclusive"]),
    held_share=_any_estimate("held share"),
    n_calls=st.integers(0, 1000),
    span_ns=_maybe_ns,
    cpu_ns=_maybe_ns,
    longest_hold_ns=_maybe_ns,
    longest_wait_ns=_maybe_ns,
    n_releases=st.builds(ReleaseCounts, _figures, _figures),
    overlap=st.just("not_measured"),
    speedup=_any_estimate("speed-up"),
    efficiency=_any_estimate("efficiency"),
    agreement=st.sampled_from(["agree", "differ", "not_checked"]),
    claim_met=st.none() | st.booleans(),
    reasons=st.lists(st.text(), max_size=2).map(tuple),
    notes=st.lists(reasons, max_size=2).map(tuple),
    diagnosis=st.text(),
    timeline=st.text("HrwM?", max_size=48),
    attachment=st.sampled_from(["not_applicable", "detached", "partial", "attached", "inconclusive"]),
    attached_share=_any_estimate("attached share"),
    longest_pause_ns=_maybe_ns,
    traits=st.lists(st.sampled_from(["releases-often", "gives-way", "wait-is-felt"]), unique=True).map(tuple),
    machine=machines,
    instrument=instruments,
    result=st.none(),
)

_tests = st.none() | st.text(min_size=1)

entries = st.builds(
    lambda evidence, verdict, test, failed: CheckEntry(evidence.name, verdict, evidence, test, failed=failed),
    observations,
    verdicts,
    _tests,
    st.booleans(),
) | st.builds(AgreementEntry, agreements, _tests, failed=st.booleans())
