"""The calls that are checked, and the bounds within which their true held share lies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from benchmarks.ledger.cases import HELD_AT_LEAST, RELEASED_AT_MOST, read_cases, select, truth_of_share

MS = 1_000_000

#: What a specimen does beside its work: it takes its arguments, and reads the processor clock until the time is over. Calls
#: of 20 ms were seen to hold for 20 to 40 µs longer than asked.
BESIDE_NS = 50_000
#: The same where another thread does the work: both are woken once, and a Python pool makes a few objects.
HANDED_OVER_NS = 500_000

#: Shares from 0 to 1, in calls of 1 to 300 ms, with holds of 1 to 50 ms: name, arguments in ms, ms held, ms released.
_SPECIMENS: tuple[tuple[str, tuple[int, ...], int, int], ...] = (
    *(("holds", (ms,), ms, 0) for ms in (1, 5, 20, 50)),
    *(("releases", (ms,), 0, ms) for ms in (1, 5, 20, 50)),
    *(
        ("holds_then_releases", (held, released), held, released)
        for held, released in ((1, 1), (10, 10), (50, 50), (10, 90), (10, 300), (20, 5), (50, 1))
    ),
    *(
        ("releases_then_holds", (released, held), held, released)
        for released, held in ((1, 1), (10, 10), (20, 5), (5, 20), (60, 1))
    ),
    *(("sleeps_holding", (ms,), ms, 0) for ms in (5, 20)),
    *(("sleeps", (ms,), 0, ms) for ms in (5, 20)),
    *(("delegates", (ms,), ms, 0) for ms in (20, 50)),
)

QUICK = frozenset(
    {
        "holds(20)",
        "releases(20)",
        "holds_then_releases(10, 10)",
        "holds_then_releases(10, 300)",
        "releases_then_holds(20, 5)",
        "sleeps_holding(5)",
        "delegates(20)",
    }
)


@dataclass(frozen=True)
class Truth:
    """The word of a call, and the bounds of its held share; None: only the word is known. `also`: words that are right, too."""

    word: str
    bounds: tuple[float, float] | None = None
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Specimen:
    """A specimen that holds the GIL for `held_ns` and works without it for `released_ns`."""

    id: str
    function: str
    args: tuple[int, ...]
    held_ns: int
    released_ns: int

    @property
    def hands_over(self) -> bool:
        """Whether it gives its work to a thread of its own."""
        return self.function == "delegates"

    def truth(self, *, hands_over: bool = False) -> Truth:
        """Return what is true of the call; `hands_over`: it runs in a thread of the callee's own.

        Time in which the call waits for the GIL does not count: the share is held / (span - waiting), and neighbours
        do not change it.
        """
        work_ns = self.held_ns + self.released_ns
        beside_ns = HANDED_OVER_NS if hands_over or self.hands_over else BESIDE_NS
        low, high = self.held_ns / (work_ns + beside_ns), min(1.0, (self.held_ns + beside_ns) / work_ns)
        return Truth(truth_of_share(self.held_ns / work_ns), (low, high))

    def decides(self, *, hands_over: bool = False) -> bool:
        """Return whether the word is the same in all of the bounds."""
        bounds = self.truth(hands_over=hands_over).bounds
        assert bounds is not None  # noqa: S101  (narrowing: those of a specimen are known)
        low, high = bounds
        return not any(low < border < high for border in (RELEASED_AT_MOST, HELD_AT_LEAST))


@dataclass(frozen=True)
class Public:
    """A public function of the ledger benchmark's corpus: setup, call and word."""

    id: str
    setup: str
    call: str
    word: str
    env: tuple[tuple[str, str], ...] = ()
    also_under_load: tuple[str, ...] = ()

    def truth(self, *, is_loaded: bool = False) -> Truth:
        """Return its word, and those that are right where others want the processors, too."""
        return Truth(self.word, also=self.also_under_load if is_loaded else ())


def specimens(*, quick: bool = False) -> Iterator[Specimen]:
    """Yield the specimens; the quick ones are a few of each kind."""
    for name, args_ms, held_ms, released_ms in _SPECIMENS:
        case = f"{name}({', '.join(map(str, args_ms))})"
        if not quick or case in QUICK:
            yield Specimen(case, name, tuple(ms * MS for ms in args_ms), held_ms * MS, released_ms * MS)


def corpus(patterns: Iterable[str] = ()) -> Iterator[Public]:
    """Yield the public functions that this Python runs; `patterns` are shell patterns of their ids."""
    for case in select(read_cases(), patterns):
        env = tuple(sorted(case.env.items()))
        yield Public(case.id, case.setup, case.call, case.truth, env, case.also_under_load)
