"""The one table of options: the command line, the ini keys, `Config`, `Settings` and the documentation derive from it.

Every pytest run that has the plugin installed imports this module. It imports nothing that pytest has not loaded, and
makes no dataclass, because a dataclass of ten fields costs such a run a millisecond.
"""

from __future__ import annotations

from typing import Any

MARKER_LINE = (
    "gilcheck(threads=, releases=, min_speedup=, ...): check that the test's body releases the GIL, under --gilcheck; "
    "keywords are those of `gilcheck.options`, without a claim among them the body is expected to be released"
)

INCONCLUSIVE_POLICIES = ("fail", "skip", "warn")

INSTRUMENTS = ("ledger", "progress")


class Option:
    """One option of the command line and the ini file.

    Args:
        name: ``--gilcheck-<name>`` and the ini key ``gilcheck_<name>``. The empty name is ``--gilcheck`` itself.
        help: What the option does, for ``--help`` and the documentation.
        reader: Name of the function of `declare.values` that reads a user's text. None: the text is one of `choices`.
        metavar: What stands for the value in ``--help``.
        default: The value where nobody gives one.
        setting: Field of `Settings` that it sets for every check, and the keyword by which a marker and ``options()``
            set it for one. None: it is an option of the whole run only.
        is_flag: Whether it is a switch without a value.
        choices: The words that it takes, if it takes words.
        is_repeatable: Whether several may be given, in an ini file one a line.
        bare: The value that the flag alone stands for, if the value may be left out.
        turns_on: Whether it only has a meaning while checks run, so that the command line turns them on by it.

    Attributes:
        flag: How the command line writes it.
        field: Field of `Config` that holds its value.
        key: Its ini key, which is also its name among pytest's options.
    """

    __slots__ = (
        "bare",
        "choices",
        "default",
        "field",
        "flag",
        "help",
        "is_flag",
        "is_repeatable",
        "key",
        "metavar",
        "name",
        "reader",
        "setting",
        "turns_on",
    )

    def __init__(
        self,
        name: str,
        help: str,  # noqa: A002  (pytest's and argparse's own word)
        *,
        reader: str | None = None,
        metavar: str | None = None,
        default: object = None,
        setting: str | None = None,
        is_flag: bool = False,
        choices: tuple[str, ...] | None = None,
        is_repeatable: bool = False,
        bare: str | None = None,
        turns_on: bool = False,
    ) -> None:
        self.name = name
        self.help = help
        self.reader = reader
        self.metavar = metavar
        self.default = default
        self.setting = setting
        self.is_flag = is_flag
        self.choices = choices
        self.is_repeatable = is_repeatable
        self.bare = bare
        self.turns_on = turns_on
        self.flag = f"--gilcheck-{name}" if name else "--gilcheck"
        self.field = name.replace("-", "_") or "is_on"
        self.key = f"gilcheck_{self.field}" if name else "gilcheck"


OPTIONS = (
    Option(
        "",
        "run the marked checks, report on all checks, and fail where none ran; a limit, a comparison or a report on the command line turns it on",
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
        turns_on=True,
    ),
    Option(
        "min-efficiency",
        "limit: speed-up over what a call that releases the GIL reaches in the same rounds",
        reader="factor",
        metavar="FACTOR",
        setting="min_efficiency",
        turns_on=True,
    ),
    Option(
        "max-held-share",
        "limit: share of a call, 0 to 1 or in %, that may be spent holding the GIL",
        reader="share",
        metavar="SHARE",
        setting="max_held_share",
        turns_on=True,
    ),
    Option(
        "longest-hold",
        "limit: longest time that a call may hold the GIL in one piece",
        reader="positive_duration_ns",
        metavar="TIME",
        setting="longest_hold",
        turns_on=True,
    ),
    Option("json", "save the JSON report of all checks there", reader="text", metavar="PATH", turns_on=True),
    Option("markdown", "save the report there as Markdown", reader="text", metavar="PATH", turns_on=True),
    Option("html", "save the report there as one HTML page", reader="text", metavar="PATH", turns_on=True),
    Option(
        "trace",
        "save the recorded calls there as a trace for Perfetto and chrome://tracing",
        reader="text",
        metavar="PATH",
        turns_on=True,
    ),
    Option("gitlab", "save a code quality report for GitLab there", reader="text", metavar="PATH", turns_on=True),
    Option(
        "github",
        "annotations and step summary for GitHub Actions (auto: where it runs there)",
        default="auto",
        choices=("auto", "yes", "no"),
    ),
    Option("save", "keep this run as a baseline of that name", reader="baseline_name", metavar="NAME", turns_on=True),
    Option(
        "autosave",
        "keep this run as a baseline named after the time",
        reader="flag",
        is_flag=True,
        default=False,
        turns_on=True,
    ),
    Option(
        "compare",
        "compare with a baseline (its name, its number, a JSON report's path, or the last one); fail where the GIL word or an agreement is worse",
        reader="text",
        metavar="NAME",
        bare="last",
        turns_on=True,
    ),
    Option(
        "compare-fail",
        "fail also where this became worse than in the baseline, by more than is tolerated: 'overlap', 'held_share:0.05', 'speedup:10%'; repeatable",
        reader="tolerance",
        metavar="EXPR",
        default=(),
        is_repeatable=True,
        turns_on=True,
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
        "time in which each call must return (60s)",
        reader="positive_duration_ns",
        metavar="TIME",
        setting="deadline",
    ),
    Option(
        "time-limit",
        "time that a check takes at most, or ten of its calls where these take longer (3s)",
        reader="positive_duration_ns",
        metavar="TIME",
        setting="time_limit",
    ),
    Option(
        "threads",
        "how many threads compete (the usable cores, from 2 to 4)",
        reader="count",
        metavar="N",
        setting="threads",
    ),
    Option(
        "instrument",
        "ask this witness of the GIL alone (the ledger, and where it is unavailable the progress of a background thread)",
        choices=INSTRUMENTS,
        setting="instrument",
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


def read_option(option: Option, value: Any, where: str) -> Any:
    """Return the value that a user's text or number stands for.

    Args:
        option: The option.
        value: What the user wrote.
        where: Where they wrote it.

    Returns:
        The value, in the type of the option.

    Raises:
        UsageError: The option takes no such value. The message begins with `where`.
    """
    from pytest_gilcheck.declare import values  # noqa: PLC0415  (only where an option is given)

    __tracebackhide__ = True
    if option.choices is not None:
        return values.choice(value, where, option.choices)
    return getattr(values, option.reader or "text")(value, where)


OPTIONS_BY_NAME = {option.name: option for option in OPTIONS}
