"""Agreement of answers under competing threads, on inputs that hypothesis thinks of."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import hypothesis
from hypothesis import HealthCheck, Phase, given
from hypothesis.errors import Flaky

from pytest_gilcheck.agree import strategies
from pytest_gilcheck.agree.same import as_predicate
from pytest_gilcheck.agree.trial import PATIENT_ROUNDS, Trial
from pytest_gilcheck.declare import values
from pytest_gilcheck.declare.settings import DEADLINE_NS
from pytest_gilcheck.evidence import Agreement, Difference, Disagreement, UsageError
from pytest_gilcheck.report.agreement import message
from pytest_gilcheck.run import CompetingThreads, Rescue, refuse_what_returns_at_once
from pytest_gilcheck.status import events
from pytest_gilcheck.status.callback import StatusCallback, status_callback
from pytest_gilcheck.status.events import StatusEvent

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

#: How often a difference is tried again, to say how often it comes.
N_REPLAYS = 20

#: Of how many of the smallest examples that is tried.
N_CANDIDATES = 4

_Found = tuple[Difference, tuple[Any, ...]]

DEFAULT_THREADS = 4

#: Seconds. Fifty times as often as usual; ten times more often still made examples cost half as much again.
EAGER_SWITCH_INTERVAL = 1e-4


def require_agreement(agreement: Agreement) -> Agreement:
    """The agreement; raises `Disagreement` where it is none."""
    __tracebackhide__ = True  # pytest then shows the test's own line
    if agreement.difference is not None:
        raise Disagreement(message(agreement), agreement.difference)
    return agreement


def compare_answers(
    function: Callable[..., Any],
    oracle: Callable[..., Any] | None = None,
    inputs: SearchStrategy[tuple[Any, ...]] | tuple[Any, ...] | None = None,
    *,
    name: str | None = None,
    same: Callable[[Any, Any], Any] | None = None,
    threads: int | None = None,
    examples: int = 100,
    deadline: float | str | None = None,
    blob: bytes | None = None,
    rescue: Rescue | None = None,
) -> Agreement:
    """What comes of comparing the answers, as in `pytest_gilcheck.agrees`? A difference is no exception here, but part of the record.

    `name`: how reports call it, else the function's name. `rescue`: what is saved where a call never comes back.
    """
    refuse_what_returns_at_once(function)
    if oracle is not None:
        refuse_what_returns_at_once(oracle)
    n_threads = values.count(DEFAULT_THREADS if threads is None else threads, "agrees: threads")
    n_examples = values.count(examples, "agrees: examples", most=10_000_000)
    if inputs is None:
        inputs = strategies.texts_with_needle()
    name = name or getattr(function, "__qualname__", None) or repr(function)
    deadline_ns = DEADLINE_NS if deadline is None else values.positive_duration_ns(deadline, "agrees: deadline")
    limit = (rescue or Rescue()).deadline(deadline_ns / 1e9, name)
    with (
        status_callback() as tell,
        CompetingThreads(n_threads) as competing,
        competing.armed(limit),
        _eager_switching(),
    ):
        trial = Trial(function, oracle, as_predicate(same), competing, limit)
        note = None
        if isinstance(inputs, tuple):
            difference = trial.difference(inputs)
            found = [] if difference is None else [(difference, inputs)]
        else:
            found, note = _explored(trial, inputs, n_examples, blob, tell)
        if not found:
            return Agreement(name, "agree", trial.n_examples, trial.n_calls, n_threads)
        if tell is not None:
            tell(StatusEvent(events.REPLAYS))
        smallest = replace(_smallest(trial, found), blob=note)
        return Agreement(name, "differ", trial.n_examples, trial.n_calls, n_threads, smallest)


@contextlib.contextmanager
def _eager_switching() -> Iterator[None]:
    """Lets the interpreter switch between threads as often as it can: races of Python code show sooner."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(EAGER_SWITCH_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class _Differs(Exception):  # noqa: N818  (a signal to hypothesis, never seen by a user)
    """Tells hypothesis that this example is interesting."""


def _explored(
    trial: Trial,
    inputs: SearchStrategy[tuple[Any, ...]],
    n_examples: int,
    blob: bytes | None,
    tell: StatusCallback | None,
) -> tuple[list[_Found], str | None]:
    """Every example that differed, with its arguments, and the blob that repeats the smallest drawing."""
    found: list[_Found] = []

    def example(args: tuple[Any, ...]) -> None:
        if tell is not None:
            n_done = trial.n_examples
            tell(
                StatusEvent(events.SHRINKING)
                if found
                else StatusEvent(events.EXAMPLES, n_done=n_done, n_all=n_examples)
            )
        difference = trial.difference(args, rounds=PATIENT_ROUNDS if found else 1)
        if difference is not None:
            found.append((difference, args))
            raise _Differs

    explore = hypothesis.settings(
        hypothesis.settings.default,
        max_examples=n_examples,
        # Its data base knows tests by their source, and this one stands for every function: examples of one would be
        # replayed for all. The blob repeats a drawing.
        database=None,
        deadline=None,  # threads make a call's time anybody's guess
        suppress_health_check=list(HealthCheck),
        print_blob=True,
        phases=[phase for phase in Phase if phase not in (Phase.explicit, Phase.explain)],
    )(given(inputs)(example))
    run = hypothesis.reproduce_failure(hypothesis.__version__, blob)(explore) if blob is not None else explore
    note = None
    try:
        run()
    except (_Differs, Flaky) as error:
        # A race need not come when hypothesis looks again, which it then calls flaky: what was seen was seen.
        note = _blob_in(error)
        if not found:
            raise
    except TypeError as error:
        if not hasattr(inputs, "example"):
            message = f"agrees: inputs= takes a hypothesis strategy or a tuple of arguments, got {inputs!r}"
            raise UsageError(message) from error
        raise
    return found, note


def _blob_in(error: BaseException) -> str | None:
    notes = "\n".join(getattr(error, "__notes__", ()))
    match = re.search(r"reproduce_failure\('[^']*', (b'[^']*')\)", notes)
    return match[1] if match else None


def _smallest(trial: Trial, found: list[_Found]) -> Difference:
    """The smallest example that differs again when it is replayed, with how often; the smallest of all if none does.

    A race that came once on an example may never come there again: such an example helps nobody.
    """
    # Of equally long ones the later found: shrinking found it after the others.
    candidates = {pair[0].inputs: pair for pair in reversed(found)}
    ordered = sorted(candidates.values(), key=lambda pair: len(pair[0].inputs))[:N_CANDIDATES]
    replayed = [_replayed(trial, args, difference) for difference, args in ordered]
    return next((difference for difference in replayed if difference.n_differ), replayed[0])


def _replayed(trial: Trial, args: tuple[Any, ...], found: Difference) -> Difference:
    n_differ = sum(trial.difference(args) is not None for _ in range(N_REPLAYS))
    return replace(found, n_differ=n_differ, n_replays=N_REPLAYS)
