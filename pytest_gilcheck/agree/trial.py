"""One example: the function alone, the oracle, and the function in competing threads."""

from __future__ import annotations

import copy
import inspect
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_gilcheck.evidence import Difference, OracleFailed, UsageError
from pytest_gilcheck.run import ThreadFailed, start_barrier

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_gilcheck.run import CompetingThreads, Deadline

#: Calls of each thread in one round: the first may still be starting up while another has ended.
CALLS_A_ROUND = 3

#: Now and then threads call for so long: on busy processors a thread does what is shorter in one turn of its own, and
#: never meets another. (Beside three busy processes four of twenty runs missed a race that is there in every call.)
LONG_ROUND_NS = 5_000_000

#: In which of the examples; and only for calls so long that there is something to meet in.
LONG_ROUND_EVERY = 4
SHORTEST_MET_NS = 10_000

#: Rounds for an example that has differed before: a race does not come each time, and shrinking needs it to.
PATIENT_ROUNDS = 4

_LONGEST_SHOWN = 2_000


@dataclass(frozen=True)
class Answer:
    """What did a call give? `error` is what it raised, in place of a value."""

    value: Any = None
    error: BaseException | None = None

    def __str__(self) -> str:
        return shown(self.value) if self.error is None else f"raised {type(self.error).__name__}: {self.error}"


def shown(value: object) -> str:
    """A representation, cut in the middle where it is long."""
    text = repr(value)
    if len(text) <= _LONGEST_SHOWN:
        return text
    half = _LONGEST_SHOWN // 2
    return f"{text[:half]} ... ({len(text) - 2 * half} characters left out) ... {text[-half:]}"


def answer_of(function: Callable[..., Any], args: tuple[Any, ...]) -> Answer:
    """What does one call give? What it raises is an answer, too; what ends the program is not."""
    try:
        return Answer(function(*args))
    except Exception as error:  # noqa: BLE001  (kept and compared)
        return Answer(error=error)


#: What the threads do at once, and what each is given with the answer expected of it.
_Phase = tuple[str, "Sequence[tuple[tuple[Any, ...], Answer]]"]


class Trial:
    """Compares answers on one example after the other; remembers earlier ones, to give threads distinct inputs."""

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
        self._earlier: list[tuple[tuple[Any, ...], Answer]] = []
        self._signatures = [
            (what, called, _signature(called))
            for what, called in (("function", function), ("oracle", oracle))
            if called
        ]
        self.name = getattr(function, "__qualname__", None) or repr(function)
        self.n_calls = 0
        self.n_examples = 0

    def difference(self, args: tuple[Any, ...], *, rounds: int = 1) -> Difference | None:
        """Which answer is wrong on these arguments? None: all agree.

        Raises `UsageError` where the function does not take such arguments, `OracleFailed` where the oracle raises.
        """
        self._refuse_wrong_shape(args)
        self.n_examples += 1
        before = _copied(args)
        begin_ns = time.perf_counter_ns()
        alone = answer_of(self._function, args)
        alone_ns = time.perf_counter_ns() - begin_ns
        self.n_calls += 1
        if before is not None and not _unchanged(self._same, before, args):
            return Difference("mutates", shown(before), "arguments as they were", shown(args))
        wanted = self._oracles(args, alone)
        if wanted is not None and not self._agree(alone, wanted):
            return Difference("alone", shown(args), str(wanted), str(alone))
        phases = [("shared", [(args, alone)] * len(self._competing))]
        if self._earlier:
            given = [(args, alone), *self._earlier[-(len(self._competing) - 1) :]]
            phases.append(("distinct", [given[i % len(given)] for i in range(len(self._competing))]))
        n_calls = CALLS_A_ROUND
        if alone_ns >= SHORTEST_MET_NS and self.n_examples % LONG_ROUND_EVERY == 1:
            n_calls = max(n_calls, LONG_ROUND_NS // alone_ns)
        for _ in range(rounds):
            found = self._compete(phases, n_calls)
            if found is not None:
                return found
        self._earlier = [*self._earlier[-len(self._competing) :], (args, alone)]
        return None

    def _refuse_wrong_shape(self, args: object) -> None:
        if not isinstance(args, tuple):
            message = (
                f"inputs= must give tuples of positional arguments, got {shown(args)} ({type(args).__name__}). "
                "For one argument: inputs=strategy.map(lambda value: (value,))."
            )
            raise UsageError(message)
        for what, called, signature in self._signatures:
            if signature is None:
                continue
            try:
                signature.bind(*args)
            except TypeError as error:
                name = getattr(called, "__qualname__", repr(called))
                message = f"inputs= gives {len(args)} arguments, {shown(args)}, which the {what} {name}{signature} does not take: {error}"
                raise UsageError(message) from None

    def _oracles(self, args: tuple[Any, ...], alone: Answer) -> Answer | None:
        if self._oracle is None:
            return None
        wanted = answer_of(self._oracle, args)
        if wanted.error is not None and type(wanted.error) is not type(alone.error):
            message = f"the oracle raised {type(wanted.error).__name__}: {wanted.error} on {shown(args)}; nothing is known of the function there"
            raise OracleFailed(message) from wanted.error
        return wanted

    def _agree(self, first: Answer, second: Answer) -> bool:
        if first.error is not None or second.error is not None:
            return type(first.error) is type(second.error)
        return self._same(first.value, second.value)

    def _compete(self, phases: Sequence[_Phase], n_calls: int) -> Difference | None:
        """One round: the threads begin at once, and call with their arguments of each phase; the first wrong answer."""
        n_threads = len(self._competing)
        meet = start_barrier(n_threads)
        jobs = [
            self._job(thread, [given[thread][0] for _, given in phases], n_calls, meet) for thread in range(n_threads)
        ]
        outcomes = self._competing.run(jobs, self._deadline)
        self.n_calls += n_calls * n_threads * len(phases)
        for thread, outcome in enumerate(outcomes):
            if isinstance(outcome, ThreadFailed):
                raise outcome.error
            for (kind, given), answers in zip(phases, outcome, strict=True):
                args, expected = given[thread]
                for answer in answers:
                    if not self._agree(answer, expected):
                        return Difference(kind, shown(args), str(expected), str(answer), thread=thread)
        return None

    def _job(
        self, index: int, all_args: Sequence[tuple[Any, ...]], n_calls: int, meet: Callable[[int], object]
    ) -> Callable[[], list[list[Answer]]]:
        function = self._function

        def run() -> list[list[Answer]]:
            meet(index)
            return [[answer_of(function, args) for _ in range(n_calls)] for args in all_args]

        return run


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    """Many built-in functions do not tell theirs."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def _copied(args: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """A copy to compare with afterwards; None where there cannot be one."""
    try:
        return copy.deepcopy(args)
    except Exception:  # noqa: BLE001  (handles, locks: their owners decide what raises)
        return None


def _unchanged(same: Callable[[Any, Any], bool], before: tuple[Any, ...], after: tuple[Any, ...]) -> bool:
    """Did the call leave its arguments as they were? Objects that only equal themselves cannot tell."""
    for old, new in zip(before, after, strict=True):
        compares_by_identity = type(new).__eq__ is vars(object)["__eq__"]
        if not compares_by_identity and not same(old, new):
            return False
    return True
