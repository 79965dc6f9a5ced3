"""How one check is measured and what is claimed: never mixed with the function's own arguments."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pytest_gilcheck.declare import values
from pytest_gilcheck.declare.options import INCONCLUSIVE_POLICIES, OPTIONS
from pytest_gilcheck.evidence import Claim, UsageError
from pytest_gilcheck.evidence.requirement import CLAIMABLE

GIL_WORDS = ("released", "held", "partial")

#: Long enough for any unit test, short enough for a CI job to report a hang itself.
DEADLINE_NS = 60_000_000_000

#: Wall-clock rounds of a check nobody claimed anything about; of one whose claim needs them.
BUDGET_NS = 250_000_000
CLAIMED_BUDGET_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Settings:
    """How is it measured, and what must hold? The keywords of `gilcheck.options(...)`, `check.options(...)` and of the
    marker; each value is checked when it is set.

    - `name`: how reports call the check (default: the function's name).
    - `threads`: how many threads compete. Default: the usable cores, from 2 to 4.
    - `setup`: called before each call; returns a tuple of positional arguments, or None.
    - `args_for`: called once in each thread of a check, with its index; returns a tuple of positional arguments, or None.
    - `budget`: time for wall-clock rounds (seconds or ``"250ms"``). Default 0.25 s, 1 s where a claim needs them.
    - `overlap`: False leaves the wall-clock rounds and the rival out.
    - `deadline`: by when each run of calls must have come back. Default 60 s.
    - `isolate`: True measures in a child process.
    - `seed`: of everything drawn by chance.
    - `inconclusive`: what an undecided verdict does to the test: ``"fail"``, ``"skip"`` or ``"warn"``. None: as the run says.
    - `expect`, `releases`, `min_speedup`, `min_efficiency`, `max_held_share`, `longest_hold`: the claim.
    """

    name: str | None = None
    threads: int | None = None
    setup: Callable[[], tuple[Any, ...] | None] | None = None
    args_for: Callable[[int], tuple[Any, ...] | None] | None = None
    budget: int | None = None
    overlap: bool = True
    deadline: int = DEADLINE_NS
    isolate: bool = False
    seed: int = 0
    inconclusive: str | None = None
    expect: str | None = None
    releases: float | None = None
    min_speedup: float | None = None
    min_efficiency: float | None = None
    max_held_share: float | None = None
    longest_hold: int | None = None

    def changed(self, changes: dict[str, Any], where: str = "options") -> Settings:
        """These settings with `changes`, read as a user writes them. Raises `UsageError`, naming `where`."""
        read: dict[str, Any] = {}
        for name, value in changes.items():
            reader = _READERS.get(name)
            if reader is None:
                if any(option.key == f"gilcheck_{name}" for option in OPTIONS):
                    message = f"{where}: {name!r} is an option of the whole run; give --gilcheck-{name.replace('_', '-')} or the ini key"
                    raise UsageError(message)
                near = difflib.get_close_matches(name, _READERS, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else "."
                message = f"{where}: unknown option {name!r}{hint} Known: {', '.join(_READERS)}."
                raise UsageError(message)
            read[name] = None if value is None and name in _MAY_BE_NONE else reader(value, f"{where}: {name}")
        return dataclasses.replace(self, **read)

    def with_read(self, changes: dict[str, Any]) -> Settings:
        """These settings with values that have been read already."""
        return dataclasses.replace(self, **changes)

    @property
    def claim(self) -> Claim:
        """What must hold?"""
        return Claim(**{requirement.claim: getattr(self, name) for name, requirement in CLAIMABLE.items()})

    @property
    def budget_ns(self) -> int:
        """How long may wall-clock rounds take?"""
        if self.budget is not None:
            return self.budget
        claimed = self.min_speedup is not None or self.min_efficiency is not None
        return CLAIMED_BUDGET_NS if claimed else BUDGET_NS


def _callable(value: object, what: str) -> object:
    if not callable(value):
        message = f"{what}: expected a function, got {value!r}"
        raise UsageError(message)
    return value


def gil_word(value: object, what: str) -> str:
    """One of the words that a claim may expect."""
    return values.choice(value, what, GIL_WORDS)


def _policy(value: object, what: str) -> str:
    return values.choice(value, what, INCONCLUSIVE_POLICIES)


def _seed(value: object, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        message = f"{what}: expected a whole number, got {value!r}"
        raise UsageError(message)
    return value


_READERS_BY_UNIT: dict[str, Callable[[Any, str], Any]] = {
    "word": gil_word,
    "share": values.share,
    "factor": values.factor,
    "ns": values.positive_duration_ns,
}

_READERS: dict[str, Callable[[Any, str], Any]] = {
    "name": values.text,
    "threads": values.count,
    "setup": _callable,
    "args_for": _callable,
    "budget": values.positive_duration_ns,
    "overlap": values.flag,
    "deadline": values.positive_duration_ns,
    "isolate": values.flag,
    "seed": _seed,
    "inconclusive": _policy,
    **{name: _READERS_BY_UNIT[requirement.unit] for name, requirement in CLAIMABLE.items()},
}

_MAY_BE_NONE = frozenset(_READERS) - {"overlap", "deadline", "isolate", "seed"}
