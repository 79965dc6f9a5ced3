"""One example: the function alone, the oracle, and the function in competing threads."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_gilcheck.agree.inputs import arguments_of, signature_of, takes_anything
from pytest_gilcheck.agree.same import equal
from pytest_gilcheck.evidence import Difference, OracleFailed, UsageError
from pytest_gilcheck.evidence.errors import is_hidden
from pytest_gilcheck.run import ThreadFailed, start_barrier

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_gilcheck.run import CompetingThreads, Deadline

__tracebackhide__ = is_hidden

#: Calls of each thread in one round: a thread may end its first call before another one has started.
CALLS_A_ROUND = 3

#: In some examples the threads call for so long. On busy processors a thread makes shorter rounds in one time slice, and
#: never runs beside another one. (Beside three busy processes four of twenty runs missed a race that is in every call.)
LONG_ROUND_NS = 5_000_000

#: One of so many examples has a long round, and only if a call takes at least `SHORTEST_LONG_ROUND_CALL_NS`: shorter calls
#: hardly overlap.
LONG_ROUND_EVERY = 4
SHORTEST_LONG_ROUND_CALL_NS = 10_000

#: Rounds for an example while it is shrunk: a race does not come each time, and shrinking needs it to.
SHRINKING_ROUNDS = 4

_LONGEST_SHOWN = 2_000


@dataclass(frozen=True)
class CallResult:
    """What a call returned (`value`) or raised (`error`)."""

    value: Any = None
    error: BaseException | None = None

    def __str__(self) -> str:
        return shown(self.value) if self.error is None else f"raised {type(self.error).__name__}: {self.error}"


def shown(value: object) -> str:
    """Return the representation of a value, cut in the middle where it is long."""
    text = repr(value)
    if len(text) <= _LONGEST_SHOWN:
        return text
    half = _LONGEST_SHOWN // 2
    return f"{text[:half]} ... ({len(text) - 2 * half} characters left out) ... {text[-half:]}"


def result_of(function: Callable[..., Any], args: tuple[Any, ...]) -> CallResult:
    """Call once and return the result, which may be an exception; what ends the program is raised."""
    try:
        return CallResult(function(*args))
    except Exception as error:  # noqa: BLE001  (kept and compared)
        return CallResult(error=error)


#: The kind of a phase, and for each thread its arguments with the result that is expected.
_Phase = tuple[str, "Sequence[tuple[tuple[Any, ...], CallResult]]"]


class Trial:
    """Compares results on one example after the other; keeps earlier ones, to call threads with distinct inputs."""

    def __init__(
        self,
        function: Callable[..., Any],
        oracle: Callable[..., Any] | None,
        same: Callable[[Any, Any], bool],
        competing: CompetingThreads,
        deadline: Deadline,
    ) -> None:
        self._function = function
        self._oracle = oracle
        self._same = same
        self._competing = competing
        self._deadline = deadline
        self._earlier: list[tuple[tuple[Any, ...], CallResult]] = []
        self._signatures = [
            (what, called, signature_of(called))
            for what, called in (("function", function), ("oracle", oracle))
            if called
        ]
        self.n_calls = 0
        self.n_examples = 0
        #: What the function raised on every example so far. None: it has returned once.
        self._always: BaseException | None = None

    def difference(self, example: Any, *, rounds: int = 1) -> Difference | None:
        """Compare all results on one input, and return the first wrong one; None: all agree.

        The example is a tuple of positional arguments, or the one argument. Competing threads make so many `rounds`. Raises
        `UsageError` where the function or the oracle does not take such arguments, and `OracleFailed` where the oracle raises
        and the function does not.
        """
        args = arguments_of(example, self._signatures)
        self.n_examples += 1
        before = _copied(args)
        begin_ns = time.perf_counter_ns()
        alone = self._alone(args)
        alone_ns = time.perf_counter_ns() - begin_ns
        self.n_calls += 1
        self._always = alone.error if self.n_examples == 1 or self._always is not None else None
        if before is not None and not _unchanged(self._same, before, args):
            return Difference("mutates", shown(before), "arguments as they were", shown(args))
        expected = self._oracle_result(args, alone)
        if expected is not None and not self._agree(alone, expected):
            return Difference("alone", shown(args), str(expected), str(alone))
        phases = [("shared", [(args, alone)] * len(self._competing))]
        if self._earlier:
            distinct = [(args, alone), *self._earlier[-(len(self._competing) - 1) :]]
            phases.append(("distinct", [distinct[i % len(distinct)] for i in range(len(self._competing))]))
        n_calls = CALLS_A_ROUND
        if alone_ns >= SHORTEST_LONG_ROUND_CALL_NS and self.n_examples % LONG_ROUND_EVERY == 1:
            n_calls = max(n_calls, LONG_ROUND_NS // alone_ns)
        for _ in range(rounds):
            difference = self._compete(phases, n_calls)
            if difference is not None:
                return difference
        self._earlier = [*self._earlier[-len(self._competing) :], (args, alone)]
        return None

    def require_arguments_that_fit(self, name: str) -> None:
        """Refuse examples on which a function that may take anything only raised `TypeError`: nothing was compared.

        Args:
            name: The name of the function.

        Raises:
            UsageError: That is what happened.
        """
        is_unknown = any(takes_anything(signature) for _, _, signature in self._signatures)
        if is_unknown and isinstance(self._always, TypeError):
            message = (
                f"agrees: {name} raised TypeError on every example ({self._always}), so that no result was compared. "
                "Pass inputs= of the kind that it takes."
            )
            raise UsageError(message)

    def _alone(self, args: tuple[Any, ...]) -> CallResult:
        """Make one call in one of the threads, where the deadline can abandon it."""
        return self._competing.solo(lambda: self._call(0, args), self._deadline)

    def _call(self, index: int, args: tuple[Any, ...]) -> CallResult:
        """Make one call in thread `index`, whose deadline runs meanwhile."""
        calls = self._competing.calls
        calls.begin(index)
        try:
            return result_of(self._function, args)
        finally:
            calls.end(index)

    def _oracle_result(self, args: tuple[Any, ...], alone: CallResult) -> CallResult | None:
        if self._oracle is None:
            return None
        expected = result_of(self._oracle, args)
        if expected.error is not None and type(expected.error) is not type(alone.error):
            message = f"the oracle raised {type(expected.error).__name__}: {expected.error} on {shown(args)}; nothing is known of the function there"
            raise OracleFailed(message) from expected.error
        return expected

    def _agree(self, first: CallResult, second: CallResult) -> bool:
        if first.error is not None or second.error is not None:
            return type(first.error) is type(second.error)
        return self._same(first.value, second.value)

    def _compete(self, phases: Sequence[_Phase], n_calls: int) -> Difference | None:
        """Make one round, in which all threads begin at once and run each phase; return the first wrong result."""
        n_threads = len(self._competing)
        begin = start_barrier(n_threads)
        jobs = [
            self._job(thread, [by_thread[thread][0] for _, by_thread in phases], n_calls, begin)
            for thread in range(n_threads)
        ]
        outcomes = self._competing.run(jobs, self._deadline)
        self.n_calls += n_calls * n_threads * len(phases)
        for thread, outcome in enumerate(outcomes):
            if isinstance(outcome, ThreadFailed):
                raise outcome.error
            for (kind, by_thread), results in zip(phases, outcome, strict=True):
                args, expected = by_thread[thread]
                for result in results:
                    if not self._agree(result, expected):
                        return Difference(kind, shown(args), str(expected), str(result), thread=thread)
        return None

    def _job(
        self, index: int, all_args: Sequence[tuple[Any, ...]], n_calls: int, begin: Callable[[int], object]
    ) -> Callable[[], list[list[CallResult]]]:
        def run() -> list[list[CallResult]]:
            begin(index)
            return [[self._call(index, args) for _ in range(n_calls)] for args in all_args]

        return run


def _copied(args: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Return a copy to compare with afterwards, or None where there cannot be one."""
    try:
        return copy.deepcopy(args)
    except Exception:  # noqa: BLE001  (handles, locks: their owners decide what raises)
        return None


def _unchanged(same: Callable[[Any, Any], bool], before: tuple[Any, ...], after: tuple[Any, ...]) -> bool:
    """Return whether a call left its arguments as they were; objects that only equal themselves are skipped.

    `same` compares results, and may know nothing else (`math.isclose`). It is asked only about arguments whose ``==`` gives
    no truth value, as that of a data frame.
    """
    for old, new in zip(before, after, strict=True):
        if type(new).__eq__ is vars(object)["__eq__"]:
            continue
        try:
            is_unchanged = equal(old, new)
        except Exception:  # noqa: BLE001  (its owner decides what raises)
            is_unchanged = same(old, new)
        if not is_unchanged:
            return False
    return True
