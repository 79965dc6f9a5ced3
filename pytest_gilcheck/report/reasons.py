"""What a reason says: its slug and its values in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pytest_gilcheck.evidence import Estimate
from pytest_gilcheck.report.figures import counted, duration, percent, quantity

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import Reason


def detail(reason: Reason) -> str:
    """Return the values of a reason in a sentence.

    Args:
        reason: A reason with values, or one of an older report with its sentence.

    Returns:
        The sentence; empty where the slug alone says everything. The values as they are where this version knows no
        sentence for them.
    """
    if reason.detail:
        return reason.detail
    if reason.slug in _CONSTANT:
        return _CONSTANT[reason.slug]
    values = dict(reason.values)
    if not values:
        return ""
    if "text" in values:
        return str(values["text"])
    try:
        return _SENTENCES[reason.slug](values)
    except (KeyError, TypeError, ValueError):  # values of another version
        return ", ".join(f"{name} {value}" for name, value in values.items())


def estimate_in(values: Mapping[str, Any], name: str, quantity: str) -> Estimate:
    """Return the estimate that `Reason.of` took apart."""
    return Estimate(values.get(name), values.get(f"{name}_low"), values.get(f"{name}_high"), quantity=quantity)


def _speedup(values: Mapping[str, Any]) -> Estimate:
    return estimate_in(values, "speedup", "speed-up")


def _together(values: Mapping[str, Any]) -> Estimate:
    return estimate_in(values, "together", "speed-up on free cores")


def _released_control(values: Mapping[str, Any]) -> Estimate:
    return estimate_in(values, "released_control", "speed-up of the released control")


def _not_measured(values: Mapping[str, Any]) -> str:
    return WHY_NOT[values["why"]]


def _budget_too_small(values: Mapping[str, Any]) -> str:
    span, budget = duration(values["span_ns"]), duration(values["budget_ns"])
    return (
        f"no round of {values['n_threads']} threads with calls of {span} fits into {budget}: "
        f"use a smaller input or pass budget={_more_than(values['budget_ns'])}"
    )


def _more_than(budget_ns: int) -> str:
    return f'"{max(1, round(2 * budget_ns / 1e9))}s"'


def _borderline(values: Mapping[str, Any]) -> str:
    share = estimate_in(values, "held_share", "held share")
    n_calls = counted(values["n_calls"], "call")
    released, held = values["released_most_share"], values["held_least_share"]
    nearest = min((released, held), key=lambda border: abs(border - (share.value or 0.0)))
    word = "released" if nearest == released else "held"
    return (
        f"after {n_calls} the held share is too close to the threshold of {word} ({nearest * 100:g} %), or calls differ too much: "
        "give the check more calls (time_limit=)"
    )


def _own_threads_attach(values: Mapping[str, Any]) -> str:
    n = values["n_threads"]
    return f"{n} thread{'' if n == 1 else 's'} of the callee's own took the GIL; what was held there counts as held by the call"


def _no_spare_cores(values: Mapping[str, Any]) -> str:
    if "n_rounds" in values:
        return (
            "the call waits for threads or processes whose time off the processor nobody accounts for, and others used "
            f'this machine in some of {counted(values["n_rounds"], "round")}: free a core or pass budget="1s"'
        )
    held = estimate_in(values, "held_control", "speed-up of the held control")
    return (
        f"this machine is too busy to judge overlap ({quantity(_released_control(values))}, {quantity(held)}); free a core or "
        'pass budget="1s"'
    )


def _overlap_borderline(values: Mapping[str, Any]) -> str:
    if "border" in values:
        n_rounds = counted(values["n_rounds"], "round")
        return (
            f"after {n_rounds} the {quantity(_speedup(values))} is too close to the threshold of {values['border']:g}x; "
            'pass budget="1s"'
        )
    return (
        f"the {quantity(_speedup(values))} is no clear result, because a control that releases the GIL reached only a "
        f"{quantity(_released_control(values))} here: use a machine with a whole core for each thread"
    )


def _time_limit(values: Mapping[str, Any]) -> str:
    limit = duration(values["limit_ns"])
    if not values["call_ns"]:
        return f"left out: {values['stage']}, which would wait for other threads of this process that keep the GIL busy"
    return (
        f"left out: {values['stage']}. A call takes {duration(values['call_ns'])} here, and the check may take {limit} "
        "(time_limit= or --gilcheck-time-limit)"
    )


def _rarely_together(values: Mapping[str, Any]) -> str:
    slice_ = (
        f"a call takes {duration(values['span_ns'])}, longer than the scheduler lets it run at a time; "
        if values["span_ns"] > values["slice_ns"]
        else ""
    )
    return (
        f"beside other processes {slice_}the calls ran together for {duration(values['together_ns'])} in "
        f"{counted(values['n_rounds'], 'round')}, too little to decide ({duration(values['least_ns'])} would): free a core, or give "
        "the rounds more time (budget=)"
    )


def _too_short_to_overlap(values: Mapping[str, Any]) -> str:
    return (
        f"calls of {duration(values['control_ns'])} are as short as one switch between threads: a control that releases the GIL "
        f"came out at a {quantity(_released_control(values))}. Give the call more to do."
    )


def _witnesses_conflict(values: Mapping[str, Any]) -> str:
    if "together" in values and "speedup" in values:
        return f"wall clock against what calls lost together: {_speedup(values)}, {_together(values)}"
    if "together" in values:
        return (
            f"what calls lost together against ledger: {_together(values)}, yet a held share of {values['held_share']:.3f} "
            f"allows {values['most_speedup']:.2f}"
        )
    if "background_share" in values:
        return (
            f"ledger against progress: the GIL was held for {percent(values['held_share'])} of the call, "
            f"yet a background thread ran for {percent(values['background_share'])} of it"
        )
    return (
        f"wall clock against ledger: {quantity(_speedup(values))}, yet two threads were not waiting for the GIL for only "
        f"{percent(values['both_not_waiting_share'])} of the time, which allows {values['most_speedup']:.2f}"
    )


def _held_tail(values: Mapping[str, Any]) -> str:
    sentence = f"Threads waited for the GIL for {_lost(values)}, because calls hold it in part."
    if "held_share" in values:
        share = percent(values["held_share"])
        sentence += f" The held share of {share} allows at most {values['most_speedup']:.2f} (Amdahl)."
    return sentence


def _own_thread_pool(values: Mapping[str, Any]) -> str:
    threads = "it brings threads of its own, and more callers only share them."
    if "n_ready" in values:
        return f"One call alone has {values['n_ready']:.1f} threads that run or are ready to: {threads}"
    return f"One call alone already uses {values['cores_used']:.1f} cores: {threads}"


def _lost(values: Mapping[str, Any]) -> str:
    if "least_lost_share" in values:
        return f"at least {percent(values['least_lost_share'])} of their time"
    return f"{percent(values['lost_share'])} of their time"


#: Slugs of reasons that explain why calls overlap less than they could.
CAUSES = frozenset(
    {
        "chatter",
        "held-tail",
        "inner-lock",
        "memory-bandwidth",
        "own-thread-pool",
        "serialised-by-gil",
        "shortfall-unexplained",
        "too-few-cores",
        "uneven-threads",
    }
)


def _attachment_borderline(values: Mapping[str, Any]) -> str:
    share = estimate_in(values, "attached_share", "attached share")
    n_samples, remedy = counted(values["n_samples"], "sample"), "give the check more calls (time_limit=)"
    if values["unsampled_share"] > _FELT_UNSAMPLED_SHARE:
        off = percent(values["unsampled_share"])
        remedy = f"the sampling thread was kept off the processor for {off} of the calls. Free a core, or {remedy}"
    return f"{n_samples} leave the {quantity(share)} on both sides of a threshold (5 % or 95 %): {remedy}"


def _attachment_not_recorded(values: Mapping[str, Any]) -> str:
    if "n_contradicting" in values:
        n_samples = counted(values["n_compared"], "sample")
        return (
            f"{values['n_contradicting']:,} of {n_samples} contradict the record of who is attached: the interpreter detaches the "
            "thread by itself (around a system call, or for a lock), or a module that cannot be watched does. The samples decide"
        )
    n_calls = counted(values["n_calls"], "call")
    return (
        f"the record of {values['n_missing']} of {n_calls} is not complete: it was full, or the system does not report how long a "
        "thread is kept off the processor. The samples decide"
    )


#: From here on a reader is told that the sampling thread did not run.
_FELT_UNSAMPLED_SHARE = 0.02


#: Why a figure was not measured, where no reason of the verdict says it.
WHY_NOT = {
    "no-call-returned": "no call came back",
    "has-gil": "this interpreter has a GIL",
    "no-calls": "no call was recorded",
    "no-record-and-no-progress": "no exact record, and no background thread ran",
    "no-rounds": "no wall-clock rounds were run",
    "no-samples": "nothing was sampled",
    "no-stamps": "single calls of the rounds have no accounts",
}

#: Sentences that need no value.
_CONSTANT = {
    "one-cpu": "this process may use one core only (affinity or control group), where nothing can run at once; the GIL verdict stands",
    "one-thread": "one thread competes with nobody: ask for two or more (threads=)",
    "greenlets": "greenlets switch stacks in this process: no stack is read, and no line named",
    "ledger-not-asked": "the ledger was not asked: the progress witness alone is to answer (instrument, --gilcheck-instrument)",
    "no-schedstat": "the system does not report how long a thread was ready and not running: the bounds allow for all of it",
    "sleep-varies": "the call sleeps, sometimes for longer: it may wait for a thread or process that was kept off the processor",
    "shortfall-unexplained": "No loss stands out: nothing in the record explains it.",
    "sleeps-in-part": "the call sleeps for a part of its time: beside other processes its threads compute in turns, and do not meet",
}

#: Slug -> sentence of its values.
_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "attachment-borderline": _attachment_borderline,
    "attachment-not-recorded": _attachment_not_recorded,
    "borderline": _borderline,
    "budget-too-small": _budget_too_small,
    "chatter": lambda v: (
        f"Each call releases the GIL {v['n_releases']:,.0f} times. Releasing and taking it costs more than the work in between: do more work each time."
    ),
    "clock-coarse": lambda v: (
        f"the call took {v['span_ns']} ns, and this machine's clock steps by {v['resolution_ns']} ns"
    ),
    "disturbed": lambda v: (
        f"all {v['n_calls']} calls were kept off the processor for long: free a processor, or give the check more calls (time_limit=)"
        if v["n_calls"] > 1
        else "the call was kept off the processor for long: free a processor, or give the check more calls (time_limit=)"
    ),
    "events-dropped": lambda v: f"{v['n_dropped']} events did not fit: the timeline is cut, sums are exact",
    "gil-switched-on": lambda v: (
        f"this is a free-threaded build, and its GIL is switched on by {v['by']}: the verdict is that of a build with a GIL"
    ),
    "held-tail": _held_tail,
    "inner-lock": lambda v: (
        f"The GIL is released, yet threads slept for {_lost(v)}, which a single thread does not: they wait for a lock inside "
        "the callee, or for a worker thread that they share."
    ),
    "memory-bandwidth": lambda v: (
        f"The same calls need more processor time in competing threads ({_lost(v)}): they share memory bandwidth or "
        "caches, the two halves of one core, or spin on a lock."
    ),
    "ledger-required": lambda v: (
        f"the ledger alone is to answer (instrument, --gilcheck-instrument), and it is unavailable: {v.get('why_text') or v['why']}"
    ),
    "no-spare-cores": _no_spare_cores,
    "not-measured": _not_measured,
    "longer-than-a-slice": _rarely_together,
    "other-threads-work": lambda v: (
        f"threads of this process that the check does not follow used {percent(v['others_share'])} as much processor time as those "
        "that made the calls: whether these ran together says little"
    ),
    "overlap-borderline": _overlap_borderline,
    "own-thread-pool": _own_thread_pool,
    "own-threads-attached": lambda v: (
        f"{counted(v['n_threads'], 'thread')} of the callee's own attached to the interpreter within the calls; that counts as "
        "attached by the call"
    ),
    "own-threads-attach": _own_threads_attach,
    "progress-only": lambda v: (
        f"the progress of a background thread proves a release for {percent(v['background_share'])} of the call only, and nothing for the rest"
    ),
    "rarely-together": _rarely_together,
    "result-not-sent": lambda v: f"what the call returned cannot leave the child process: {v['error']}",
    "serialised-by-gil": lambda v: (
        "The GIL is held, so that one thread runs at a time: threads spent "
        f"{percent(v['waiting_share'])} of their time waiting for it."
    ),
    "small-input": lambda v: (
        f"{duration(v['span_ns'])} only: some functions release from larger inputs on (hashlib from 2048 bytes)"
    ),
    "sleeps-while-holding": lambda v: (
        f"The call holds the GIL and sleeps for {percent(v['asleep_share'])} of its time ({duration(v['asleep_ns'])}): it reads, "
        "writes or waits for a lock there. Release the GIL around that."
    ),
    "stolen-time": lambda v: (
        f"the host or a quota took the processors away for up to {percent(v['stolen_share'])} of the calls: the bounds allow for it"
    ),
    "time-limit": _time_limit,
    "too-few-cores": lambda v: (
        f"Threads were ready and did not run for {_lost(v)}: {v['n_threads']} threads are more than the cores they got."
    ),
    "too-short": lambda v: (
        f"the call took {duration(v['span_ns'])}; a share means something from {duration(v['shortest_ns'])} on: give it more to do"
    ),
    "too-short-to-overlap": _too_short_to_overlap,
    "uneven-threads": lambda v: f"Some threads were done early ({_lost(v)}): their calls differ in length.",
    "where-failed": lambda v: f"the diagnosing pass raised {v['error_type']}: {v['error']}",
    "whose-attachment": lambda v: (
        f"{counted(v['n_threads'], 'other thread')} attached to the interpreter within the calls: the attached share is "
        f"{percent(v['least_share'])} if none of them works for the call, and {percent(v['most_share'])} if all do. Stop what runs beside "
        "the check, or give it more calls (time_limit=)"
    ),
    "whose-hold": lambda v: (
        f"{v['n_threads']} other thread{'' if v['n_threads'] == 1 else 's'} held the GIL within the calls: the held share is "
        f"{percent(v['least_share'])} if none of them works for the call, and {percent(v['most_share'])} if all do. Stop what runs beside the "
        "check, or give it more calls (time_limit=)"
    ),
    "witnesses-conflict": _witnesses_conflict,
    "xdist-neighbours": lambda v: (
        f"the check waited {duration(v['waited_ns'])} for tests of other workers; they went on while wall time was measured"
    ),
}
