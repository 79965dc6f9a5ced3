"""The bar of the living process: ``python -m benchmarks.living``; with ``--quick`` a few minutes, else an hour."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks.living.cases import Public, Specimen, corpus, specimens
from benchmarks.living.cells import Answer, plan, run
from benchmarks.living.neighbours import NEIGHBOURS
from benchmarks.living.report import bars, line, mark, render


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.living", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few specimens of each kind, idle")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NEIGHBOUR", help=f"beside these only: {', '.join(NEIGHBOURS)}"
    )
    parser.add_argument(
        "--load", action="append", type=int, metavar="N", help="busy processes (default: 0 and 2; quick: 0)"
    )
    parser.add_argument("--case", action="append", default=[], metavar="ID", help="only these, such as 'holds(20)'")
    parser.add_argument("--corpus", action="store_true", help="the public functions of the ledger benchmark too")
    parser.add_argument("--no-overlap", action="store_true", help="without rounds on the wall clock, which are faster")
    parser.add_argument("--repeats", type=int, default=1, help="how often each cell is checked (default: 1)")
    parser.add_argument("--timeout", type=float, default=120.0, metavar="SECONDS", help="of a cell (default: 120)")
    parser.add_argument("--seed", type=int, default=0, help="of the order (default: 0)")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Check all cells and print the table; 0: all bars are met, 1: one is missed, 2: usage, 130: interrupted."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if unknown := set(options.only) - set(NEIGHBOURS):
        parser.error(f"no neighbour {', '.join(sorted(unknown))}: there are {', '.join(NEIGHBOURS)}")
    cases: list[Specimen | Public] = [*specimens(quick=options.quick and not options.case)]
    if options.corpus:
        cases += corpus()
    cases = [case for case in cases if not options.case or case.id in options.case]
    loads = options.load if options.load is not None else [0] if options.quick else [0, 2]
    cells = plan(cases, options.only or list(NEIGHBOURS), loads, options.seed) * options.repeats
    if not cells:
        parser.error("nothing is left to check")
    cells.sort(key=lambda cell: cell.load)
    answers: list[Answer] = []
    try:
        for answer in run(cells, {"overlap": False} if options.no_overlap else {}, options.timeout):
            answers.append(answer)
            if mark(answer) != "absent":
                print(f"{len(answers)}/{len(cells)} {mark(answer)}: {line(answer)}", flush=True)
    except KeyboardInterrupt:
        print(render(answers))
        return 130
    print()
    print(render(answers))
    return 0 if all(met for _, _, _, met in bars(answers)) else 1


if __name__ == "__main__":
    sys.exit(main())
