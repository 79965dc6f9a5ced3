"""The instruments: opened for as long as something is measured, and surely closed again."""

from __future__ import annotations

import atexit
import contextlib
import functools
import sys
from typing import TYPE_CHECKING

from pytest_gilcheck import _native
from pytest_gilcheck.evidence import CallSpan, Instrument, Reason
from pytest_gilcheck.evidence.spans import MAX_EVENTS
from pytest_gilcheck.observe.fold import call_span

if TYPE_CHECKING:
    from collections.abc import Iterator

_n_open = 0


@functools.lru_cache(maxsize=1)
def clock_quality() -> tuple[int, int]:
    """What does one reading of the clock cost, and how finely does it step? Nanoseconds; measured once a process."""
    return _native.clock_quality()


def _switch_interval_us() -> int:
    return round(sys.getswitchinterval() * 1e6)


def _close_all() -> None:
    """Takes the hooks out at exit, also where an exception or a thread left a ledger open."""
    global _n_open  # noqa: PLW0603  (one instrument a process)
    while _n_open > 0:
        _n_open -= 1
        _native.close_ledger()


@contextlib.contextmanager
def exact_ledger() -> Iterator[Instrument]:
    """Which witness is there for the GIL? The exact ledger while the block runs, or why it cannot be had.

    Nests, also over threads: hooks go in with the first and come out with the last.
    """
    global _n_open  # noqa: PLW0603  (one instrument a process)
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        yield Instrument("none", "none", Reason.of("no-gil", text="the GIL of this interpreter is switched off"))
        return
    try:
        _native.open_ledger(_switch_interval_us())
    except _native.LedgerUnavailable as unavailable:
        slug, text = unavailable.args
        yield Instrument("progress", "bounded", Reason.of(slug, text=text))
        return
    if _n_open == 0:
        atexit.unregister(_close_all)
        atexit.register(_close_all)
    _n_open += 1
    try:
        yield Instrument("ledger", "exact")
    finally:
        if _n_open > 0:
            _n_open -= 1
            _native.close_ledger()


#: Learning takes a dozen switch intervals; one that somebody set to seconds is not worth it.
_LONGEST_INTERVAL_US = 50_000


def learn_drop_request() -> bool:
    """Are hand-overs on request told from voluntary ones? Learned once a process, in about 70 ms."""
    interval_us = _switch_interval_us()
    return 0 < interval_us <= _LONGEST_INTERVAL_US and _native.learn_drop_request(interval_us * 1000)


@contextlib.contextmanager
def waiter(gap_ns: int, gil_waits: list[tuple[int, int, int]]) -> Iterator[None]:
    """Asks for the GIL beside the block, every `gap_ns`; what it saw is added to `gil_waits`."""
    gil_waiter = _native.GilWaiter(gap_ns)
    try:
        yield
    finally:
        gil_waits.extend(gil_waiter.stop())


class Block:
    """A block of code being measured in the calling thread."""

    def __init__(self) -> None:
        self._known = frozenset(sys._current_frames())  # noqa: SLF001  (documented, if specialised)
        self._open = _native.OpenSpan()

    def end(self) -> CallSpan | Reason:
        """Where did the block's time go, or why is that not known? To be called once, in the same thread."""
        raw = self._open.end(MAX_EVENTS)
        return Reason.of(raw.refused[0], text=raw.refused[1]) if raw.refused else call_span(raw, self._known)
