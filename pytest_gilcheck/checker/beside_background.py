"""The stage of a check that makes calls beside the background thread, which also is the only witness where there is no ledger."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_gilcheck.checker.stages import call_spans, refusal, since
from pytest_gilcheck.checker.time_limit import STAGE_SHARE
from pytest_gilcheck.evidence.errors import is_hidden
from pytest_gilcheck.judge import others_matter
from pytest_gilcheck.observe import progress_beside
from pytest_gilcheck.plan import own_ready_ns
from pytest_gilcheck.run import SWITCH_INTERVAL, background_thread
from pytest_gilcheck.status import events

if TYPE_CHECKING:
    from pytest_gilcheck.checker.stages import Stages
    from pytest_gilcheck.declare.settings import Settings
    from pytest_gilcheck.evidence import Instrument, Progress

__tracebackhide__ = is_hidden

#: A shorter call is too short for a run of the background thread. A longer one is not made once more for it.
_SHORTEST_NS = 1_000_000
_LONGEST_NS = 250_000_000
#: The same where it is the only witness.
_LONGEST_OF_ONLY_WITNESS_NS = 5_000_000_000

#: Calls beside the background thread are made for about so long.
_BESIDE_NS = 20_000_000
#: The same where it is the only witness: 25 of its runs.
_BESIDE_ONLY_WITNESS_NS = 100_000_000
#: So many calls are made alone then, or one if they are as long as that: with the first one they are six, and all of them are
#: rarely kept waiting.
_N_ALONE = 5

#: Naps show whether another thread keeps the GIL busy: so many of them end late then. Beside busy processes such a thread is itself
#: often off the processor: of five naps most had to be late, and half of the checks saw nothing. It needs time to get there, too: after
#: naps of 0.1 ms alone one check in 26 went on, waited for it with the long switch interval, and took 3.4 s instead of 3 s.
_PROBES_NS = (*(100_000,) * 4, *(1_000_000,) * 4, *(3_000_000,) * 2)
_N_LATE = 2

#: What it costs where that thread is seen too late: the wait of who restores the interval, and of the call until then.
_MOST_TAKES = 2
_INTERVAL_NS = round(SWITCH_INTERVAL * 1e9)


def needs_background_thread(instrument: Instrument, settings: Settings, span_ns: int) -> bool:
    """Return whether calls of this length are made beside the background thread."""
    if instrument.grade == "none" or span_ns < _SHORTEST_NS:
        return False
    if instrument.grade == "bounded":
        return span_ns <= _LONGEST_OF_ONLY_WITNESS_NS
    return settings.overlap and span_ns <= _LONGEST_NS


def progress(stages: Stages, span_ns: int, *, is_exact: bool) -> Progress | None:
    """Make calls beside the background thread, and return how much it ran; None: a note of the check says why not.

    Where there is no ledger, calls are made alone as well, so that nobody takes the time that the call waits for the
    background thread for its own.

    Args:
        stages: The check.
        span_ns: Time of a call.
        is_exact: Whether the ledger is open.

    Returns:
        How far the background thread got.
    """
    if _others_are_busy(stages):
        # Its switch interval is so long that a busy thread would keep the call waiting for half a second at each release.
        stages.leave_out("background thread", 0)
        return None
    # Beside a busy thread that nobody has noticed each take costs such an interval, until it is restored.
    if not stages.fits("background thread", more_ns=_MOST_TAKES * _INTERVAL_NS if is_exact else 0):
        return None
    alone_ns = None if is_exact else min(span_ns, _shortest_alone_ns(stages, span_ns))
    stages.report_status(events.BESIDE_BACKGROUND)
    background_runs: list[tuple[int, int]] = []
    n_calls = max(1, (_BESIDE_NS if is_exact else _BESIDE_ONLY_WITNESS_NS) // max(1, span_ns))
    budget_ns = round(stages.left_ns() * STAGE_SHARE)
    is_late = False
    begun_ns = time.perf_counter_ns()
    with background_thread(background_runs, budget_ns=budget_ns, is_only_witness=not is_exact) as end_background:

        def ends_early() -> None:
            nonlocal is_late
            is_late = True
            end_background()

        if is_exact and time.perf_counter_ns() - begun_ns > _INTERVAL_NS // 2:
            ends_early()  # this thread has waited for the GIL already
        job = stages.solo.job(n_calls, budget_ns=budget_ns)
        # As the only witness it makes calls that take longer than what this waits for.
        run = stages.competing.solo(job, stages.deadline, meanwhile=ends_early if is_exact else None)
    if is_late:
        expected_ns = n_calls * stages.call_ns
        stages.leave_out("background thread", stages.call_ns if 2 * expected_ns > _INTERVAL_NS else 0)
        return None
    seen = progress_beside(call_spans(run), background_runs, is_exact=is_exact and not refusal(run))
    return replace(seen, alone_ns=alone_ns)


def _shortest_alone_ns(stages: Stages, span_ns: int) -> int:
    """Make calls alone, and return how long the shortest one took: the first call of a check may be a slow one."""
    n_calls = 1 if span_ns >= _BESIDE_ONLY_WITNESS_NS else _N_ALONE
    budget_ns = round(stages.left_ns() * STAGE_SHARE)
    run = stages.made(stages.solo.job(n_calls, budget_ns=budget_ns))
    return min(span.end_ns - span.start_ns for span in run.spans)


def _others_are_busy(stages: Stages) -> bool:
    """Return whether another thread of this process keeps the GIL busy: without one, who sleeps has it back at once."""
    if stages.surroundings.windows:
        return others_matter(stages.surroundings.windows)
    n_late = 0
    for probe_ns in _PROBES_NS:
        begun_ns, ready_before_ns = time.perf_counter_ns(), own_ready_ns()
        time.sleep(probe_ns / 1e9)
        # Who waits for a processor does not wait for the GIL: beside other processes each nap ended late.
        kept_off_ns = since(ready_before_ns, own_ready_ns()) or 0
        took_ns = time.perf_counter_ns() - begun_ns - kept_off_ns
        n_late += took_ns > probe_ns + sys.getswitchinterval() * 1e9 / 2
        if n_late >= _N_LATE:
            return True
    return False
