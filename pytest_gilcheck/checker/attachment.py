"""Measures whether a call detaches its thread, where there is no GIL, and for how long it keeps others waiting."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Attachment, Instrument, Reason
from pytest_gilcheck.evidence.errors import is_hidden
from pytest_gilcheck.judge import (
    ENOUGH_BATCHES,
    attachment_witness,
    decides_attachment,
    knows_attached_share,
    others_attach,
)
from pytest_gilcheck.observe import (
    WatchedAttachment,
    attached_calls,
    garbage_collector,
    pauses_beside_calls,
    state_of_this_thread,
    watched_attachment,
    why_not_recorded,
)
from pytest_gilcheck.status import events

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_gilcheck.checker.stages import Stages
    from pytest_gilcheck.evidence import CallSpan, GcPauses, Plan
    from pytest_gilcheck.run import SoloRun

__tracebackhide__ = is_hidden

#: So many calls are made at least: one call alone may be a cold one.
_FEWEST_CALLS = 7

#: So many calls are made beside the collecting thread at least: beside a load it does not begin in each of them.
_FEWEST_BESIDE = 5

#: Collections without the call beside them are made for so long.
_ALONE_NS = 20_000_000
#: Where a collection alone takes longer, none is made beside the call: it would be measured, not the call.
_LONGEST_ALONE_NS = 100_000_000


def measure_attachment(stages: Stages, plan: Plan) -> Attachment | Reason:
    """Make single calls in a thread that is watched until they decide, then some beside a collecting one.

    Args:
        stages: Stages of the check.
        plan: Its plan.

    Returns:
        What was sampled and recorded, or the reason why nothing could be.
    """
    attachment = Attachment(())
    # A thread that was preempted before it waits is attached for as long: on a busy machine for all of the first calls.
    idle = stages.competing.run([state_of_this_thread] * len(stages.competing), stages.deadline)[1:]
    waiting = [*state_of_this_thread(), *(state for states in idle if isinstance(states, tuple) for state in states)]
    left_ns = min(plan.solo_budget_ns, max(stages.left_ns(), _FEWEST_CALLS * stages.call_ns))
    for look in plan.looks:
        n_calls = max(look, _FEWEST_CALLS) - len(attachment.calls)
        if n_calls <= 0:
            continue
        spent_ns = plan.solo_budget_ns - left_ns
        n_done, n_all = len(attachment.calls), plan.looks[-1]
        stages.report_status(
            events.SINGLE_CALLS, n_done=n_done, n_all=n_all, spent_ns=spent_ns, budget_ns=plan.solo_budget_ns
        )
        n_windows = ENOUGH_BATCHES if others_attach(attachment.calls) else 0
        watched = WatchedAttachment()
        made = stages.solo.job(n_calls, budget_ns=left_ns, n_windows=n_windows)
        job = partial(_watched, made, stages.call_ns, watched, waiting)
        run, why_not = stages.competing.solo(job, stages.deadline)
        if why_not is not None:
            return why_not
        calls, windows = (
            attached_calls(raw_spans, watched.samples, watched.changes) for raw_spans in (run.spans, run.windows)
        )
        attachment = Attachment(
            (*attachment.calls, *calls),
            (*attachment.windows, *windows),
            not_recorded=why_not_recorded(watched, calls) or attachment.not_recorded,
        )
        left_ns -= sum(span.end_ns - span.start_ns for span in (*run.spans, *run.windows))
        if left_ns <= 0 or (decides_attachment(attachment) and knows_attached_share(attachment)):
            break
    return replace(attachment, pauses=_pauses(stages, plan))


def instrument_of(attachment: Attachment, no_gil: Reason | None) -> Instrument:
    """Return the witness that decides of this attachment; `no_gil` is why there is no ledger."""
    name, grade = attachment_witness(attachment)
    return Instrument(name, grade, no_gil)


def _watched(
    job: Callable[[], SoloRun], span_ns: int, watched: WatchedAttachment, waiting: Sequence[int]
) -> tuple[SoloRun, Reason | None]:
    """Run a job in the calling thread, which is watched."""
    with watched_attachment(span_ns, watched, waiting) as why_not:
        return job(), why_not


def _pauses(stages: Stages, plan: Plan) -> GcPauses | None:
    """Make calls beside a thread that collects garbage; None: a note says why not."""
    n_calls = max(_FEWEST_BESIDE, plan.n_waiter_calls)
    if not plan.n_waiter_calls or not stages.fits("longest pause", n_calls=2):
        return None
    stages.report_status(events.BESIDE_WAITER)
    alone: list[tuple[int, int, int]] = []
    with garbage_collector(alone):
        time.sleep(_ALONE_NS / 1e9)
    if not alone or min(end_ns - start_ns for start_ns, end_ns, _ in alone) > _LONGEST_ALONE_NS:
        stages.leave_out("longest pause", stages.call_ns)
        return None
    beside: list[tuple[int, int, int]] = []
    with garbage_collector(beside):
        run = stages.competing.solo(
            stages.solo.job(n_calls, budget_ns=min(plan.solo_budget_ns, stages.left_ns())), stages.deadline
        )
    return pauses_beside_calls(run.spans, beside, alone)


def attachment_of_block(block: CallSpan, watched: WatchedAttachment) -> Attachment:
    """Return what was seen of a block, which runs once."""
    calls = attached_calls([block], watched.samples, watched.changes)
    return Attachment(calls, not_recorded=why_not_recorded(watched, calls))
