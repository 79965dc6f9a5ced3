"""``gilcheck doctor`` reports what this machine and interpreter can measure, what they cannot, and why."""

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

#: Long enough for an exact share, and short enough that nobody notices the wait.
_SPECIMEN_NS = 5_000_000


def main(arguments: Sequence[str]) -> int:
    """Return the exit status: 0 everything can be measured, 3 something cannot, 1 the self-check failed."""
    parser = argparse.ArgumentParser(
        prog="gilcheck doctor",
        description="Show what can be measured here, what cannot, and why. A self-check on functions of known behaviour comes last.",
        epilog="exit status: 0 everything can be measured, 1 the self-check failed, 3 something cannot be measured",
    )
    parser.parse_args(arguments)
    machine = survey(clock_quality())
    with exact_ledger() as instrument:
        grade, unavailable = instrument.grade, instrument.unavailable
    abilities = [
        *about_ledger(grade, unavailable, machine),
        *about_wall_clock(machine),
        *about_lock(),
        *about_neighbours(machine),
    ]
    wrong = list(self_check()) if grade == "exact" else []
    for line in about_machine(machine):
        sys.stdout.write(f"{line}\n")
    for answer, text in abilities:
        sys.stdout.write(f"  {answer:4}{text}\n")
    for text in wrong:
        sys.stdout.write(f"  {NO:4}self-check: {text}\n")
    if wrong:
        return NOT_AS_EXPECTED
    if grade == "exact":
        sys.stdout.write(f"  {YES:4}self-check: specimens of known behaviour were judged right\n")
    return INCONCLUSIVE if any(answer == NO for answer, _ in abilities) else OK


def about_machine(machine: Machine) -> Iterator[str]:
    """Yield lines about the interpreter and the machine."""
    yield f"{machine.implementation} {machine.python} ({machine.build}), GIL {machine.gil}, gilcheck {machine.gilcheck}"
    yield f"{machine.platform}, {machine.cpu}"
    quota = "" if machine.cpu_quota is None else f", granted {machine.cpu_quota:g} by the control group"
    load = "" if machine.load_1min is None else f", load {machine.load_1min:.2g}"
    yield f"processors: {machine.n_cpus} of {machine.n_cpus_present} may be used{quota}{load}"
    shortest_ns = SHORTEST_CALL_IN_CLOCK_PRICES * machine.clock_price_ns
    yield f"clock: a reading costs {machine.clock_price_ns} ns, its step is {machine.clock_resolution_ns} ns; calls of {duration(shortest_ns)} or more can be measured"


def about_ledger(grade: str, unavailable: Reason | None, machine: Machine) -> Iterator[tuple[str, str]]:
    """Yield whether the ledger records every GIL event here."""
    if grade == "exact":
        yield YES, "GIL verdicts: every release and take of the GIL is recorded (grade: exact)"
    else:
        slug = unavailable.slug if unavailable else "not-measured"
        detail = (detail_of(unavailable) if unavailable else "") or SLUGS.get(slug, "")
        yield NO, f"GIL verdicts: {slug}: {detail} (grade: {grade})"
    if machine.gil != "enabled":
        yield HINT, "no-gil: there is nothing to release; overlap and agreement can still be checked"


def about_wall_clock(machine: Machine) -> Iterator[tuple[str, str]]:
    """Yield whether calls can overlap at all here."""
    cores = machine.n_cpus if machine.cpu_quota is None else min(machine.n_cpus, machine.cpu_quota)
    if cores < 2:  # noqa: PLR2004  (overlap is of two)
        yield NO, f"overlap in wall time: one-cpu: {cores:g} processors for this process"
        return
    yield YES, f"overlap in wall time: {cores:g} processors"
    if machine.load_1min is not None and machine.load_1min > cores / 2:
        yield HINT, f"the load is {machine.load_1min:.2g}: overlap may be inconclusive"


def about_lock() -> Iterator[tuple[str, str]]:
    """Yield whether the workers of pytest-xdist can lock the machine."""
    lock = MachineLock()
    with lock.exclusive(wait_seconds=0.2) as is_alone:
        pass
    lock.close()
    if is_alone:
        yield YES, "workers of pytest-xdist wait while one of them runs wall-clock rounds"
    else:
        yield (
            HINT,
            "xdist-neighbours: the lock between workers cannot be taken now: another run holds it, or this system has none",
        )


def about_neighbours(machine: Machine) -> Iterator[tuple[str, str]]:
    """Yield what else in this process may disturb a check."""
    for slug in machine.neighbours:
        yield HINT, f"{slug}: {SLUGS[slug]}"


def self_check() -> Iterator[str]:
    """Yield a sentence for each specimen that is judged wrong, and nothing if all are judged right."""
    checker = Checker(Settings(overlap=False))
    for specimen, expected in ((specimens.releases, "released"), (specimens.holds, "held")):
        verdict = checker(specimen, _SPECIMEN_NS)
        if verdict.gil != expected:
            yield f"{verdict.name} is {expected} by construction, but was judged {verdict.gil}. {verdict.diagnosis}"
