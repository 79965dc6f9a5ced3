"""The one table of options: from it come the command line, the ini keys, and the documentation's rows.

Imported by every pytest run that has the plugin installed: nothing but the standard library's cheap parts here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

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
    ``--gilcheck`` itself. `reader` names a function of `declare.values` that reads a text (None: taken as it is).
    `setting` names the field of `Settings` that it sets for every check, and by which a marker and ``options()`` set it
    for one; without it the option is one of the whole run. `is_repeatable`: several may be given, in ini files one
    a line. `bare` is what the flag alone, without a value, stands for."""

    name: str
    help: str
    reader: str | None = None
    metavar: str | None = None
    default: Any = None
    setting: str | None = None
    is_flag: bool = False
    choices: tuple[str, ...] | None = None
    is_repeatable: bool = False
    bare: str | None = None

    @property
    def flag(self) -> str:
        """How is it written on the command line?"""
        return f"--gilcheck-{self.name}" if self.name else "--gilcheck"

    @property
    def key(self) -> str:
        """How is it called in ini files, and among pytest's option names?"""
        return f"gilcheck_{self.name.replace('-', '_')}" if self.name else "gilcheck"


OPTIONS = (
    Option(
        "",
        "run the marked checks, report on all checks, and fail where none ran",
        reader="flag",
        is_flag=True,
        default=False,
    ),
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
        setting="inconclusive",
    ),
    Option(
        "only",
        "check these tests only; NAME is a test's id or its last part, * stands for anything; repeatable",
        metavar="NAME",
        default=(),
        is_repeatable=True,
    ),
    Option(
        "skip",
        "do not check these tests, which run unmeasured; NAME as above; repeatable",
        metavar="NAME",
        default=(),
        is_repeatable=True,
    ),
    Option(
        "min-speedup",
        "limit: competing threads must be so many times as fast as one",
        reader="factor",
        metavar="FACTOR",
        setting="min_speedup",
    ),
    Option(
        "min-efficiency",
        "limit: speed-up over what a call that releases the GIL reaches in the same rounds",
        reader="factor",
        metavar="FACTOR",
        setting="min_efficiency",
    ),
    Option(
        "max-held-share",
        "limit: share of a call, 0 to 1 or in %, that may be spent holding the GIL",
        reader="share",
        metavar="SHARE",
        setting="max_held_share",
    ),
    Option(
        "longest-hold",
        "limit: longest time that a call may hold the GIL in one piece",
        reader="positive_duration_ns",
        metavar="TIME",
        setting="longest_hold",
    ),
    Option("json", "save the document of all checks there", metavar="PATH"),
    Option("markdown", "save the report there as Markdown", metavar="PATH"),
    Option("gitlab", "save a code quality report for GitLab there", metavar="PATH"),
    Option(
        "github",
        "annotations and step summary for GitHub Actions (auto: where it runs there)",
        metavar="WHEN",
        default="auto",
        choices=("auto", "yes", "no"),
    ),
    Option("save", "keep this run as a baseline of that name", reader="baseline_name", metavar="NAME"),
    Option("autosave", "keep this run as a baseline named after the time", reader="flag", is_flag=True, default=False),
    Option(
        "compare",
        "compare with a baseline: its name, its number, a document's path, or the last one",
        metavar="NAME",
        bare="last",
    ),
    Option(
        "compare-fail",
        "fail where a figure became worse than in the baseline by more than is tolerated: 'held_share:0.05', 'speedup:10%', 'gil'; repeatable",
        reader="tolerance",
        metavar="EXPR",
        default=(),
        is_repeatable=True,
    ),
    Option("storage", "folder of the baselines, relative to pytest's root", metavar="FOLDER", default=".gilcheck"),
    Option(
        "budget",
        "time for the wall-clock rounds of each check (0.25s; 1s where a claim needs them)",
        reader="positive_duration_ns",
        metavar="TIME",
        setting="budget",
    ),
    Option(
        "deadline",
        "by when each run of calls must have come back (60s)",
        reader="positive_duration_ns",
        metavar="TIME",
        setting="deadline",
    ),
    Option(
        "threads",
        "how many threads compete (the usable cores, from 2 to 4)",
        reader="count",
        metavar="N",
        setting="threads",
    ),
    Option(
        "isolate",
        "measure every check in a child process",
        reader="flag",
        is_flag=True,
        default=False,
        setting="isolate",
    ),
)


def add_to(parser: pytest.Parser) -> None:
    """Declares every option of the table."""
    group = parser.getgroup("gilcheck", "does it release the GIL? (pytest-gilcheck)")
    for option in OPTIONS:
        how: dict[str, Any] = {"dest": option.key, "default": None, "help": option.help.replace("%", "%%")}
        if option.is_flag:
            how |= {"action": "store_true"}
        elif option.is_repeatable:
            how |= {"action": "append", "metavar": option.metavar}
        elif option.bare is not None:
            how |= {"nargs": "?", "const": option.bare, "metavar": option.metavar}
        else:
            how |= {"metavar": option.metavar}
        group.addoption(option.flag, **how)
        kind: Literal["linelist", "string"] = "linelist" if option.is_repeatable else "string"
        parser.addini(option.key, help=option.help, type=kind, default=None)


def read_all(config: pytest.Config) -> dict[str, Any]:
    """Every option's value, the command line before the ini file before the default. Raises `UsageError`."""
    return {option.name: _read(option, config) for option in OPTIONS}


def _read(option: Option, config: pytest.Config) -> Any:
    given, where = config.getoption(option.key), option.flag
    if given is None:
        given, where = _from_file(option, config), f"ini option {option.key}"
    if not given:  # also an empty text, an empty list
        return option.default
    if option.is_repeatable:
        given = [given] if isinstance(given, str) else given
        return tuple(read(option, text, where) for text in given)
    return read(option, given, where)


def _from_file(option: Option, config: pytest.Config) -> Any:
    try:
        return config.getini(option.key)
    except TypeError as error:  # pytest's own TOML tables are typed: a text is asked for
        from pytest_gilcheck.evidence import UsageError  # noqa: PLC0415  (only where something is wrong)

        message = f"ini option {option.key}: {error}"
        raise UsageError(message) from None


def read(option: Option, given: Any, where: str) -> Any:
    """What does a user's text say? Raises `UsageError`, naming `where`."""
    if option.choices is not None and given not in option.choices:
        from pytest_gilcheck.evidence import UsageError  # noqa: PLC0415  (only where an option is given)

        message = f"{where}: expected one of {', '.join(option.choices)}, got {given!r}"
        raise UsageError(message)
    if option.reader is None:
        return given
    from pytest_gilcheck.declare import values  # noqa: PLC0415  (as above)

    return getattr(values, option.reader)(given, where)


def refuse_contradictions(given: dict[str, Any]) -> None:
    """Raises `UsageError` where two options cannot both be meant."""
    with_disable = [(name, "disable") for name in ("", "save", "autosave", "compare", "compare-fail")]
    pairs = [*with_disable, ("save", "autosave")]
    for one, other in pairs:
        if given[one] and given[other]:
            from pytest_gilcheck.evidence import UsageError  # noqa: PLC0415  (only where something is wrong)

            names = {option.name: option.flag for option in OPTIONS}
            message = f"{names[one]} and {names[other]} contradict each other: give one of them"
            raise UsageError(message)


def is_selected(nodeid: str, given: dict[str, Any]) -> bool:
    """Is this test to be checked, as far as ``--gilcheck-only`` and ``--gilcheck-skip`` say?"""
    if given["only"] and not any(_fits(nodeid, pattern) for pattern in given["only"]):
        return False
    return not any(_fits(nodeid, pattern) for pattern in given["skip"])


def _fits(nodeid: str, pattern: str) -> bool:
    """Whole, by its last part, or by that part without parameters. Brackets stand for themselves: ids are full of them."""
    import re  # noqa: PLC0415  (only where a pattern is given)

    form = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
    file, _, inside = nodeid.partition("::")
    last = (
        nodeid.rpartition("::")[2]
        if "[" not in nodeid
        else inside.partition("[")[0].rpartition("::")[2] + "[" + inside.partition("[")[2]
    )
    return any(form.fullmatch(text) for text in (nodeid, nodeid.partition("[")[0], file, last, last.partition("[")[0]))
