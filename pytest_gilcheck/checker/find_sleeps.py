"""The stages of a check that look where threads sleep: competing ones that wait for each other, and a call that holds the GIL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_gilcheck.checker.time_limit import STAGE_SHARE
from pytest_gilcheck.evidence import DeadlineExceeded, Reason, RoundSize
from pytest_gilcheck.evidence.errors import is_hidden
from pytest_gilcheck.observe import sleeps
from pytest_gilcheck.run import Rounds, one_at_a_time
from pytest_gilcheck.status import events

if TYPE_CHECKING:
    from pytest_gilcheck.checker.stages import Stages
    from pytest_gilcheck.evidence import Sleeps

__tracebackhide__ = is_hidden

#: Calls are made for so long where they are short: two hundred looks at each thread.
_LOOKS_NS = 100_000_000
#: To symbolise what was seen takes about so long at most: the line tables of a large library.
_READING_NS = 100_000_000
#: Each call after a `setup` is a phase of its own, with a thread that looks.
_MOST_PHASES = 32


def find_sleeps(stages: Stages, n_threads: int) -> Sleeps | None:
    """Make calls in threads once more, beside a thread that looks where they sleep.

    Args:
        stages: The check.
        n_threads: How many threads make calls at once. One: they are single calls.

    Returns:
        What was seen; None where there is no time for it.
    """
    # One call of each thread, one after the other: they wait for each other.
    at_once_ns = n_threads * max(1, stages.call_ns)
    if at_once_ns > STAGE_SHARE * stages.left_ns() or not stages.time_limit.fits(n_threads, _READING_NS):
        return None
    stages.time_limit.begin("sleeps", stages.time_limit.step_ns(n_threads, _READING_NS))
    stages.report_status(events.LINES)
    wanted_ns = min(_LOOKS_NS, round(STAGE_SHARE * stages.left_ns()))
    n_calls = max(1, wanted_ns // at_once_ns)
    if stages.call.setup is not None:
        n_calls = min(n_calls, _MOST_PHASES)
    size = RoundSize(n_calls, 0, 0, n_threads, n_threads, n_stamp_calls=n_calls, n_together_calls=n_calls)
    rounds = Rounds(stages.competing, stages.call, size, seed=0)  # no order is drawn: there is one arm
    try:
        with one_at_a_time():
            return sleeps(rounds.sleeps(stages.deadline, expected_ns=n_calls * at_once_ns))
    except DeadlineExceeded:
        raise
    except Exception as error:  # noqa: BLE001  (for information only: a note says what failed, the verdict stands)
        stages.notes.append(Reason.of("where-failed", error_type=type(error).__name__, error=str(error)))
        return None
