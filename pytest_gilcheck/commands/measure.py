"""``gilcheck -s SETUP STATEMENT``: measures one statement, in timeit's manner."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_gilcheck.commands.parser import Parser, with_flags
from pytest_gilcheck.commands.stderr import progress_bar, say
from pytest_gilcheck.evidence import CheckFailed, Inconclusive, UsageError
from pytest_gilcheck.evidence.shown import shortened
from pytest_gilcheck.gate.exit_status import NOT_AS_EXPECTED, OK, USAGE, status_of_check

if TYPE_CHECKING:
    from pytest_gilcheck.declare.settings import Settings
    from pytest_gilcheck.evidence import Observation, Verdict
    from pytest_gilcheck.store.json_report import CheckEntry

_USAGE = """\
gilcheck [measure] [-s SETUP] [options] STATEMENT [STATEMENT ...]
       gilcheck show REPORT | compare BEFORE AFTER | merge REPORT... | doctor   (each has --help)"""

_EPILOG = """\
exit status: 0 as expected (without --expect: any decided verdict), 1 not as expected or the call failed,
2 wrong usage, 3 inconclusive.

  gilcheck -s 'import zlib; d = bytes(10**6)' 'zlib.compress(d)'
  gilcheck --expect released --json out.json -s 'import hashlib; d = bytes(10**7)' 'hashlib.sha256(d)'
"""

#: A statement that is longer is shortened to a name.
_LONGEST_NAME = 80


def _parser() -> Parser:
    parser = Parser(
        prog="gilcheck",
        usage=_USAGE,
        description="Measure whether a statement releases the GIL, for how much of its time, and how long other threads wait for it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("statement", nargs="+", help="the statement to measure; several are lines of one")
    parser.add_argument(
        "-s",
        "--setup",
        action="append",
        default=[],
        metavar="SETUP",
        help="code that runs once before, such as 'import zlib'; repeatable",
    )
    parser.add_argument(
        "--json", metavar="PATH", help="save the JSON report there (-: write it to stdout in place of the text)"
    )
    parser.add_argument("--expect", metavar="WORD", help="released, held or partial: exit status 1 if it is another")
    parser.add_argument("--name", help="its name in the report (default: the statement)")
    parser.add_argument("--threads", metavar="N", help="how many threads compete (default: the usable cores, 2 to 4)")
    parser.add_argument("--budget", metavar="TIME", help="time for wall-clock rounds (default 250ms)")
    parser.add_argument("--deadline", metavar="TIME", help="time in which each call must return (default 60s)")
    parser.add_argument("--time-limit", metavar="TIME", help="time that the check takes at most (default 3s)")
    parser.add_argument(
        "--instrument",
        metavar="WITNESS",
        help="ledger or progress: ask this witness of the GIL alone (default: the best that there is)",
    )
    parser.add_argument(
        "--no-overlap", action="store_true", help="measure single calls only, without competing threads"
    )
    parser.add_argument(
        "--isolate", action="store_true", help="measure in a child process, which may crash or keep the GIL"
    )
    parser.add_verbosity()
    parser.add_argument("-q", "--quiet", action="store_true", help="print the verdict's word alone")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Measure the statement, print the report, and return the exit status."""
    return _measure(_parser().parse_args(arguments))


def _measure(options: argparse.Namespace) -> int:
    from pytest_gilcheck.checker.checker import Checker  # noqa: PLC0415  (so that --help is fast)
    from pytest_gilcheck.commands.statement import Statement  # noqa: PLC0415
    from pytest_gilcheck.declare.settings import Settings  # noqa: PLC0415
    from pytest_gilcheck.run import Call, Rescue  # noqa: PLC0415  (--help needs none of it)
    from pytest_gilcheck.status.callback import STATUS_DISPLAY  # noqa: PLC0415
    from pytest_gilcheck.store import json_report  # noqa: PLC0415

    settings_given = {
        "name": options.name,
        "expect": options.expect,
        "threads": options.threads,
        "budget": options.budget,
        "deadline": options.deadline,
        "time_limit": options.time_limit,
        "instrument": options.instrument,
    }
    settings = Settings().changed(
        {
            **{name: value for name, value in settings_given.items() if value is not None},
            "overlap": not options.no_overlap,
            "isolate": options.isolate,
        },
        where="command line",
    )
    statement = Statement("\n".join(options.statement), "\n".join(options.setup) or "pass")
    checks: list[CheckEntry] = []
    path = Path(options.json) if options.json and options.json != "-" else None

    def keep(observation: Observation, verdict: Verdict, _settings: Settings) -> None:
        checks.append(json_report.CheckEntry(observation.name, verdict, observation))

    rescue = Rescue(path, lambda: [line.encode() for line in json_report.lines(checks, interrupted="deadline")])
    checker = Checker(settings, on_check=keep, rescue=rescue)
    STATUS_DISPLAY.set(partial(progress_bar, quiet=options.quiet))
    sys.path.insert(0, "")  # as `python -c` has it: modules of the current folder can be measured
    try:
        checker.of_call(
            Call(
                eval,
                setup=statement.setup_of_call,
                args_for=statement.args_for,
                name=settings.name or shortened("; ".join(statement.statement.splitlines()), _LONGEST_NAME),
            )
        )
    except UsageError:
        raise
    except (CheckFailed, Inconclusive) as failed:
        say(str(failed))
        return NOT_AS_EXPECTED
    except (Exception, SystemExit) as error:  # noqa: BLE001  (the statement's own error, shown as the interpreter shows it)
        from pytest_gilcheck.commands.failure import failure_lines  # noqa: PLC0415  (only needed here)

        sys.stderr.writelines(f"{line}\n" for line in failure_lines(error))
        return NOT_AS_EXPECTED
    return _print(checks, options.json, quiet=options.quiet, verbosity=options.verbose)


def _print(checks: list[CheckEntry], json_path: str | None, *, quiet: bool, verbosity: int) -> int:
    from pytest_gilcheck.report.check import report_lines  # noqa: PLC0415  (so that --help is fast)
    from pytest_gilcheck.store import json_report  # noqa: PLC0415  (so that --help is fast)

    is_saved = True
    if json_path:
        report = json_report.lines(checks)
        if json_path == "-":
            sys.stdout.writelines(report)
        else:
            try:
                json_report.write(Path(json_path), report)
            except OSError as error:
                say(f"--json {json_path}: {error}; the report follows instead")
                is_saved = False
    if json_path != "-":
        for check in checks:
            lines = (
                [check.verdict.word]
                if quiet
                else report_lines(
                    check.observation,
                    with_flags(check.verdict),
                    encoding=sys.stdout.encoding,
                    verbosity=verbosity,
                    colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ,
                )
            )
            for line in lines:
                sys.stdout.write(line + "\n")
            if quiet and check.verdict.claim_met is False:
                say(f"expected {check.observation.claim.gil}, found {check.verdict.word}")
    sys.stdout.flush()
    if not is_saved:
        return USAGE
    return max((status_of_check(check.observation, check.verdict) for check in checks), default=OK)
