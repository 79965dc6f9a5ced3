"""The lines of source between which the GIL is held, as text."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from pytest_gilcheck.report.figures import duration, percent, times

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_gilcheck.evidence import Place, Places, Site, Where

#: How many last parts of a path outside of the working directory are shown: enough to recognise the file.
_N_PARTS = 3


def short_path(path: str, root: str) -> str:
    """Return a path as its reader would write it: from the working directory on, or its last parts."""
    pure = PurePath(path)
    if root and pure.is_relative_to(root):
        return str(pure.relative_to(root))
    parts = pure.parts
    return str(pure) if len(parts) <= _N_PARTS else "…/" + "/".join(parts[-_N_PARTS:])


def place_text(place: Place, root: str = "") -> str:
    """Return ``src/lib.rs:31 (name)``, or ``name in library.so`` where there is no debug information."""
    if place.file is not None:
        line = "" if place.line is None else f":{place.line}"
        return f"{short_path(place.file, root)}{line}{f' ({place.function})' if place.function else ''}"
    library = f" in {PurePath(place.library).name}" if place.library else ""
    return f"{place.function or 'an unknown function'}{library}"


def site_text(site: Site, root: str = "") -> str:
    """Return the line to look at, with the function that released the GIL there if that is another one."""
    if site.place is None:
        return "an unknown place"
    text = place_text(site.place, root)
    if site.via is not None and site.via.function:
        text += f" in {site.via.function}"
    return text


def _callers(where: Where) -> Iterator[str]:
    """Yield the Python lines that led to these places, each once."""
    sites = (where.let_go, where.taken, where.dropped)
    callers = dict.fromkeys(
        site.called_from for site in sites if site and site.called_from and site.called_from != site.place
    )
    if callers:
        yield f"                called at {', '.join(place_text(place, where.root) for place in callers)}"


def lines(where: Where | None) -> Iterator[str]:
    """Yield where the GIL is released, taken and held: one line, and a second one where Python code took the time."""
    if where is None:
        return
    root, hold = where.root, duration(where.longest_hold_ns)
    if where.let_go is not None and where.taken is not None:
        until = "until the return" if where.dropped is None else f"until released at {site_text(where.dropped, root)}"
        yield f"  where         released at {site_text(where.let_go, root)}, taken at {site_text(where.taken, root)}, then held for {hold} {until}"
    elif where.dropped is not None:
        back = f", taken at {site_text(where.taken, root)}" if where.taken is not None else ""
        yield f"  where         held for {hold} from the start of the call until released at {site_text(where.dropped, root)}{back}"
    else:
        called = f": {callee_text(where.function, root)}" if where.function is not None else ""
        yield f"  where         held for the whole {hold}{called}"
    yield from _callers(where)
    if where.n_places > 1:
        yield f"                ({where.n_places} places release it; these belong to the longest hold)"
    busiest = where.busiest
    if busiest is not None and where.let_go is None and where.dropped is None:
        at = f"at {place_text(busiest.python[0], root)}" if busiest.python else "in the call itself"
        within = f" in {callee_text(busiest.native, root)}" if busiest.native is not None else ""
        yield f"                {percent(min(1.0, busiest.share))} of it {at}{within}"


def callee_text(place: Place, root: str = "") -> str:
    """Return a function with its library, and with its line where it is known."""
    named = place.function or "an unknown function"
    library = f" in {PurePath(place.library).name}" if place.library else ""
    line = f":{place.line}" if place.line is not None else ""
    return f"{named}{library}{f' ({short_path(place.file, root)}{line})' if place.file else ''}"


def all_frames(places: Places) -> Iterator[str]:
    """Yield every stack that the diagnosing pass recorded, the innermost frame first, with whole paths."""
    for number, event in enumerate(places.events):
        yield f"  GIL event {number} ({event.kind}, {times(event.n)})"
        for place in event.python:
            yield f"    python  {place.function} {place.file}:{place.line}"
        for place in event.native:
            line = "" if place.line is None else f":{place.line}"
            source = f" {place.file}{line}" if place.file else ""
            yield f"    native  {place.function or '?'}{source} [{place.library or '?'}]"
    for hold in places.holds:
        begin = "start" if hold.taken is None else f"GIL event {hold.taken}"
        end = "return" if hold.dropped is None else f"GIL event {hold.dropped}"
        yield f"  held from {begin} to {end}: {times(hold.n)}, at most {duration(hold.longest_ns)}"
    if places.n_dropped:
        yield f"  {places.n_dropped} more GIL events were not recorded"
