"""The function in which threads sleep, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_gilcheck.report.figures import times
from pytest_gilcheck.report.names import cut, short_function
from pytest_gilcheck.report.where import frame_text, line_text, place_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_gilcheck.evidence import Sleeps, SleepSite


def site_text(site: SleepSite) -> str:
    """Return what threads sleep in, and the line that called it."""
    called = f"called {'at' if site.place.file else 'in'}"
    return f"{short_function(site.through)}, {called} {place_text(site.place, site.root)}"


def headline(site: SleepSite | None, width: int) -> Iterator[str]:
    """Yield where threads wait for each other in one line, and the source of that line below it."""
    if site is None:
        return
    preposition, short = "at" if site.place.file else "in", line_text(site.place, site.root)
    variants = [
        f"threads wait in {site_text(site)}",
        f"threads wait in {short_function(site.through)}, called {preposition} {short}",
        f"threads wait {preposition} {short}",
    ]
    text = next((text for text in variants if len(text) <= width - 2), variants[-1])
    yield f"  {cut(text, width - 2)}"
    if site.source:
        yield f"      {cut(site.source, width - 6)}"


def all_sleeps(sleeps: Sleeps) -> Iterator[str]:
    """Yield every stack of a thread that slept, the innermost frame first, with whole paths."""
    yield f"  looked at: running {times(sleeps.n_running)}, woken while looked at {times(sleeps.n_unread)}"
    for sleep in sorted(sleeps.places, key=lambda sleep: -sleep.n):
        yield f"  asleep in {sleep.system_call or 'another system call'} ({times(sleep.n)})"
        yield from map(frame_text, sleep.native)
