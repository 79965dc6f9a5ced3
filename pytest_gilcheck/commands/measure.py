"""``gilcheck -s SETUP STATEMENT`` measures one statement, as timeit does."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_gilcheck.commands.exit_status import NOT_AS_EXPECTED, OK, USAGE, say, status_of
from pytest_gilcheck.evidence import CheckFailed, Inconclusive, UsageError

if TYPE_CHECKING:
    from pytest_gilcheck.declare.settings import Settings
    from pytest_gilcheck.evidence import Observation, Verdict
    from pytest_gilcheck.store.json_report import CheckEntry

_EPILOG = """\
exit status: 0 as expected (without --expect: any decided verdict), 1 not as expected or the call failed,
2 wrong usage, 3 inconclusive.

  gilcheck -s 'import zlib; d = bytes(10**6)' 'zlib.compress(d)'
  gilcheck --expect released --json out.json -s 'import hashlib; d = bytes(10**7)' 'hashlib.sha256(d)'

other commands, each with --help: gilcheck show REPORT, gilcheck compare BEFORE AFTER, gilcheck merge REPORT...,
gilcheck doctor. (Write `gilcheck -- show` to measure a statement that is one of these words alone.)
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gilcheck",
        description="Measure whether a statement releases the GIL, for how much of its time, and how long it keeps other threads waiting.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("statement", nargs="+", help="the statement to measure; several are the lines of one statement")
    parser.add_argument(
        "-s",
        "--setup",
        action="append",
        default=[],
        metavar="SETUP",
        help="code that runs once before, in the same thread; repeatable",
    )
    parser.add_argument(
        "--json", metavar="PATH", help="write the JSON report to this file (- writes it to stdout, instead of the text)"
    )
    parser.add_argument("--expect", metavar="WORD", help="released, held or partial: exit status 1 if the verdict is another one")
    parser.add_argument("--name", help="name of the check in reports (default: the statement)")
    parser.add_argument("--threads", metavar="N", help="how many threads compete (default: the usable cores, 2 to 4)")
    parser.add_argument("--budget", metavar="TIME", help="time for the wall-clock rounds (default: 250ms)")
    parser.add_argument("--deadline", metavar="TIME", help="time within which each run of calls must return (default: 60s)")
    parser.add_argument("--no-overlap", action="store_true", help="make single calls only, without competing threads")
    parser.add_argument(
        "--isolate", action="store_true", help="measure in a child process, for statements that may crash or never release the GIL"
    )
    parser.add_argument(
        "-v", "--verbose", action="count", default=0, help="-vv: show every frame of every recorded stack"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="print only the word of the verdict")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Return the exit status."""
    return _measure(_parser().parse_args(arguments))


def _measure(options: argparse.Namespace) -> int:
    from pytest_gilcheck.checker.checker import Checker  # noqa: PLC0415  (the command starts fast for --help)
    from pytest_gilcheck.commands.progress_bar import bar  # noqa: PLC0415
    from pytest_gilcheck.commands.statement import Statement  # noqa: PLC0415
    from pytest_gilcheck.declare.settings import Settings  # noqa: PLC0415
    from pytest_gilcheck.report import text  # noqa: PLC0415
    from pytest_gilcheck.run import Call, Rescue  # noqa: PLC0415  (--help needs none of it)
    from pytest_gilcheck.status.callback import STATUS_DISPLAY  # noqa: PLC0415
    from pytest_gilcheck.store import json_report  # noqa: PLC0415

    options_of_check = {
        "name": options.name,
        "expect": options.expect,
        "threads": options.threads,
        "budget": options.budget,
        "deadline": options.deadline,
    }
    settings = Settings().changed(
        {
            **{name: value for name, value in options_of_check.items() if value is not None},
            "overlap": not options.no_overlap,
            "isolate": options.isolate,
        },
        where="command line",
    )
    statement = Statement("\n".join(options.statement), "\n".join(options.setup) or "pass")
    entries: list[CheckEntry] = []
    path = Path(options.json) if options.json and options.json != "-" else None

    def keep(observation: Observation, verdict: Verdict, _settings: Settings) -> None:
        entries.append(json_report.CheckEntry(observation.name, verdict, observation))

    rescue = Rescue(path, lambda: [line.encode() for line in json_report.lines(entries, interrupted="deadline")])
    checker = Checker(settings, on_check=keep, rescue=rescue)
    STATUS_DISPLAY.set(partial(bar, quiet=options.quiet))
    sys.path.insert(0, "")  # as with `python -c`: modules of the current folder can be imported
    try:
        checker.of_call(
            Call(eval, setup=statement.between, args_for=statement.args_for, name=settings.name or statement.statement)
        )
    except UsageError:
        raise
    except (CheckFailed, Inconclusive) as failed:
        say(str(failed))
        return NOT_AS_EXPECTED
    except (Exception, SystemExit) as error:  # noqa: BLE001  (raised by the statement: shown as the interpreter shows it)
        import traceback  # noqa: PLC0415  (only needed here)

        traceback.print_exception(error)
        say(f"the statement raised {type(error).__name__}; there is no verdict")
        return NOT_AS_EXPECTED
    return _deliver(entries, options.json, quiet=options.quiet, all_frames=options.verbose >= text.ALL_FRAMES)


def _deliver(entries: list[CheckEntry], json_path: str | None, *, quiet: bool, all_frames: bool) -> int:
    from pytest_gilcheck.report import text  # noqa: PLC0415  (the command starts fast for --help)
    from pytest_gilcheck.store import json_report  # noqa: PLC0415  (the command starts fast for --help)

    is_written = True
    if json_path:
        report = json_report.lines(entries)
        if json_path == "-":
            sys.stdout.writelines(report)
        else:
            try:
                json_report.write(Path(json_path), report)
            except OSError as error:
                say(f"--json {json_path}: {error}; the report follows instead")
                is_written = False
    if json_path != "-":
        for check in entries:
            lines = (
                [check.verdict.gil]
                if quiet
                else text.report_lines(
                    check.observation, check.verdict, encoding=sys.stdout.encoding, all_frames=all_frames
                )
            )
            for line in lines:
                sys.stdout.write(line + "\n")
    sys.stdout.flush()
    if not is_written:
        return USAGE
    return max((status_of(check.observation, check.verdict) for check in entries), default=OK)
