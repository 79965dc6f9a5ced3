"""Single calls in one thread, each timed natively around the call itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_gilcheck import _native, specimens
from pytest_gilcheck.evidence.errors import is_hidden
from pytest_gilcheck.evidence.spans import MAX_EVENTS
from pytest_gilcheck.run.competing import idents_of_other_checks

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_gilcheck.run.call import Call
    from pytest_gilcheck.run.competing import CompetingThreads

__tracebackhide__ = is_hidden


@dataclass(frozen=True)
class SoloRun:
    """What single calls gave.

    `result` is what the first call returned, if it was kept; `spans` holds the raw record of each call; `windows` what other
    threads did between batches of calls, if they were watched; `left_out` the threads of other checks in this process.
    """

    result: Any
    spans: tuple[_native.Span, ...]
    windows: tuple[_native.Span, ...] = ()
    left_out: frozenset[int] = frozenset()


#: A worker of the callee's that has delivered its result goes on for a moment. It is no part of a window.
_TAIL_NS = 1_000_000

#: A window is as long as the batch or the block before it, within these bounds: long against the timers of other threads, and short
#: enough for seven of them beside seven long calls.
_SHORTEST_WINDOW_NS = 10_000_000
_LONGEST_WINDOW_NS = 100_000_000


def watch_others(span_ns: int) -> _native.Span:
    """Sleep for about as long as calls or a block took before, and return what other threads did to the GIL meanwhile."""
    return _native.watch_neighbours(_window_ns(span_ns))


def _window_ns(span_ns: int) -> int:
    return min(_LONGEST_WINDOW_NS, max(_SHORTEST_WINDOW_NS, span_ns))


class Solo:
    """Makes single calls in the first of the competing threads, with that thread's own arguments."""

    def __init__(self, call: Call, competing: CompetingThreads) -> None:
        self._call = call
        self._competing = competing

    def job(
        self,
        n_calls: int,
        *,
        fine: bool = False,
        budget_ns: int | None = None,
        keeps_result: bool = False,
        n_windows: int = 0,
    ) -> Callable[[], SoloRun]:
        """Return a job that makes `n_calls` calls one after the other.

        After `budget_ns` no further call is made, but at least one; with windows none that would end later. With `fine`, the
        record also says what the thread was doing while it was off the processor. This costs a few system calls for each GIL
        event. All results but the one that `keeps_result` asks for are disposed of at once: some are as large as memory
        allows. The calls are made in `n_windows` batches, or one by one if they are fewer, and the thread sleeps for a while
        after each of them, so that what other threads do then is recorded, too.
        """
        n_in_batch = max(1, n_calls // n_windows) if n_windows else 0

        def run() -> SoloRun:
            call = self._call
            thread_args = call.args_in_thread(0, self._competing.own(0))
            kwargs = dict(call.kwargs) or None
            end_ns = None if budget_ns is None else _native.clock_ns() + budget_ns
            first_result, spans, windows = None, [], []
            batch_ns = 0
            for n_done in range(n_calls):
                args = call.args_of_next(thread_args)
                result, span = _native.call(call.function, args, kwargs, fine, MAX_EVENTS, self._competing.calls)
                if keeps_result and not n_done:
                    first_result = result
                del result, args  # disposed of between spans
                spans.append(span)
                batch_ns += span.end_ns - span.start_ns
                # With windows it is dear to be late: this call's window, the next call and its window take so long.
                next_ns = span.end_ns - span.start_ns + 2 * _window_ns(batch_ns) if n_in_batch else 0
                is_over = end_ns is not None and _native.clock_ns() + next_ns > end_ns
                if n_in_batch and (is_over or (n_done + 1) % n_in_batch == 0):
                    specimens.sleeps(_TAIL_NS)
                    windows.append(watch_others(batch_ns))
                    batch_ns = 0
                if is_over:
                    break
            return SoloRun(first_result, tuple(spans), tuple(windows), idents_of_other_checks(self._competing))

        return run
