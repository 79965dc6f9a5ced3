"""The options of a run, typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_gilcheck.declare.options import OPTIONS, OPTIONS_BY_NAME

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pytest_gilcheck.evidence import Tolerance

#: Pairs of options that contradict each other.
CONTRADICTIONS = (
    *((option.name, "disable") for option in OPTIONS if option.turns_on or not option.name),
    ("save", "autosave"),
)

#: Options of a settings file that would act on a run without checks. They wait for ``--gilcheck``.
_WAITING = ("save", "autosave", "compare", "compare-fail")


class Config(NamedTuple):
    """The value of every option of the table, or its default.

    Every run of tests makes one. As a dataclass its fields would cost each such process 5 ms.

    Attributes:
        is_on: Whether the run checks: ``--gilcheck``, or an option on the command line that turns it on.
        disable: Whether nothing is measured.
        inconclusive: What an inconclusive verdict does to its test: ``fail``, ``skip`` or ``warn``.
        only: Patterns of the tests that are checked. Empty: all.
        skip: Patterns of the tests that are not checked.
        min_speedup: Limit for every check, as all fields of this kind: the smallest speed-up.
        min_efficiency: The smallest efficiency.
        max_held_share: The largest held share.
        longest_hold: The longest hold, in nanoseconds.
        json: Where the JSON report is saved.
        markdown: Where the report is saved as Markdown.
        html: Where the report is saved as one HTML page.
        trace: Where the recorded calls are saved as a trace.
        gitlab: Where the code quality report for GitLab is saved.
        github: Whether annotations for GitHub Actions are printed: ``auto``, ``yes`` or ``no``.
        save: The name under which this run becomes a baseline.
        autosave: Whether this run becomes a baseline that is named after the time.
        compare: The baseline to compare with.
        compare_fail: What must not have become worse than in the baseline.
        storage: Folder of the baselines, relative to pytest's root.
        budget: Time for the wall-clock rounds of a check, in nanoseconds.
        deadline: Time in which each call must return, in nanoseconds.
        time_limit: Time that a check takes at most, in nanoseconds.
        threads: How many threads compete.
        instrument: The only witness of the GIL that is asked: ``ledger`` or ``progress``. None: the best that there is.
        isolate: Whether every check is measured in a child process.
    """

    is_on: bool
    disable: bool
    inconclusive: str
    only: tuple[str, ...]
    skip: tuple[str, ...]
    min_speedup: float | None
    min_efficiency: float | None
    max_held_share: float | None
    longest_hold: int | None
    json: str | None
    markdown: str | None
    html: str | None
    trace: str | None
    gitlab: str | None
    github: str
    save: str | None
    autosave: bool
    compare: str | None
    compare_fail: tuple[Tolerance, ...]
    storage: str
    budget: int | None
    deadline: int | None
    time_limit: int | None
    threads: int | None
    instrument: str | None
    isolate: bool


def config_of(values: Mapping[str, Any], on_command_line: Collection[str] = frozenset()) -> Config:
    """Return the configuration in which these options, by name, have these values, and all others their defaults.

    The command line takes precedence: a value of the settings file that contradicts one of its values is ignored. An option
    that only has a meaning while checks run turns them on if it is on the command line. In a settings file it waits for
    ``--gilcheck``.

    Args:
        values: The values of options, by the name of the option.
        on_command_line: The names of those that the command line has.

    Returns:
        The configuration.

    Raises:
        UsageError: Two of the values contradict each other.
    """
    values = dict(values)
    for one, other in CONTRADICTIONS:
        if not (_is_given(values, one) and _is_given(values, other)):
            continue
        if (one in on_command_line) is not (other in on_command_line):
            del values[other if one in on_command_line else one]
        elif one in on_command_line or one in (
            "",
            *_WAITING,
        ):  # limits and reports of a file do nothing without --gilcheck
            raise _contradiction(_as_written(one, values[one]), _as_written(other, values[other]), "give one of them")
    if any(option.turns_on and option.name in on_command_line for option in OPTIONS):
        values[""] = True
    elif not values.get(""):
        values = {name: value for name, value in values.items() if name not in _WAITING}
    config = Config(**{option.field: values.get(option.name, option.default) for option in OPTIONS})
    if config.only and config.skip and _leave_no_check(config.only, config.skip):
        only, skip = _as_written("only", config.only), _as_written("skip", config.skip)
        raise _contradiction(only, skip, "together they leave no check")
    return config


def _is_given(values: Mapping[str, Any], name: str) -> bool:
    """Return whether a value says something: a limit of 0 does, a switch that is off does not."""
    value = values.get(name)
    return value is not None and value is not False and value != ()


def _leave_no_check(only: tuple[str, ...], skip: tuple[str, ...]) -> bool:
    from pytest_gilcheck.declare.selection import covers  # noqa: PLC0415  (only where both are given)

    return all(any(covers(skipped, name) for skipped in skip) for name in only)


def _as_written(name: str, value: Any) -> str:
    """Return the option and its value as the command line writes them."""
    option = OPTIONS_BY_NAME[name]
    if option.is_flag:
        return option.flag
    return " ".join(f"{option.flag}={one}" for one in (value if option.is_repeatable else (value,)))


def _contradiction(one: str, other: str, remedy: str) -> Exception:
    from pytest_gilcheck.evidence import UsageError  # noqa: PLC0415  (only where something is wrong)

    return UsageError(f"{one} and {other} contradict each other: {remedy}")
