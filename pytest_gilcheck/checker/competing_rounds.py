"""The stage of a check that makes rounds in competing threads."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_gilcheck.checker.stages import since
from pytest_gilcheck.checker.time_limit import STAGE_SHARE
from pytest_gilcheck.evidence import ReadyThreads, Reason
from pytest_gilcheck.evidence.errors import is_hidden
from pytest_gilcheck.judge import ROUND_LOOKS, decides_overlap, hides_a_pool, wants_serial_arm, wants_short_round
from pytest_gilcheck.plan import can_overlap, round_size, stolen_ns
from pytest_gilcheck.run import OutOfTime, Rounds, counted_ready, one_at_a_time
from pytest_gilcheck.status import events

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_gilcheck.checker.stages import Stages
    from pytest_gilcheck.evidence import Estimate, Plan, Round, ShortRound

__tracebackhide__ = is_hidden

#: Calls are made for about so long beside looks at which threads are ready, and nothing is done before for a sixth of it. A look
#: is made every half millisecond, and beside busy processes every few milliseconds.
_LOOKS_NS = 120_000_000

_STAGE = "rounds in competing threads"


def competing_rounds(stages: Stages, plan: Plan, span_ns: int, held: Estimate) -> tuple[list[Round], list[ShortRound]]:
    """Make paired rounds until a look decides or the budget is spent; a note of the check says why there are none.

    Args:
        stages: The check.
        plan: How it is measured.
        span_ns: Time of a call.
        held: What the single calls say of the held share.

    Returns:
        The rounds with controls, and those without.
    """
    if plan.n_threads < 2:  # noqa: PLR2004  (competing takes two)
        stages.notes.append(Reason("one-thread"))
        return [], []
    if not can_overlap(stages.machine):
        stages.notes.append(Reason("one-cpu"))
        return [], []
    # Beside other threads a call takes longer than it needs, and so do the rounds.
    slowed = max(1.0, stages.call_ns / max(1, span_ns))
    budget_ns = min(plan.budget_ns, stages.left_ns())
    size = round_size(span_ns, plan.n_threads, stages.machine, round(budget_ns / slowed), held.value)
    if size is None and budget_ns < plan.budget_ns:
        stages.leave_out(_STAGE, stages.call_ns)
        return [], []
    if size is None:
        n_threads = plan.n_threads
        stages.notes.append(Reason.of("budget-too-small", n_threads=n_threads, span_ns=span_ns, budget_ns=budget_ns))
        return [], []
    if not stages.fits(_STAGE, n_calls=size.n_calls * size.n_threads):
        return [], []
    source = Rounds(stages.competing, stages.call, size, plan.seed, is_over=lambda: not stages.left_ns())
    with one_at_a_time():
        rounds, short_rounds = _made(stages, source, budget_ns, held)
    if not rounds:
        stages.leave_out(_STAGE, stages.call_ns)
    return rounds, short_rounds


def _made(stages: Stages, source: Rounds, budget_ns: int, held: Estimate) -> tuple[list[Round], list[ShortRound]]:
    """Make rounds; where those with controls are no use on this machine, most of the time goes to short ones."""
    rounds: list[Round] = []
    short_rounds: list[ShortRound] = []
    start_ns = time.perf_counter_ns()
    end_ns = start_ns + budget_ns
    while True:
        spent_ns = time.perf_counter_ns() - start_ns
        stages.report_status(events.COMPETING, spent_ns=spent_ns, budget_ns=budget_ns)
        stolen_before_ns = stolen_ns()
        latest: list[Round] | list[ShortRound]
        try:
            if wants_short_round(rounds, short_rounds, stages.machine):
                with_serial = wants_serial_arm(rounds, short_rounds)
                short_round = source.next_short(stages.deadline, with_serial=with_serial)
                short_rounds.append(replace(short_round, stolen_ns=since(stolen_before_ns, stolen_ns())))
                latest = short_rounds
            else:
                round_ = source.next(stages.deadline)
                rounds.append(replace(round_, stolen_ns=since(stolen_before_ns, stolen_ns())))
                latest = rounds
        except OutOfTime:
            break
        # The typical round must still fit. On a busy machine the longest one lasts as long as several typical ones,
        # and the time of those would stay unused. A round that takes too long is the last.
        typical_ns = sorted(round_.wall_ns for round_ in latest)[len(latest) // 2]
        if time.perf_counter_ns() + typical_ns > end_ns:
            break
        if len(latest) in ROUND_LOOKS and decides_overlap(
            rounds, short_rounds, stages.settings.claim, stages.machine, held
        ):
            break
    return rounds, short_rounds


def count_ready_threads(stages: Stages, rounds: Sequence[Round], span_ns: int) -> ReadyThreads | None:
    """Make some calls alone and count the threads that are ready, where threads of the callee's own work beside the calls.

    Args:
        stages: The check.
        rounds: The whole rounds.
        span_ns: Time of a call.

    Returns:
        The counts. None where nobody needs them, or where another thread takes the GIL or the time limit leaves no time.
    """
    n_calls = max(1, _LOOKS_NS // max(1, span_ns))
    if stages.surroundings.windows or not hides_a_pool(rounds) or not stages.time_limit.fits(1, _LOOKS_NS):
        return None
    stages.time_limit.begin("threads that are ready", stages.time_limit.step_ns(1, _LOOKS_NS))
    before: list[int] = []
    with counted_ready(before):
        time.sleep(_LOOKS_NS / 6e9)
    during: list[int] = []
    with counted_ready(during):
        budget_ns = round(stages.left_ns() * STAGE_SHARE)
        stages.made(stages.solo.job(n_calls, budget_ns=min(_LOOKS_NS, budget_ns)))
    # The last calls' own threads may still be there at the first looks; what is there for good is there at most of them.
    n_others = sorted(before)[len(before) // 2] if before else 0
    of_two = [count - n_others for count in during if count - n_others >= 2]  # noqa: PLR2004  (as the name says)
    return ReadyThreads(len(during), len(of_two), sum(of_two), n_others)
