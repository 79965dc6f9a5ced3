"""Places in the source at which the GIL changed hands or a thread slept, recorded by diagnosing passes."""

from __future__ import annotations

from dataclasses import dataclass

#: What makes native code callable from Python, as far as it can be told from a function.
BINDINGS = ("Cython", "Numba", "PyO3", "cffi", "ctypes", "ctypes.PyDLL", "nanobind", "pybind11")


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a function, as far as debug information knows it.

    Attributes:
        file: Path as the compiler wrote it.
        line: Number of the line, from 1.
        function: Name of the function, demangled.
        library: File of the loaded object that holds the code; None for Python code.
        binding: Of a function that was called from Python: what made its code callable, one of `BINDINGS`. None where that is
            not known.
    """

    file: str | None = None
    line: int | None = None
    function: str | None = None
    library: str | None = None
    binding: str | None = None


@dataclass(frozen=True, slots=True)
class GilEventPlace:
    """Where GIL events of the same kind happened. Stacks are those within the call, the innermost frame first.

    Attributes:
        kind: As in `GilEvent`.
        native: Native stack.
        python: Python stack; empty where no Python code ran underneath, or its lines were not recorded.
        n: How many events happened there.
    """

    kind: str
    native: tuple[Place, ...]
    python: tuple[Place, ...] = ()
    n: int = 1


@dataclass(frozen=True, slots=True)
class HoldPlace:
    """The places between which the GIL was held, as indices into `Places.events`.

    Attributes:
        let_go: The release before the hold. None: the hold began with the call.
        taken: The take that began it. None: the hold began with the call.
        dropped: The release that ended it. None: the return did.
        n: How many holds lie between these places.
        longest_ns: The longest of them.
    """

    let_go: int | None
    taken: int | None
    dropped: int | None
    n: int
    longest_ns: int


@dataclass(frozen=True, slots=True)
class BusiestPlace:
    """Where the call's Python code spent most of its time.

    It is measured under a trace, which slows down Python code but not native code.

    Attributes:
        python: The stack, innermost frame first.
        native: Native function that was called there, if one was and is known.
        share: Share of the call (0..1).
        is_python: Whether Python code itself took that time, and no native function.
    """

    python: tuple[Place, ...]
    native: Place | None
    share: float
    is_python: bool = False


@dataclass(frozen=True, slots=True)
class SourceLine:
    """The text of a line, as it was when the pass was made.

    Attributes:
        file: Path, as `Place` has it.
        line: Number of the line, from 1.
        text: The line without its indentation.
    """

    file: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Places:
    """What the diagnosing pass recorded of one more call.

    Attributes:
        events: Places of GIL events.
        holds: Places between which the GIL was held.
        function: Where the called function is.
        busiest: Where Python code spent most of the time.
        interpreter: File of the library that holds the GIL's code.
        own: File of this tool's library.
        root: The working directory.
        n_dropped: Events that did not fit.
        sources: Lines of these places, where their files could be read.
    """

    events: tuple[GilEventPlace, ...] = ()
    holds: tuple[HoldPlace, ...] = ()
    function: Place | None = None
    busiest: BusiestPlace | None = None
    interpreter: str | None = None
    own: str | None = None
    root: str = ""
    n_dropped: int = 0
    sources: tuple[SourceLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Site:
    """The line to look at.

    Attributes:
        place: Innermost line in the author's own source. None: none is known.
        via: Function further in that let go or took, where it is another one.
        called_from: Python line that called it.
    """

    place: Place | None
    via: Place | None = None
    called_from: Place | None = None


@dataclass(frozen=True, slots=True)
class Where:
    """The lines between which the longest hold lies.

    A call that never let go has neither `let_go` nor `taken` nor `dropped`.

    Attributes:
        longest_hold_ns: How long it lasts in the judged calls.
        let_go: Where the GIL had been let go before. None: the hold began with the call.
        taken: Where the hold began. Where `let_go` is None: where the GIL was taken back afterwards.
        dropped: Where the hold ended. None: at the return.
        function: What was called.
        busiest: Where the time went, if Python code ran.
        n_places: How many different places let go.
        root: The working directory.
        sources: Lines of these and other places, where their files could be read.
    """

    longest_hold_ns: int
    let_go: Site | None = None
    taken: Site | None = None
    dropped: Site | None = None
    function: Place | None = None
    busiest: BusiestPlace | None = None
    n_places: int = 0
    root: str = ""
    sources: tuple[SourceLine, ...] = ()


@dataclass(frozen=True, slots=True)
class SleepPlace:
    """Where threads slept.

    Attributes:
        system_call: Name of the system call in which they slept. None: another one, or none.
        native: Native stack, the innermost frame first. It ends where a caller is not certain.
        n: How often a look found a thread there.
    """

    system_call: str | None
    native: tuple[Place, ...]
    n: int = 1


@dataclass(frozen=True, slots=True)
class Sleeps:
    """What threads did within their calls, when another thread looked at them.

    Attributes:
        places: Where they slept.
        n_running: How many looks found a thread that ran or was ready to.
        n_unread: How many looks found one that slept and woke before its stack was copied, or that could not be read.
        interpreter: File of the library that holds the GIL's code.
        own: File of this tool's library.
        root: The working directory.
        sources: Lines of these places, where their files could be read.
    """

    places: tuple[SleepPlace, ...] = ()
    n_running: int = 0
    n_unread: int = 0
    interpreter: str | None = None
    own: str | None = None
    root: str = ""
    sources: tuple[SourceLine, ...] = ()


@dataclass(frozen=True, slots=True)
class SleepSite:
    """The function in which threads sleep.

    Attributes:
        place: The line at which they do, in the function that called what put them to sleep.
        through: What it called there, such as ``pthread_mutex_lock``.
        n: How many sleeps were seen there.
        n_seen: How many were seen in all.
        root: The working directory.
        source: Text of the line. None: not known.
    """

    place: Place
    through: str
    n: int
    n_seen: int
    root: str = ""
    source: str | None = None
