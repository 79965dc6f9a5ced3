"""Compares a function's results under competing threads, on inputs that hypothesis draws."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import hypothesis
from hypothesis import HealthCheck, Phase, given
from hypothesis.errors import Flaky

from pytest_gilcheck.agree.inputs import default_inputs
from pytest_gilcheck.agree.same import as_predicate
from pytest_gilcheck.agree.trial import SHRINKING_ROUNDS, Trial
from pytest_gilcheck.declare import values
from pytest_gilcheck.declare.settings import DEADLINE_NS
from pytest_gilcheck.evidence import Agreement, Difference, Disagreement, OracleFailed, UsageError
from pytest_gilcheck.evidence.errors import is_hidden
from pytest_gilcheck.evidence.shown import shown
from pytest_gilcheck.report.agreement import message
from pytest_gilcheck.run import CompetingThreads, Rescue, refuse_what_returns_at_once
from pytest_gilcheck.run.call import name_of
from pytest_gilcheck.run.switch_interval import switch_interval
from pytest_gilcheck.status import events
from pytest_gilcheck.status.callback import StatusCallback, status_callback
from pytest_gilcheck.status.events import StatusEvent

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__tracebackhide__ = is_hidden

#: How often an example with a difference is replayed, to say how often the difference comes.
N_REPLAYS = 20

#: How many of the smallest examples are replayed.
N_CANDIDATES = 4

#: A difference, and the example that it came with.
_Candidate = tuple[Difference, Any]

DEFAULT_THREADS = 4

#: In seconds: a fiftieth of the interpreter's own. A tenth of this made examples cost half as much again.
EAGER_SWITCH_INTERVAL = 1e-4


def require_agreement(agreement: Agreement) -> Agreement:
    """Return the agreement, or raise `Disagreement` where results differ."""
    if agreement.difference is not None:
        raise Disagreement(message(agreement), agreement.difference)
    return agreement


def compare(
    function: Callable[..., Any],
    oracle: Callable[..., Any] | None = None,
    inputs: SearchStrategy[Any] | tuple[Any, ...] | None = None,
    *,
    name: str | None = None,
    same: Callable[[Any, Any], Any] | None = None,
    threads: int | None = None,
    examples: int = 100,
    deadline: float | str | None = None,
    blob: bytes | None = None,
    rescue: Rescue | None = None,
) -> Agreement:
    """Compare results as `pytest_gilcheck.agrees` does, and return the agreement also where they differ.

    Args:
        function: what is called.
        oracle: returns the expected result for the same arguments; None: not compared.
        inputs: a hypothesis strategy of tuples of positional arguments or of single arguments, or one such tuple. None: as
            `default_inputs` says.
        name: the name in reports. Default: the function's name.
        same: compares two results. Default: `agree.same.equal`.
        threads: the number of competing threads. Default: `DEFAULT_THREADS`.
        examples: how many inputs are drawn.
        deadline: by when each round of calls must have returned, in seconds or as ``"500ms"``.
        blob: repeats the one drawing that a failure printed.
        rescue: what is saved if a call ends this process.

    Returns:
        How many inputs and calls were compared, with the difference where there is one.
    """
    refuse_what_returns_at_once(function)
    if oracle is not None:
        refuse_what_returns_at_once(oracle)
    n_threads = values.count(DEFAULT_THREADS if threads is None else threads, "agrees: threads")
    n_examples = values.count(examples, "agrees: examples", most=10_000_000)
    if inputs is None:
        inputs = default_inputs(function, oracle)
    name = name or name_of(function)
    deadline_ns = DEADLINE_NS if deadline is None else values.positive_duration_ns(deadline, "agrees: deadline")
    limit = (rescue or Rescue()).deadline(deadline_ns / 1e9, name)
    with (
        status_callback() as on_status,
        CompetingThreads(n_threads) as competing,
        competing.armed(limit),
        switch_interval(EAGER_SWITCH_INTERVAL),
    ):
        trial = Trial(function, oracle, as_predicate(same), competing, limit)
        failing_blob = None
        if isinstance(inputs, tuple):
            difference = trial.difference(inputs)
            candidates = [] if difference is None else [(difference, inputs)]
        else:
            candidates, failing_blob = _explore(trial, inputs, n_examples, blob, on_status)
        if not candidates:
            trial.require_arguments_that_fit(name)
            return Agreement(name, "agree", trial.n_examples, trial.n_calls, n_threads)
        if on_status is not None:
            on_status(StatusEvent(events.REPLAYS))
        smallest = replace(_smallest(trial, candidates), blob=failing_blob)
        return Agreement(name, "differ", trial.n_examples, trial.n_calls, n_threads, smallest)


class _Differs(Exception):  # noqa: N818  (a signal to hypothesis, never seen by a user)
    """Tells hypothesis that this example is interesting."""


def _explore(
    trial: Trial,
    inputs: SearchStrategy[Any],
    n_examples: int,
    blob: bytes | None,
    on_status: StatusCallback | None,
) -> tuple[list[_Candidate], str | None]:
    """Return every example that differed, with its arguments, and the blob that repeats the smallest drawing."""
    candidates: list[_Candidate] = []

    def example(args: Any) -> None:
        if on_status is not None:
            n_done = trial.n_examples
            on_status(
                StatusEvent(events.SHRINKING)
                if candidates
                else StatusEvent(events.EXAMPLES, n_done=n_done, n_all=n_examples)
            )
        difference = trial.difference(args, rounds=SHRINKING_ROUNDS if candidates else 1)
        if difference is not None:
            candidates.append((difference, args))
            raise _Differs

    explore = hypothesis.settings(
        hypothesis.settings.default,
        max_examples=n_examples,
        # The database finds examples by the source of the test. This test is the same for every function, so that
        # examples of one function would be replayed for all. The blob repeats a drawing.
        database=None,
        deadline=None,  # how long a call takes depends on the other threads
        suppress_health_check=list(HealthCheck),
        print_blob=True,
        phases=[phase for phase in Phase if phase not in (Phase.explicit, Phase.explain)],
    )(given(inputs)(example))
    run = hypothesis.reproduce_failure(hypothesis.__version__, blob)(explore) if blob is not None else explore
    failing_blob = None
    try:
        run()
    except (_Differs, Flaky) as error:
        # A race may not come again when hypothesis repeats the example, which it then calls flaky. The difference stands.
        failing_blob = _blob_in(error)
        if not candidates:
            raise
    except (UsageError, OracleFailed) as error:
        # The message has the example. hypothesis adds its own frames, and how to repeat what is no difference.
        vars(error).pop("__notes__", None)
        raise error.with_traceback(None) from error.__cause__
    except TypeError as error:
        if not hasattr(inputs, "example"):
            message = f"agrees: inputs= takes a hypothesis strategy or a tuple of arguments, got {shown(inputs)}"
            raise UsageError(message) from error
        raise
    return candidates, failing_blob


def _blob_in(error: BaseException) -> str | None:
    notes = "\n".join(getattr(error, "__notes__", ()))
    match = re.search(r"reproduce_failure\('[^']*', (b'[^']*')\)", notes)
    return match[1] if match else None


def _smallest(trial: Trial, candidates: list[_Candidate]) -> Difference:
    """Return the smallest example that differs again when it is replayed; the smallest of all if none does.

    A race that came once on an example may never come there again, and such an example helps nobody.
    """
    # Of two equally long ones the later one comes first: shrinking went on to it.
    distinct = {candidate[0].inputs: candidate for candidate in reversed(candidates)}
    ordered = sorted(distinct.values(), key=lambda candidate: len(candidate[0].inputs))[:N_CANDIDATES]
    replayed = [_replay(trial, args, difference) for difference, args in ordered]
    return next((difference for difference in replayed if difference.n_differ), replayed[0])


def _replay(trial: Trial, args: Any, difference: Difference) -> Difference:
    n_differ = sum(trial.difference(args) is not None for _ in range(N_REPLAYS))
    return replace(difference, n_differ=n_differ, n_replays=N_REPLAYS)
