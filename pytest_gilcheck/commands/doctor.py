"""``gilcheck doctor``: what can this machine and interpreter measure, what not, and why?"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from pytest_gilcheck import specimens
from pytest_gilcheck.checker.checker import Checker
from pytest_gilcheck.commands.exit_status import INCONCLUSIVE, NOT_AS_EXPECTED, OK
from pytest_gilcheck.declare.settings import Settings
from pytest_gilcheck.evidence import Machine, Reason
from pytest_gilcheck.evidence.reason import SLUGS
from pytest_gilcheck.judge.rules import SHORTEST_CALL_IN_CLOCK_PRICES
from pytest_gilcheck.observe import clock_quality, exact_ledger
from pytest_gilcheck.plan import survey
from pytest_gilcheck.report.figures import duration
from pytest_gilcheck.report.sentences import detail as detail_of
from pytest_gilcheck.run.machine_lock import MachineLock

YES, NO, HINT = "yes", "NO", "but"

#: Long enough for three figures, short enough not to be waited for.
_SPECIMEN_NS = 5_000_000


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0 everything can be measured, 3 something cannot, 1 the self-check failed."""
    parser = argparse.ArgumentParser(
        prog="gilcheck doctor",
        description="What can be measured here, and what not, and why. Ends with a self-check on functions of known behaviour.",
        epilog="exit status: 0 everything can be measured, 1 the self-check went wrong, 3 something cannot be measured",
    )
    parser.parse_args(arguments)
    machine = survey(clock_quality())
    with exact_ledger() as instrument:
        grade, unavailable = instrument.grade, instrument.unavailable
    found = [
        *about_ledger(grade, unavailable, machine),
        *about_wall_clock(machine),
        *about_lock(),
        *about_neighbours(machine),
    ]
    wrong = list(self_check()) if grade == "exact" else []
    for line in about_machine(machine):
        sys.stdout.write(f"{line}\n")
    for answer, text in found:
        sys.stdout.write(f"  {answer:4}{text}\n")
    for text in wrong:
        sys.stdout.write(f"  {NO:4}self-check: {text}\n")
    if wrong:
        return NOT_AS_EXPECTED
    if grade == "exact":
        sys.stdout.write(f"  {YES:4}self-check: known specimens were judged right\n")
    return INCONCLUSIVE if any(answer == NO for answer, _ in found) else OK


def about_machine(machine: Machine) -> Iterator[str]:
    """Where are we?"""
    yield f"{machine.implementation} {machine.python} ({machine.build}), GIL {machine.gil}, gilcheck {machine.gilcheck}"
    yield f"{machine.platform}, {machine.cpu}"
    quota = "" if machine.cpu_quota is None else f", granted {machine.cpu_quota:g} by the control group"
    load = "" if machine.load_1min is None else f", load {machine.load_1min:.2g}"
    yield f"processors: {machine.n_cpus} of {machine.n_cpus_present} may be used{quota}{load}"
    shortest_ns = SHORTEST_CALL_IN_CLOCK_PRICES * machine.clock_price_ns
    yield f"clock: a reading costs {machine.clock_price_ns} ns, its step is {machine.clock_resolution_ns} ns; calls from {duration(shortest_ns)} on mean something"


def about_ledger(grade: str, unavailable: Reason | None, machine: Machine) -> Iterator[tuple[str, str]]:
    """Is every hand-over seen?"""
    if grade == "exact":
        yield YES, "GIL verdicts: every hand-over is recorded (grade: exact)"
    else:
        slug = unavailable.slug if unavailable else "not-measured"
        detail = (detail_of(unavailable) if unavailable else "") or SLUGS.get(slug, "")
        yield NO, f"GIL verdicts: {slug}: {detail} (grade: {grade})"
    if machine.gil != "enabled":
        yield HINT, "no-gil: nothing can be released here; overlap and agreement still count"


def about_wall_clock(machine: Machine) -> Iterator[tuple[str, str]]:
    """Can calls overlap at all?"""
    cores = machine.n_cpus if machine.cpu_quota is None else min(machine.n_cpus, machine.cpu_quota)
    if cores < 2:  # noqa: PLR2004  (overlap is of two)
        yield NO, f"overlap in wall time: one-cpu: {cores:g} processors for this process"
        return
    yield YES, f"overlap in wall time: {cores:g} processors"
    if machine.load_1min is not None and machine.load_1min > cores / 2:
        yield HINT, f"the load is {machine.load_1min:.2g}: overlap may come out inconclusive"


def about_lock() -> Iterator[tuple[str, str]]:
    """Do workers make room for each other?"""
    quiet = MachineLock()
    with quiet.exclusive(wait_seconds=0.2) as is_alone:
        pass
    quiet.close()
    if is_alone:
        yield YES, "workers of pytest-xdist make room for wall-clock rounds"
    else:
        yield (
            HINT,
            "xdist-neighbours: the lock between workers cannot be had now: a run is going on, or there is none on this system",
        )


def about_neighbours(machine: Machine) -> Iterator[tuple[str, str]]:
    """Who else is in this process?"""
    for slug in machine.neighbours:
        yield HINT, f"{slug}: {SLUGS[slug]}"


def self_check() -> Iterator[str]:
    """What is judged wrong? Nothing is yielded where all is well."""
    checker = Checker(Settings(overlap=False))
    for specimen, expected in ((specimens.releases, "released"), (specimens.holds, "held")):
        verdict = checker(specimen, _SPECIMEN_NS)
        if verdict.gil != expected:
            yield f"{verdict.name} is {expected} by construction and was found {verdict.gil}. {verdict.diagnosis}"
