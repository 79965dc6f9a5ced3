"""Where in whose source the GIL changed hands during one call, as a diagnosing pass saw it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Which line of which function is it? As far as debug information tells; paths are as the compiler wrote them.

    `function` is demangled. `library` is the file of the loaded object that holds the code; None for Python code.
    """

    file: str | None = None
    line: int | None = None
    function: str | None = None
    library: str | None = None


@dataclass(frozen=True, slots=True)
class GilEventPlace:
    """Where did `n` hand-overs of the same `kind` happen? `native` and `python` are the stacks within the call, the
    innermost frame first; `python` is empty where no Python code ran underneath or its lines were not recorded."""

    kind: str
    native: tuple[Place, ...]
    python: tuple[Place, ...] = ()
    n: int = 1


@dataclass(frozen=True, slots=True)
class HoldPlace:
    """Between which places was the GIL held? `n` holds between the same ones, `longest_ns` the longest of them.

    Indices into `Places.events`: `let_go` is the hand-over before the hold, `taken` the one that began it (both None:
    it began with the call), `dropped` the one that ended it (None: the return).
    """

    let_go: int | None
    taken: int | None
    dropped: int | None
    n: int
    longest_ns: int


@dataclass(frozen=True, slots=True)
class BusiestPlace:
    """Where did the call's Python code spend most of its time? `share` (0..1) of the call was spent at `python`
    (innermost frame first), within the native function `native` if one was called there. Seen under a trace, which
    slows Python code down and native code not."""

    python: tuple[Place, ...]
    native: Place | None
    share: float


@dataclass(frozen=True, slots=True)
class Places:
    """What did the diagnosing pass see of one more call?

    `function` is where the called function is. `interpreter` and `own` are the files of the libraries that hold the
    GIL's code and this tool's, `root` the working directory. `n_dropped` hand-overs did not fit.
    """

    events: tuple[GilEventPlace, ...] = ()
    holds: tuple[HoldPlace, ...] = ()
    function: Place | None = None
    busiest: BusiestPlace | None = None
    interpreter: str | None = None
    own: str | None = None
    root: str = ""
    n_dropped: int = 0


@dataclass(frozen=True, slots=True)
class Site:
    """Which line is to be looked at? `place` is the innermost one in the author's own source (None: there is none to be
    seen), `via` the function further in that did it, where that is another, and `called_from` the Python line."""

    place: Place | None
    via: Place | None = None
    called_from: Place | None = None


@dataclass(frozen=True, slots=True)
class Where:
    """Between which lines does the longest hold lie?

    It lasted `longest_hold_ns`. It began where the GIL was `taken` back after it had been let go at `let_go`; where
    `let_go` is None it began with the call, and `taken` is where the GIL was taken back afterwards. It ended at
    `dropped` (None: at the return). A call that never let go has none of the three: then `function` is what was called,
    and `busiest` where its time went, if Python code ran. `n_places` different places let go.
    """

    longest_hold_ns: int
    let_go: Site | None = None
    taken: Site | None = None
    dropped: Site | None = None
    function: Place | None = None
    busiest: BusiestPlace | None = None
    n_places: int = 0
    root: str = ""
