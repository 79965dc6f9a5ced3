"""Single calls, alone, each stamped natively around the call itself."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_gilcheck import _native
from pytest_gilcheck.evidence.spans import MAX_EVENTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_gilcheck.run.call import Call
    from pytest_gilcheck.run.competing import CompetingThreads


@dataclass(frozen=True)
class SoloRun:
    """What did single calls give? The result of the first one, the raw record of each, and the threads whose Python
    state was known before (idents)."""

    result: Any
    spans: tuple[_native.Span, ...]
    known_threads: frozenset[int]


class Solo:
    """Makes single calls in the crew's first thread, with that thread's own arguments."""

    def __init__(self, call: Call, competing: CompetingThreads) -> None:
        self._call = call
        self._competing = competing

    def job(self, n_calls: int, *, fine: bool = False, budget_ns: int | None = None) -> Callable[[], SoloRun]:
        """A job that makes `n_calls` calls one after the other, or fewer once `budget_ns` is spent (at least one).

        With `fine`, time off the processor is told apart by what the thread was doing, at the price of a system call
        for each hand-over.
        """

        def run() -> SoloRun:
            call = self._call
            own_args = call.args_in_thread(0, self._competing.own(0))
            kwargs = dict(call.kwargs) or None
            known = frozenset(sys._current_frames())  # noqa: SLF001  (documented, if specialised)
            end_ns = None if budget_ns is None else _native.clock_ns() + budget_ns
            first, spans = None, []
            for done in range(n_calls):
                args = call.args_of_next(own_args)
                result, span = _native.call(call.function, args, kwargs, fine, MAX_EVENTS)
                if not done:
                    first = result
                del result, args  # disposed of between spans
                spans.append(span)
                if end_ns is not None and _native.clock_ns() > end_ns:
                    break
            return SoloRun(first, tuple(spans), known)

        return run
