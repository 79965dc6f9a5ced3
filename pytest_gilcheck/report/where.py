"""The lines of source between which the GIL is held, as text."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING

from pytest_gilcheck.report.figures import counted, duration, percent, times
from pytest_gilcheck.report.names import cut, short_function

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_gilcheck.evidence import Place, Places, Site, Verdict, Where

#: How many last parts of a path outside of the working directory are shown: enough to recognise the file.
_N_PARTS = 3

#: Source of the `gilcheck` command's statement, which its reader knows.
_STATEMENT = "<gilcheck statement>"

#: Names that say nothing beside a line.
_NAMELESS = re.compile(r"<module>|operator\(\)|\{closure#\d+\}")

#: What the file of an extension module has before its end for the interpreter alone.
_ABI_TAG = re.compile(r"\.(cpython-\d+\w*-[\w-]+|abi3)(?=\.so\b)")

#: Files and libraries of the interpreter and its standard library, which are not their reader's to change.
_OF_PYTHON = re.compile(
    r"/lib(64)?/python3\.\d+t?/(?!site-packages|dist-packages)|/lib-dynload/|/(lib)?python3[\d.t]*(\.so[\d.]*)?$"
)


def short_path(path: str, root: str) -> str:
    """Return a path as its reader would write it: from the working directory on, or its last parts."""
    pure = PurePath(path)
    if root and pure.is_relative_to(root):
        return str(pure.relative_to(root))
    parts = pure.parts
    if "site-packages" in parts:  # installed: where, is no news
        return "/".join(parts[parts.index("site-packages") :])
    return str(pure) if len(parts) <= _N_PARTS else "…/" + "/".join(parts[-_N_PARTS:])


def place_text(place: Place, root: str = "") -> str:
    """Return ``src/lib.rs:31 (name)``, or ``name (library.so)`` where there is no debug information."""
    name = short_function(place.function) if place.function else ""
    if place.file is not None:
        return f"{line_text(place, root)}{f' ({name})' if name and not _NAMELESS.fullmatch(name) else ''}"
    library = f" ({PurePath(place.library).name})" if place.library else ""
    return f"{name or 'an unknown function'}{library}"


def line_text(place: Place, root: str = "") -> str:
    """Return ``src/lib.rs:31``, or the function where there is no debug information."""
    if place.file is None or place.file == _STATEMENT:
        return "the statement" if place.file else place_text(place, root)
    return f"{short_path(place.file, root)}{'' if place.line is None else f':{place.line}'}"


def site_text(site: Site, root: str = "") -> str:
    """Return the line to look at, with the function that released the GIL there if that is another one."""
    if site.place is None:
        return "an unknown place"
    text = place_text(site.place, root)
    if site.via is not None and site.via.function:
        text += f" in {short_function(site.via.function)}"
    return text


def line_to_look_at(where: Where) -> Place | None:
    """Return the place at which the longest hold begins or, if it begins with the call, ends; None where none is known.

    Of a call that never releases the GIL it is where most of the time goes, or what was called.
    """
    if where.let_go is not None and where.taken is not None:
        return where.taken.place
    if where.dropped is not None:
        return where.dropped.place
    busiest = where.busiest
    if busiest is not None and busiest.native is not None and (busiest.native.line or _is_statement(busiest.python)):
        return busiest.native
    if busiest is not None and busiest.python:
        return busiest.python[0]
    return where.function


def is_of_python(place: Place) -> bool:
    """Return whether a place belongs to the interpreter or its standard library."""
    return bool(_OF_PYTHON.search(place.file or place.library or ""))


def source_of(where: Where, place: Place | None) -> str | None:
    """Return the text of a line, or None where it is not known."""
    if place is None or place.file == _STATEMENT:
        return None
    texts = (line.text for line in where.sources if (line.file, line.line) == (place.file, place.line))
    # The line of a C function is often that of its brace.
    return next((text for text in texts if any(map(str.isalnum, text))), None)


def headline(verdict: Verdict, width: int) -> Iterator[str]:
    """Yield where the longest hold lies in one line, and the source of that line below it."""
    where = verdict.where
    if where is None:
        return
    root, hold = where.root, duration(where.longest_hold_ns)
    place = line_to_look_at(where)
    if where.let_go is not None and where.taken is not None:
        variants = [
            f"held for {hold} {between}" for between in _between(where.let_go, where.taken, where.dropped, root)
        ]
    elif where.dropped is not None:
        variants = [
            f"held for {hold} from the start to {site_text(where.dropped, root)}",
            f"held for {hold} from the start to {_short_site(where.dropped, root)}",
        ]
    else:
        variants = _held_throughout(where, place)
    text = next((text for text in variants if len(text) <= width - 2), variants[-1])
    yield f"  {cut(text, width - 2)}"
    source = source_of(where, place)
    if source:
        yield f"      {cut(source, width - 6)}"


#: From this share on it is not said for how much of the time.
_NEARLY_ALL = 0.95


def _held_throughout(where: Where, place: Place | None) -> list[str]:
    busiest, root = where.busiest, where.root
    if place is None or (place.file == _STATEMENT and (busiest is None or busiest.native is None)):
        return ["held from start to end"]
    share = "" if busiest is None or busiest.share >= _NEARLY_ALL else f", {percent(busiest.share)} of the time"
    native = None if busiest is None else busiest.native
    if native is None or native is place:
        preposition = "at" if place.file else "in"
        named, line = place_text(place, root), line_text(place, root)
        short = short_function(place.function) if place.function and not place.file else line
        return [f"held from start to end{share} {preposition} {text}" for text in (named, short)]
    within = f" in {short_function(native.function or '?')}"
    return [
        f"held from start to end{share} at {place_text(place, root)}{within}",
        f"held from start to end{share} at {line_text(place, root)}{within}",
        f"held from start to end{share} at {line_text(place, root)}",
    ]


def _is_statement(stack: tuple[Place, ...]) -> bool:
    return bool(stack) and stack[0].file == _STATEMENT


def _between(let_go: Site, taken: Site, dropped: Site | None, root: str) -> Iterator[str]:
    """Yield between which lines a hold lies that begins with a take, the longest text first."""
    if _is_same_line(taken, dropped):  # a block that takes the GIL back: one line begins and ends it
        word, rest = "at", ""
    else:
        # The line of a block that releases the GIL is also where it is taken back.
        word = "after" if _is_same_line(let_go, taken) else "from"
        rest = f" to {'the return' if dropped is None else _end_text(taken, dropped, root)}"
    for begin in (site_text(taken, root), _short_site(taken, root)):
        yield f"{word} {begin}{rest}"


def _is_same_line(one: Site, other: Site | None) -> bool:
    if one.place is None or other is None or other.place is None or one.place.line is None:
        return False
    return (one.place.file, one.place.line) == (other.place.file, other.place.line)


def _end_text(begin: Site, end: Site, root: str) -> str:
    """Return the line at which a hold ends, without its file where it begins in the same one."""
    if begin.place is not None and end.place is not None and begin.place.file == end.place.file and end.place.line:
        return f"line {end.place.line}"
    return _short_site(end, root)


def _short_site(site: Site, root: str) -> str:
    return "an unknown place" if site.place is None else _ABI_TAG.sub("", line_text(site.place, root))


def _callers(where: Where) -> Iterator[str]:
    """Yield the Python lines that led to these places, each once."""
    sites = (where.let_go, where.taken, where.dropped)
    callers = dict.fromkeys(
        site.called_from
        for site in sites
        if site and site.called_from and site.called_from != site.place and site.called_from.file != _STATEMENT
    )
    if callers:
        yield f"                called at {', '.join(place_text(place, where.root) for place in callers)}"


def lines(where: Where | None) -> Iterator[str]:
    """Yield where the GIL is released, taken and held, at length."""
    if where is None:
        return
    root, hold = where.root, duration(where.longest_hold_ns)
    if where.let_go is not None and where.taken is not None:
        until = "the return" if where.dropped is None else f"the release at {site_text(where.dropped, root)}"
        yield f"  where         released at {site_text(where.let_go, root)}"
        yield f"                taken at {site_text(where.taken, root)}"
        yield f"                held for {hold} until {until}"
    elif where.dropped is not None:
        yield f"  where         held for {hold} from the start of the call"
        yield f"                released at {site_text(where.dropped, root)}"
        if where.taken is not None:
            yield f"                taken at {site_text(where.taken, root)}"
    else:
        called = f": {place_text(where.function, root)}" if where.function is not None else ""
        yield f"  where         held from start to end{called}"
    yield from _callers(where)
    if where.n_places > 1:
        yield f"                ({counted(where.n_places, 'place')} release it; these belong to the longest hold)"
    busiest = where.busiest
    if busiest is not None and where.let_go is None and where.dropped is None:
        at = f"at {place_text(busiest.python[0], root)}" if busiest.python else "in the call itself"
        within = f" in {place_text(busiest.native, root)}" if busiest.native is not None else ""
        yield f"                {percent(min(1.0, busiest.share))} of it {at}{within}"


def steps(where: Where | None) -> Iterator[tuple[str, str, str]]:
    """Yield the places at which the GIL is released, taken and held, in the order of the call.

    Args:
        where: The places; None yields nothing.

    Yields:
        tuple[str, str, str]: What happens there, the place, and its source line, which is empty where it is not known.
    """
    if where is None:
        return
    root, hold = where.root, duration(where.longest_hold_ns)

    def of(site: Site) -> tuple[str, str]:
        caller = site.called_from
        at = "" if caller is None or caller == site.place else f", called at {place_text(caller, root)}"
        return f"{site_text(site, root)}{at}", source_of(where, site.place) or ""

    if where.let_go is not None and where.taken is not None:
        yield "released at", *of(where.let_go)
        yield "taken back at", *of(where.taken)
        yield f"held for {hold} until", *(("the return", "") if where.dropped is None else of(where.dropped))
    elif where.dropped is not None:
        yield f"held for {hold} from the start until", *of(where.dropped)
        if where.taken is not None:
            yield "taken back at", *of(where.taken)
    else:
        function = where.function
        named = ("the call", "") if function is None else (place_text(function, root), source_of(where, function) or "")
        yield "held from start to end in", *named
        busiest = where.busiest
        if busiest is not None and busiest.python:
            line = busiest.python[0]
            yield f"{percent(min(1.0, busiest.share))} of it at", place_text(line, root), source_of(where, line) or ""
        if busiest is not None and busiest.native is not None:
            yield "inside of", place_text(busiest.native, root), source_of(where, busiest.native) or ""


def all_frames(places: Places) -> Iterator[str]:
    """Yield every stack that the diagnosing pass recorded, the innermost frame first, with whole paths."""
    for number, event in enumerate(places.events):
        yield f"  GIL event {number} ({event.kind}, {times(event.n)})"
        for place in event.python:
            yield f"    python  {place.function} {place.file}:{place.line}"
        yield from map(frame_text, event.native)
    for hold in places.holds:
        begin = "start" if hold.taken is None else f"GIL event {hold.taken}"
        end = "return" if hold.dropped is None else f"GIL event {hold.dropped}"
        yield f"  held from {begin} to {end}: {times(hold.n)}, at most {duration(hold.longest_ns)} in this pass"
    if places.n_dropped:
        yield f"  {places.n_dropped} more GIL events were not recorded"


def frame_text(place: Place) -> str:
    """Return a native frame with its whole paths."""
    line = "" if place.line is None else f":{place.line}"
    source = f" {place.file}{line}" if place.file else ""
    return f"    native  {place.function or '?'}{source} [{place.library or '?'}]"
