"""The one table of options: from it come the command line, the ini keys, and the documentation's rows.

Imported by every pytest run that has the plugin installed: nothing but the standard library's cheap parts here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

MARKER_LINE = (
    "gilcheck(threads=, releases=, min_speedup=, ...): check that the test's body releases the GIL, under --gilcheck; "
    "keywords are those of `gilcheck.options`, without a claim among them the body is expected to be released"
)

INCONCLUSIVE_POLICIES = ("fail", "skip", "warn")


@dataclass(frozen=True)
class Option:
    """One option. `name` gives ``--gilcheck-<name>`` and the ini key ``gilcheck_<name>``; the empty name is the switch
    ``--gilcheck`` itself. `reader` names a function of `declare.values` or `declare.settings` that reads a text (None:
    taken as it is). `setting` names the field of `Settings` that it sets for every check."""

    name: str
    help: str
    reader: str | None = None
    metavar: str | None = None
    default: Any = None
    setting: str | None = None
    is_flag: bool = False
    choices: tuple[str, ...] | None = None

    @property
    def flag(self) -> str:
        """How is it written on the command line?"""
        return f"--gilcheck-{self.name}" if self.name else "--gilcheck"

    @property
    def key(self) -> str:
        """How is it called in ini files, and among pytest's option names?"""
        return f"gilcheck_{self.name.replace('-', '_')}" if self.name else "gilcheck"


OPTIONS = (
    Option("", "run the marked checks, report on all checks, and fail where none ran", reader="flag", is_flag=True, default=False),
    Option(
        "disable",
        "measure nothing: checked functions are called once, and asking for a verdict skips the test",
        reader="flag",
        is_flag=True,
        default=False,
    ),
    Option(
        "inconclusive",
        "what a verdict that the evidence does not decide does to its test",
        metavar="POLICY",
        default="fail",
        choices=INCONCLUSIVE_POLICIES,
    ),
    Option("json", "save the document of all checks there", metavar="PATH"),
    Option(
        "budget",
        "time for the wall-clock rounds of each check (0.25s; 1s where a claim needs them)",
        reader="positive_duration_ns",
        metavar="TIME",
        setting="budget",
    ),
    Option("deadline", "by when each run of calls must have come back (60s)", reader="positive_duration_ns", metavar="TIME", setting="deadline"),
    Option("threads", "how many threads compete (the usable cores, from 2 to 4)", reader="count", metavar="N", setting="threads"),
    Option("isolate", "measure every check in a child process", reader="flag", is_flag=True, default=False, setting="isolate"),
)


def add_to(parser: pytest.Parser) -> None:
    """Declares every option of the table."""
    group = parser.getgroup("gilcheck", "does it release the GIL? (pytest-gilcheck)")
    for option in OPTIONS:
        if option.is_flag:
            group.addoption(option.flag, dest=option.key, action="store_true", default=None, help=option.help)
        else:
            group.addoption(option.flag, dest=option.key, metavar=option.metavar, default=None, help=option.help)
        parser.addini(option.key, help=option.help, type="string", default=None)


def read_all(config: pytest.Config) -> dict[str, Any]:
    """Every option's value, the command line before the ini file before the default. Raises `UsageError`."""
    return {option.name: _read(option, config) for option in OPTIONS}


def _read(option: Option, config: pytest.Config) -> Any:
    given, where = config.getoption(option.key), option.flag
    if given is None:
        given, where = config.getini(option.key), f"ini option {option.key}"
    if given is None or given == "":
        return option.default
    if option.choices is not None and given not in option.choices:
        from pytest_gilcheck.evidence import UsageError  # noqa: PLC0415  (only where an option is given)

        message = f"{where}: expected one of {', '.join(option.choices)}, got {given!r}"
        raise UsageError(message)
    if option.reader is None:
        return given
    from pytest_gilcheck.declare import values  # noqa: PLC0415  (as above)

    return getattr(values, option.reader)(given, where)
