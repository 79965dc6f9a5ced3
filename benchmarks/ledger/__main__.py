"""The benchmark's command line: ``python -m benchmarks.ledger run``, then ``report``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.ledger.cases import read_cases, select, specimen_cases
from benchmarks.ledger.driver import plan, run
from benchmarks.ledger.intervals import Interval
from benchmarks.ledger.measurement import WITNESSES, Measurement, MeasurementFile, read_measurements
from benchmarks.ledger.price import Price, measure_price
from benchmarks.ledger.report import render
from benchmarks.ledger.score import bars, score

FOLDER = Path(".gilcheck") / "bench-ledger"
ADAPTER = "benchmarks.ledger.adapter"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ledger", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    measure = commands.add_parser("run", help="measure cases; an interrupted run goes on where it ended")
    measure.add_argument("--cases", nargs="*", default=[], metavar="PATTERN", help="ids, shell patterns (default: all)")
    measure.add_argument(
        "--package", nargs="*", default=[], help="only these packages; `specimens` and `stdlib` are two (default: all)"
    )
    measure.add_argument(
        "--witness", nargs="*", default=list(WITNESSES), choices=WITNESSES, help="who is asked (default: all)"
    )
    measure.add_argument(
        "--loads",
        nargs="*",
        type=_count,
        default=[0, 2, 4],
        metavar="N",
        help="busy processes beside it (default: 0 2 4)",
    )
    measure.add_argument("--repeats", type=_count, default=1, help="times that each question is asked (default: 1)")
    measure.add_argument("--seed", type=int, default=0, help="of the order (default: 0)")
    measure.add_argument(
        "--timeout", type=float, default=120.0, metavar="SECONDS", help="per question, set-up included (default: 120)"
    )
    measure.add_argument("--fresh", action="store_true", help="forget earlier measurements of this Python")
    measure.add_argument("--adapter", default=ADAPTER, help=argparse.SUPPRESS)

    price = commands.add_parser("price", help="measure what recording adds to a release/take pair")
    price.add_argument("--batches", type=_count, default=12, help="of fresh processes (default: 12)")
    price.add_argument("--adapter", default=ADAPTER, help=argparse.SUPPRESS)

    report = commands.add_parser("report", help="print the tables and write them to report.md")
    report.add_argument("--loads", nargs="*", type=_count, default=None, metavar="N", help="only these loads")

    for command in (measure, price, report):
        command.add_argument("--folder", type=Path, default=FOLDER, help=f"where figures are kept (default: {FOLDER})")
    return parser


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        message = f"{value} is negative: a count is expected"
        raise argparse.ArgumentTypeError(message)
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0: done, 1: `report` found a promise that was missed, 2: usage, 130: interrupted, run it again."""
    options = _parser().parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    try:
        if options.command == "run":
            return _run(options)
        if options.command == "price":
            _save(options.folder / "price.json", asdict(measure_price(options.batches, adapter=options.adapter)))
            return 0
        return _report(options)
    except (ValueError, RuntimeError) as error:
        sys.stderr.write(f"benchmarks.ledger: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write(f"interrupted; what was measured is in {options.folder}, the same command goes on\n")
        return 130


def _run(options: argparse.Namespace) -> int:
    path = options.folder / f"measurements-{platform.python_version()}.jsonl"
    if options.fresh:
        path.unlink(missing_ok=True)
    cases = select([*specimen_cases(), *read_cases()], options.cases, options.package)
    done = {m.key for m in read_measurements([path])}
    blocks = plan(cases, options.witness, options.loads, options.repeats, seed=options.seed, done=done)
    n_jobs = sum(len(block.jobs) for block in blocks)
    kept = MeasurementFile(path)
    n_done = 0

    def keep(measurement: Measurement) -> None:
        nonlocal n_done
        kept.append(measurement)
        n_done += 1
        word = measurement.gil or f"{measurement.outcome}: {measurement.detail}"
        sys.stdout.write(
            f"{n_done}/{n_jobs} {measurement.case} load {measurement.load} {measurement.witness}: {word[:160]}\n"
        )
        sys.stdout.flush()

    try:
        run(blocks, keep, adapter=options.adapter, timeout_s=options.timeout)
    finally:
        kept.close()
    return 0


def _report(options: argparse.Namespace) -> int:
    measurements = read_measurements(sorted(options.folder.glob("measurements-*.jsonl")))
    if options.loads is not None:
        measurements = [m for m in measurements if m.load in options.loads]
    scored = score([*specimen_cases(), *read_cases()], measurements)
    if not scored:
        message = f"nothing was measured yet in {options.folder}: `python -m benchmarks.ledger run` first"
        raise ValueError(message)
    price = _price(options.folder / "price.json")
    rows = bars(scored, price)
    instruments = sorted({s.measurement.instrument for s in scored if s.measurement.instrument})
    header = [
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        f"CPython {', '.join(sorted({s.measurement.python for s in scored}))}",
        f"busy processes: {', '.join(str(load) for load in sorted({s.measurement.load for s in scored}))}",
        f"instruments: {', '.join(instruments) or 'none'}",
    ]
    page = render(header, rows, scored, price)
    (options.folder / "report.md").write_text(page, encoding="utf-8")
    sys.stdout.write(page)
    return 0 if all(row.verdict == "met" for row in rows) else 1


def _save(path: Path, record: object) -> None:
    text = json.dumps(record, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(text + "\n")


def _price(path: Path) -> Price | None:
    if not path.exists():
        return None
    entry = json.loads(path.read_text(encoding="utf-8"))
    for name in ("alone", "contended", "fine", "removed", "twin"):
        entry[name] = Interval(**entry[name])
    return Price(**entry)


if __name__ == "__main__":
    sys.exit(main())
