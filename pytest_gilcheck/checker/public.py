"""The public `check` and `agrees`, which use the checker of the test that runs now, or a new one outside of pytest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_gilcheck.checker.active import ACTIVE
from pytest_gilcheck.checker.checker import Checker
from pytest_gilcheck.evidence.errors import is_hidden

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable

    from pytest_gilcheck.checker.checker import Span
    from pytest_gilcheck.evidence import Agreement, Verdict
    from pytest_gilcheck.run import Call

__tracebackhide__ = is_hidden


class _ActiveChecker(Checker):
    """Passes each call on to the checker of the test that runs now, or to a new one outside of pytest."""

    def _current(self) -> Checker:
        factory = ACTIVE.get()
        checker: Checker = Checker() if factory is None else factory()
        return checker

    def options(self, **changes: Any) -> Checker:
        return self._current().options(**changes)

    def __call__(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Verdict:
        return self._current()(function, *args, **kwargs)

    def of_call(self, call: Call) -> Verdict:
        return self._current().of_call(call)

    def agrees(self, *arguments: Any, **options: Any) -> Agreement:
        return self._current().agrees(*arguments, **options)

    def span(self, name: str) -> contextlib.AbstractContextManager[Span]:
        return self._current().span(name)


#: A `Checker` for use outside of pytest, and in `unittest.TestCase`.
check: Checker = _ActiveChecker()


def agrees(
    function: Callable[..., Any],
    oracle: Callable[..., Any] | None = None,
    inputs: Any = None,
    *,
    same: Callable[[Any, Any], Any] | None = None,
    threads: int | None = None,
    examples: int = 100,
    deadline: float | str | None = None,
    blob: bytes | None = None,
) -> Agreement:
    """Compare the results of a function under competing threads with its results in one thread and with an oracle's.

    For each example the function is called alone, then the oracle, then competing threads call the function: all with
    this input, and then each with another one. In a test that pytest runs, the report shows the agreement.

    A result that is wrong only under a competition that did not arise in these rounds is not found.

    Args:
        function: what is called.
        oracle: a function that returns the expected result for the same arguments; None: not compared.
        inputs: a hypothesis strategy of the one argument or of tuples of positional arguments; or one such tuple, for use
            under a ``@given`` of your own. Default: texts with a word to look for, if the oracle is one of
            `pytest_gilcheck.reference`; otherwise what the annotations of the function, or of the oracle, ask for.
        same: compares two results. It returns whether they are the same, or raises `AssertionError` where they are not,
            as ``numpy.testing.assert_allclose`` does. Default: ``==``, except that NaN equals NaN and arrays are
            compared element by element.
        threads: the number of competing threads. Default: 4.
        examples: how many inputs are drawn from the strategy, which follows hypothesis' own profile.
        deadline: by when each round of calls must have returned, in seconds or as ``"500ms"``. Default: 60 s.
        blob: repeats the one drawing that a failure printed.

    Returns:
        How many inputs and calls agreed.

    Raises:
        Disagreement: a result was wrong, or a call changed its arguments. The message shows the smallest example, the
            thread, both results, and how often they differed in replays.
        UsageError: an argument does not fit.
        OracleFailed: the oracle raised where the function did not.
        DeadlineExceeded: a round of calls did not return in time.
    """
    options: dict[str, Any] = {
        "same": same,
        "threads": threads,
        "examples": examples,
        "deadline": deadline,
        "blob": blob,
    }
    return check.agrees(function, oracle, inputs, **options)
