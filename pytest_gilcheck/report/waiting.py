"""The function in which competing threads wait for each other, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_gilcheck.report.figures import times
from pytest_gilcheck.report.names import cut, short_function
from pytest_gilcheck.report.where import frame_text, line_text, place_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_gilcheck.evidence import LockWait, Sleeps


def waits_text(wait: LockWait) -> str:
    """Return what threads wait in, and the line that called it."""
    called = f"called {'at' if wait.place.file else 'in'}"
    return f"{short_function(wait.through)}, {called} {place_text(wait.place, wait.root)}"


def headline(wait: LockWait | None, width: int) -> Iterator[str]:
    """Yield where threads wait for each other in one line, and the source of that line below it."""
    if wait is None:
        return
    preposition, short = "at" if wait.place.file else "in", line_text(wait.place, wait.root)
    variants = [
        f"threads wait in {waits_text(wait)}",
        f"threads wait in {short_function(wait.through)}, called {preposition} {short}",
        f"threads wait {preposition} {short}",
    ]
    text = next((text for text in variants if len(text) <= width - 2), variants[-1])
    yield f"  {cut(text, width - 2)}"
    if wait.source:
        yield f"      {cut(wait.source, width - 6)}"


def all_sleeps(sleeps: Sleeps) -> Iterator[str]:
    """Yield every stack of a competing thread that slept, the innermost frame first, with whole paths."""
    yield f"  competing threads: running {times(sleeps.n_running)}, woken while looked at {times(sleeps.n_unread)}"
    for sleep in sorted(sleeps.places, key=lambda sleep: -sleep.n):
        yield f"  asleep in {sleep.system_call or 'another system call'} ({times(sleep.n)})"
        yield from map(frame_text, sleep.native)
