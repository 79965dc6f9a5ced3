"""How one check is measured and what is claimed about it; never mixed with the function's own arguments."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_gilcheck.declare import values
from pytest_gilcheck.declare.options import OPTIONS, read_option
from pytest_gilcheck.evidence import Claim, UsageError
from pytest_gilcheck.evidence.errors import is_hidden
from pytest_gilcheck.evidence.requirement import CLAIMABLE, DECIDED_WORDS

if TYPE_CHECKING:
    from pytest_gilcheck.declare.config import Config

__tracebackhide__ = is_hidden

#: Long enough for any unit test, short enough for a CI job to report a hang itself.
DEADLINE_NS = 60_000_000_000

#: A check keeps to this, or to ten of its calls where these take longer.
TIME_LIMIT_NS = 3_000_000_000

#: Time for the wall-clock rounds of a check without a claim about them, and of one with such a claim.
BUDGET_NS = 250_000_000
CLAIMED_BUDGET_NS = 1_000_000_000

#: Returns the value that a user's text, number or object stands for. Raises `UsageError`, naming the second argument.
Reader = Callable[[Any, str], Any]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a check is measured and what must hold.

    The fields are the keywords of ``gilcheck.options(...)``, ``check.options(...)`` and ``@pytest.mark.gilcheck(...)``. Each
    value is checked when it is set. Durations are seconds or a text such as ``"250ms"``; here they are nanoseconds.

    Attributes:
        name: Name of the check in reports. Default: the function's name.
        threads: How many threads compete. Default: the usable cores, from 2 to 4.
        setup: Function that is called before each call. It returns a tuple of positional arguments, or None.
        args_for: Function that is called once in each thread of a check, with the thread's index. It returns a tuple of
            positional arguments, or None.
        budget: Time for the wall-clock rounds. Default: 0.25 s, and 1 s where a claim needs them.
        overlap: Whether wall-clock rounds and the background thread are run.
        deadline: Time in which each call must return. Default: 60 s.
        time_limit: Time that the check takes at most, beside what `budget` asks for: 3 s, or ten calls if these take
            longer. What does not fit is left out, with a note.
        instrument: The only witness of the GIL that is asked: ``"ledger"`` or ``"progress"``. None: the ledger, and where it
            is unavailable the progress of a background thread.
        isolate: Whether the check is measured in a child process.
        seed: Seed of everything that is drawn by chance.
        inconclusive: What an inconclusive verdict does to its test: ``"fail"``, ``"skip"`` or ``"warn"``. None: what the
            run's option says.
        expect: Claim: the word of the GIL verdict, ``"released"``, ``"held"`` or ``"partial"``.
        releases: Claim: the smallest share of the call, 0..1 or ``"90%"``, that is spent without the GIL.
        min_speedup: Claim: the smallest speed-up of competing threads over one thread.
        min_efficiency: Claim: the smallest speed-up over what a call that releases the GIL reaches in the same rounds.
        max_held_share: Claim: the largest share of the call, 0..1 or ``"5%"``, that is spent holding the GIL.
        longest_hold: Claim: the longest time that the call holds the GIL without a break.
    """

    name: str | None = None
    threads: int | None = None
    setup: Callable[[], tuple[Any, ...] | None] | None = None
    args_for: Callable[[int], tuple[Any, ...] | None] | None = None
    budget: int | None = None
    overlap: bool = True
    deadline: int = DEADLINE_NS
    time_limit: int = TIME_LIMIT_NS
    instrument: str | None = None
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
        """Return these settings with `changes`, which are written as a user writes them.

        Args:
            changes: Values by keyword.
            where: Where the user wrote them.

        Returns:
            The new settings.

        Raises:
            UsageError: A keyword is unknown or its value wrong. The message begins with `where`.
        """
        new: dict[str, Any] = {}
        for name, value in changes.items():
            reader = _READERS.get(name)
            if reader is None:
                raise _unknown(name, where)
            new[name] = None if value is None and name in _MAY_BE_NONE else reader(value, f"{where}: {name}")
        return dataclasses.replace(self, **new)

    def with_values(self, values: dict[str, Any]) -> Settings:
        """Return these settings with values that need no reading."""
        return dataclasses.replace(self, **values)

    @property
    def claim(self) -> Claim:
        """Return what must hold."""
        return Claim(**{requirement.claim: getattr(self, name) for name, requirement in CLAIMABLE.items()})

    @property
    def budget_ns(self) -> int:
        """Return how long wall-clock rounds may take."""
        if self.budget is not None:
            return self.budget
        claimed = self.min_speedup is not None or self.min_efficiency is not None
        return CLAIMED_BUDGET_NS if claimed else BUDGET_NS


def settings_of_run(config: Config) -> Settings:
    """Return the settings of a check about which neither a marker nor ``options()`` says anything."""
    values = {option.setting: getattr(config, option.field) for option in OPTIONS if option.setting}
    return Settings().with_values({setting: value for setting, value in values.items() if value is not None})


def _unknown(name: str, where: str) -> UsageError:
    if any(option.name and option.field == name for option in OPTIONS):
        return UsageError(
            f"{where}: {name!r} is an option of the whole run; give --gilcheck-{name.replace('_', '-')} or the ini key"
        )
    near = difflib.get_close_matches(name, _READERS, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return UsageError(f"{where}: unknown option {name!r}{hint} Known: {', '.join(_READERS)}.")


def _callable(value: object, what: str) -> object:
    if not callable(value):
        message = f"{what}: expected a function, got {value!r}"
        raise UsageError(message)
    return value


def _seed(value: object, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        message = f"{what}: expected a whole number, got {value!r}"
        raise UsageError(message)
    return value


_READERS_BY_UNIT: dict[str, Reader] = {
    "word": partial(values.choice, choices=DECIDED_WORDS),
    "share": values.share,
    "factor": values.factor,
    "ns": values.positive_duration_ns,
}

#: Readers of the settings that make a claim.
_CLAIM_READERS: dict[str, Reader] = {
    name: _READERS_BY_UNIT[requirement.unit] for name, requirement in CLAIMABLE.items()
}

#: Readers of the settings that are options of the run, too.
_OPTION_READERS: dict[str, Reader] = {
    option.setting: partial(read_option, option) for option in OPTIONS if option.setting
}

_READERS: dict[str, Reader] = {
    "name": values.text,
    "setup": _callable,
    "args_for": _callable,
    "overlap": values.flag,
    "seed": _seed,
    **_OPTION_READERS,
    **_CLAIM_READERS,
}
# In the order of the fields, in which messages list them.
_READERS = {field.name: _READERS[field.name] for field in dataclasses.fields(Settings)}

_MAY_BE_NONE = frozenset(_READERS) - {"overlap", "deadline", "time_limit", "isolate", "seed"}
