"""The one table of options: from it come the command line, the ini keys, and the documentation's rows.

Imported by every pytest run that has the plugin installed: nothing but the standard library's cheap parts here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pytest_gilcheck.declare.selection import covers

MARKER_LINE = (
    "gilcheck(threads=, releases=, min_speedup=, ...): check that the test's body releases the GIL, under --gilcheck; "
    "keywords are those of `gilcheck.options`, without a claim among them the body is expected to be released"
)

INCONCLUSIVE_POLICIES = ("fail", "skip", "warn")


@dataclass(frozen=True)
class Option:
    """One option. `name` gives ``--gilcheck-<name>`` and the ini key ``gilcheck_<name>``; the empty name is the switch
    ``--gilcheck`` itself. `reader` names a function of `declare.values` that reads what was written (None: one of `choices`).
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
        default="fail",
        choices=INCONCLUSIVE_POLICIES,
        setting="inconclusive",
    ),
    Option(
        "only",
        "check these tests only; NAME is a test's id or its last part, * stands for anything; repeatable",
        reader="text",
        metavar="NAME",
        default=(),
        is_repeatable=True,
    ),
    Option(
        "skip",
        "do not check these tests, which run unmeasured; NAME as above; repeatable",
        reader="text",
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
    Option("json", "save the document of all checks there", reader="text", metavar="PATH"),
    Option("markdown", "save the report there as Markdown", reader="text", metavar="PATH"),
    Option("gitlab", "save a code quality report for GitLab there", reader="text", metavar="PATH"),
    Option(
        "github",
        "annotations and step summary for GitHub Actions (auto: where it runs there)",
        default="auto",
        choices=("auto", "yes", "no"),
    ),
    Option("save", "keep this run as a baseline of that name", reader="baseline_name", metavar="NAME"),
    Option("autosave", "keep this run as a baseline named after the time", reader="flag", is_flag=True, default=False),
    Option(
        "compare",
        "compare with a baseline: its name, its number, a document's path, or the last one",
        reader="text",
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
    Option(
        "storage",
        "folder of the baselines, relative to pytest's root",
        reader="text",
        metavar="FOLDER",
        default=".gilcheck",
    ),
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


def read(option: Option, given: Any, where: str) -> Any:
    """What does a user's text say? Raises `UsageError`, naming `where`."""
    from pytest_gilcheck.declare import values  # noqa: PLC0415  (only where an option is given)

    if option.choices is not None:
        return values.choice(given, where, option.choices)
    return getattr(values, option.reader or "text")(given, where)


#: Pairs that cannot both be meant.
CONTRADICTIONS = (
    *((name, "disable") for name in ("", "save", "autosave", "compare", "compare-fail")),
    ("save", "autosave"),
)

OPTIONS_BY_NAME = {option.name: option for option in OPTIONS}


def refuse_contradictions(given: dict[str, Any]) -> None:
    """Raises `UsageError` where two options cannot both be meant."""
    for one, other in CONTRADICTIONS:
        if given[one] and given[other]:
            _contradict(_said(one, given[one]), _said(other, given[other]), "give one of them")
    left = [name for name in given["only"] if not any(covers(skipped, name) for skipped in given["skip"])]
    if given["only"] and not left:
        _contradict(_said("only", given["only"]), _said("skip", given["skip"]), "together they leave no check")


def _said(name: str, value: Any) -> str:
    """How would it stand on the command line?"""
    option = OPTIONS_BY_NAME[name]
    if option.is_flag:
        return option.flag
    return " ".join(f"{option.flag}={one}" for one in (value if option.is_repeatable else (value,)))


def _contradict(one: str, other: str, remedy: str) -> None:
    from pytest_gilcheck.evidence import UsageError  # noqa: PLC0415  (only where something is wrong)

    message = f"{one} and {other} contradict each other: {remedy}"
    raise UsageError(message)
