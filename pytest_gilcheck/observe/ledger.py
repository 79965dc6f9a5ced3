"""The ledger and the GIL waiter, which are open only while something is measured."""

from __future__ import annotations

import atexit
import contextlib
import functools
import sys
from typing import TYPE_CHECKING

from pytest_gilcheck import _native
from pytest_gilcheck.evidence import CallSpan, Instrument, Reason, UsageError
from pytest_gilcheck.evidence.spans import MAX_EVENTS
from pytest_gilcheck.observe.fold import call_span

if TYPE_CHECKING:
    from collections.abc import Iterator

_n_open = 0


@functools.lru_cache(maxsize=1)
def clock_quality() -> tuple[int, int]:
    """Return the price of one reading of the clock and its resolution, in nanoseconds; measured once in a process."""
    return _native.clock_quality()


def _switch_interval_us() -> int:
    return round(sys.getswitchinterval() * 1e6)


def _close_all() -> None:
    """Remove the hooks at exit, where an exception or a thread has left a ledger open."""
    global _n_open  # noqa: PLW0603  (one instrument a process)
    while _n_open > 0:
        _n_open -= 1
        _native.close_ledger()


def without_ledger(why: Reason, forced: str | None = None) -> Instrument:
    """Return the witness of a check for which there is no ledger.

    Args:
        why: Why there is none.
        forced: The only witness that may be asked. None: any.

    Returns:
        The progress witness; none at all where the ledger alone may be asked.
    """
    return Instrument("ledger", "none", why) if forced == "ledger" else Instrument("progress", "bounded", why)


@contextlib.contextmanager
def exact_ledger(forced: str | None = None) -> Iterator[Instrument]:
    """Open the exact ledger while the block runs; gives the instrument, with the reason where the ledger is unavailable.

    Blocks may nest, and overlap in several threads: the first one installs the hooks, and the last one removes them. `forced`
    names the only witness that may be asked: for ``progress`` no ledger is opened.
    """
    global _n_open  # noqa: PLW0603  (one instrument a process)
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        yield Instrument("none", "none", Reason.of("no-gil", text="the GIL of this interpreter is switched off"))
        return
    if forced == "progress":
        yield without_ledger(Reason("ledger-not-asked"))
        return
    opened: list[object] = []
    try:
        try:
            # One call into C, so that no interrupt comes between opening and keeping that in mind. (One interrupt in 40 came
            # there, and left the hooks in.)
            opened.extend(map(_native.open_ledger, (_switch_interval_us(),)))
        except _native.LedgerUnavailable as unavailable:
            slug, text = unavailable.args
            yield without_ledger(Reason.of(slug, text=text), forced)
            return
        if _n_open == 0:
            atexit.unregister(_close_all)
            atexit.register(_close_all)
        _n_open += 1
        yield Instrument("ledger", "exact")
    finally:
        if opened:
            _n_open = max(0, _n_open - 1)
            _native.close_ledger()


#: Learning takes a dozen switch intervals. It is left out where somebody has set an interval of seconds.
_LONGEST_INTERVAL_US = 50_000


def learn_drop_request() -> bool:
    """Learn to tell releases by the interpreter from releases by the function; return whether that worked.

    It takes about 70 ms, once in a process.
    """
    interval_us = _switch_interval_us()
    return 0 < interval_us <= _LONGEST_INTERVAL_US and _native.learn_drop_request(interval_us * 1000)


@contextlib.contextmanager
def gil_waiter(gap_ns: int, gil_waits: list[tuple[int, int, int]]) -> Iterator[None]:
    """Let a native thread wait for the GIL beside the block, every `gap_ns`, and add its waits to `gil_waits`.

    A wait is (when it began, when it got the GIL, how long it was ready and not running), in nanoseconds.
    """
    waiter = _native.GilWaiter(gap_ns)
    try:
        yield
    finally:
        gil_waits.extend(waiter.stop())


class Block:
    """A block of code that is measured in the calling thread, from here to `end`."""

    def __init__(self) -> None:
        self._open = _native.OpenSpan()

    def end(self) -> CallSpan | Reason:
        """End the block; once, in the thread in which it began.

        Returns:
            Its record, or the reason why there is none.

        Raises:
            UsageError: another thread ends it.
        """
        try:
            raw = self._open.end(MAX_EVENTS)
        except RuntimeError as error:
            message = f"{error}: a block is measured in one thread. Begin and end it there."
            raise UsageError(message) from None
        return Reason.of(raw.refused[0], text=raw.refused[1]) if raw.refused else call_span(raw)
