"""Single calls in one thread, each timed natively around the call itself."""

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
    """What single calls gave.

    `result` is what the first call returned, `spans` holds the raw record of each call, and `known_threads` the idents of
    the threads whose Python state was known before.
    """

    result: Any
    spans: tuple[_native.Span, ...]
    known_threads: frozenset[int]


class Solo:
    """Makes single calls in the first of the competing threads, with that thread's own arguments."""

    def __init__(self, call: Call, competing: CompetingThreads) -> None:
        self._call = call
        self._competing = competing

    def job(self, n_calls: int, *, fine: bool = False, budget_ns: int | None = None) -> Callable[[], SoloRun]:
        """Return a job that makes `n_calls` calls one after the other.

        After `budget_ns` no further call is made, but at least one. With `fine`, the record also says what the thread was
        doing while it was off the processor. This costs a system call for each GIL event.
        """

        def run() -> SoloRun:
            call = self._call
            thread_args = call.args_in_thread(0, self._competing.own(0))
            kwargs = dict(call.kwargs) or None
            known_threads = frozenset(sys._current_frames())  # noqa: SLF001  (documented, if specialised)
            end_ns = None if budget_ns is None else _native.clock_ns() + budget_ns
            first_result, spans = None, []
            for n_done in range(n_calls):
                args = call.args_of_next(thread_args)
                result, span = _native.call(call.function, args, kwargs, fine, MAX_EVENTS)
                if not n_done:
                    first_result = result
                del result, args  # disposed of between spans
                spans.append(span)
                if end_ns is not None and _native.clock_ns() > end_ns:
                    break
            return SoloRun(first_result, tuple(spans), known_threads)

        return run
