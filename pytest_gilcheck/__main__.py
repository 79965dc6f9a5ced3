"""The command: ``gilcheck -s SETUP STATEMENT``, ``gilcheck show capture.json``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import CheckFailed, Inconclusive, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_gilcheck.evidence import Observation, Verdict

OK, NOT_AS_EXPECTED, USAGE, INCONCLUSIVE = 0, 1, 2, 3
INTERRUPTED = 130

#: So many ``-v`` show every frame.
ALL_FRAMES = 2

_EPILOG = """\
exit status: 0 as expected (without --expect: any decided verdict), 1 not as expected or the call failed,
2 wrong usage, 3 inconclusive.

  gilcheck -s 'import zlib; d = bytes(10**6)' 'zlib.compress(d)'
  gilcheck --expect released --json out.json -s 'import hashlib; d = bytes(10**7)' 'hashlib.sha256(d)'
  gilcheck show out.json
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gilcheck",
        description="Does this statement release the GIL, for how much of its time, and what does it do to other threads?",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("statement", nargs="+", help="the statement to measure; several are lines of one")
    parser.add_argument("-s", "--setup", action="append", default=[], metavar="SETUP", help="run once before, in the same thread; repeatable")
    parser.add_argument("--json", metavar="PATH", help="write the document there (- for stdout, in place of the report)")
    parser.add_argument("--expect", metavar="WORD", help="released, held or partial: exit status 1 if it is another")
    parser.add_argument("--name", help="how the report calls it (default: the statement)")
    parser.add_argument("--threads", metavar="N", help="how many threads compete (default: the usable cores, 2 to 4)")
    parser.add_argument("--budget", metavar="TIME", help="time for wall-clock rounds (default 250ms)")
    parser.add_argument("--deadline", metavar="TIME", help="by when a run of calls must have come back (default 60s)")
    parser.add_argument("--no-overlap", action="store_true", help="single calls only: no competing threads")
    parser.add_argument("--isolate", action="store_true", help="measure in a child process: it may crash, or keep the GIL")
    parser.add_argument("-v", "--verbose", action="count", default=0, help="-vv: show every frame of every hand-over's stack")
    parser.add_argument("-q", "--quiet", action="store_true", help="print the verdict's word alone")
    return parser


def _say(text: str) -> None:
    sys.stderr.write(f"gilcheck: {text}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command's exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if arguments[:1] == ["--child"]:
            return _child(arguments[1:])
        if arguments[:1] == ["show"] and len(arguments) > 1:
            return _show(arguments[1:])
        return _measure(_parser().parse_args(arguments))
    except UsageError as error:
        _say(str(error))
        return USAGE
    except KeyboardInterrupt:
        _say("interrupted; nothing was decided")
        return INTERRUPTED
    except OSError as error:
        # What is left in the buffer cannot be written either: at exit the interpreter would try again, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # its reader has gone: nothing to say to nobody
            _say(f"the report cannot be written: {error}; give --json a path with room for it")
        return USAGE


def _child(arguments: Sequence[str]) -> int:
    from pytest_gilcheck.check import serve_child  # noqa: PLC0415  (the command starts fast for --help)

    given, made = arguments
    serve_child(Path(given), Path(made))
    return OK


def _measure(options: argparse.Namespace) -> int:
    from pytest_gilcheck.check import Checker, Rescue  # noqa: PLC0415  (as above)
    from pytest_gilcheck.declare.settings import Settings  # noqa: PLC0415
    from pytest_gilcheck.report import document  # noqa: PLC0415
    from pytest_gilcheck.run import Call  # noqa: PLC0415
    from pytest_gilcheck.statement import Statement  # noqa: PLC0415

    given = {
        "name": options.name,
        "expect": options.expect,
        "threads": options.threads,
        "budget": options.budget,
        "deadline": options.deadline,
    }
    settings = Settings().changed(
        {
            **{name: value for name, value in given.items() if value is not None},
            "overlap": not options.no_overlap,
            "isolate": options.isolate,
        },
        where="command line",
    )
    statement = Statement("\n".join(options.statement), "\n".join(options.setup) or "pass")
    kept: list[tuple[Observation, Verdict]] = []
    path = Path(options.json) if options.json and options.json != "-" else None
    rescue = Rescue(path, lambda: document.to_json(kept, interrupted="deadline").encode())
    checker = Checker(settings, on_check=lambda *record: kept.append(record), rescue=rescue)
    sys.path.insert(0, "")  # as `python -c` has it: modules of the current folder can be measured
    try:
        checker.of_call(Call(eval, setup=statement.between, args_for=statement.args_for, name=settings.name or statement.statement))
    except UsageError:
        raise
    except (CheckFailed, Inconclusive) as failed:
        _say(str(failed))
        return NOT_AS_EXPECTED
    except (Exception, SystemExit) as error:  # noqa: BLE001  (the statement's own: shown as the interpreter would)
        import traceback  # noqa: PLC0415  (only needed here)

        traceback.print_exception(error)
        _say(f"the statement raised {type(error).__name__}; there is nothing to judge")
        return NOT_AS_EXPECTED
    return _deliver(kept, options.json, quiet=options.quiet, all_frames=options.verbose >= ALL_FRAMES)


def _deliver(kept: list[tuple[Observation, Verdict]], json_path: str | None, *, quiet: bool, all_frames: bool) -> int:
    from pytest_gilcheck.report import document, text  # noqa: PLC0415  (the command starts fast for --help)

    written = True
    if json_path:
        made = document.to_json(kept)
        if json_path == "-":
            sys.stdout.write(made + "\n")
        else:
            try:
                document.write(Path(json_path), made)
            except OSError as error:
                _say(f"--json {json_path}: {error}; the report follows instead")
                written = False
    if json_path != "-":
        for observation, verdict in kept:
            lines = [verdict.gil] if quiet else text.story(observation, verdict, encoding=sys.stdout.encoding, all_frames=all_frames)
            for line in lines:
                sys.stdout.write(line + "\n")
    sys.stdout.flush()
    if not written:
        return USAGE
    return max((_status(observation, verdict) for observation, verdict in kept), default=OK)


def _status(observation: Observation, verdict: Verdict) -> int:
    if verdict.gil in ("inconclusive", "not_applicable"):
        return INCONCLUSIVE
    expected = observation.claim.gil
    return NOT_AS_EXPECTED if expected is not None and verdict.gil != expected else OK


def _show(arguments: Sequence[str]) -> int:
    """Judges saved observations again and shows the verdicts."""
    from pytest_gilcheck.judge import judge  # noqa: PLC0415  (the command starts fast for --help)
    from pytest_gilcheck.report import document, text  # noqa: PLC0415

    parser = argparse.ArgumentParser(prog="gilcheck show", description="Judge a saved document again and show its verdicts.")
    parser.add_argument("document", type=Path, help="a file written by --json or --gilcheck-json")
    parser.add_argument("-v", "--verbose", action="count", default=0, help="-vv: show every frame of every hand-over's stack")
    options = parser.parse_args(arguments)
    status = OK
    for check in document.read(options.document).checks:
        verdict = judge(check.observation)
        for line in text.story(
            check.observation, verdict, encoding=sys.stdout.encoding, all_frames=options.verbose >= ALL_FRAMES
        ):
            sys.stdout.write(line + "\n")
        if verdict.gil != check.verdict.gil:
            sys.stdout.write(f"  (saved as {check.verdict.gil} by {check.verdict.bench.gilcheck})\n")
        status = max(status, _status(check.observation, verdict))
    return status


if __name__ == "__main__":
    sys.exit(main())
