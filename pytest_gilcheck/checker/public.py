"""The public `check` and `agrees`: the checker of the test that runs now, or one of its own outside of pytest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_gilcheck.checker.active import ACTIVE
from pytest_gilcheck.checker.checker import Checker

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable

    from pytest_gilcheck.checker.checker import Span
    from pytest_gilcheck.evidence import Agreement, Verdict
    from pytest_gilcheck.run import Call


class _ActiveChecker(Checker):
    """Stands for the checker of the test that runs now, where pytest runs one; for one of its own elsewhere."""

    def _here(self) -> Checker:
        maker = ACTIVE.get()
        checker: Checker = Checker() if maker is None else maker()
        return checker

    def options(self, **changes: Any) -> Checker:
        return self._here().options(**changes)

    def __call__(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Verdict:
        return self._here()(function, *args, **kwargs)

    def of_call(self, call: Call) -> Verdict:
        return self._here().of_call(call)

    def agrees(self, *arguments: Any, **options: Any) -> Agreement:
        return self._here().agrees(*arguments, **options)

    def span(self, name: str) -> contextlib.AbstractContextManager[Span]:
        return self._here().span(name)


#: Measures calls outside of pytest, and in `unittest.TestCase`.
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
    """Are the answers still right when threads compete? In a test that pytest runs, the report tells it as well.

    Each example is computed by `function` alone, by `oracle` (None: not compared), and by `threads` (4) competing threads, all
    on this one input and then on distinct ones. `inputs` is a hypothesis strategy of tuples of positional
    arguments, of which `examples` are drawn (default: a text and a word to look for in it), or one such tuple, for
    use under a ``@given`` of your own. `same` compares two results (default: `agree.same.equal`); it may
    raise `AssertionError` instead of answering, as ``numpy.testing.assert_allclose`` does.

    Raises `Disagreement` with the smallest example found, the thread, both answers, and how often it came in
    replays; `UsageError` for arguments that do not fit; `OracleFailed` where the oracle raises; `DeadlineExceeded` where
    a round of calls does not come back. Drawing follows hypothesis' own profile (repeatable in CI); `blob` repeats the
    one drawing that a failure printed.

    Not seen: an answer that is wrong only under a competition that did not arise in these rounds.
    """
    __tracebackhide__ = True
    options: dict[str, Any] = {
        "same": same,
        "threads": threads,
        "examples": examples,
        "deadline": deadline,
        "blob": blob,
    }
    return check.agrees(function, oracle, inputs, **options)
