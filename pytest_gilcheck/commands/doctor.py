"""``gilcheck doctor``: says what this machine and interpreter can and cannot measure, and why."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from pytest_gilcheck import specimens
from pytest_gilcheck.checker.checker import Checker
from pytest_gilcheck.commands.parser import Parser
from pytest_gilcheck.declare.settings import Settings
from pytest_gilcheck.evidence import Machine, Reason
from pytest_gilcheck.evidence.reason import SLUGS
from pytest_gilcheck.gate.exit_status import INCONCLUSIVE, NOT_AS_EXPECTED, OK
from pytest_gilcheck.judge.rules import SHORTEST_CALL_IN_CLOCK_PRICES
from pytest_gilcheck.observe import WatchedAttachment, clock_quality, exact_ledger, watched_attachment
from pytest_gilcheck.plan import can_overlap, n_competing_threads, survey
from pytest_gilcheck.report.figures import duration
from pytest_gilcheck.report.reasons import detail as detail_of
from pytest_gilcheck.run.machine_lock import MachineLock

YES, NO, HINT = "yes", "NO", "but"

#: Long enough for three figures, short enough not to be waited for.
_SPECIMEN_NS = 5_000_000


def main(arguments: Sequence[str]) -> int:
    """Print what can be measured, and return the exit status: 1 after a failed self-check, 3 where something cannot."""
    parser = Parser(
        prog="gilcheck doctor",
        description="Show what can and cannot be measured here, and why. A self-check on functions of known behaviour comes last.",
        epilog="exit status: 0 everything can be measured, 1 the self-check failed, 3 something cannot be measured",
    )
    parser.parse_args(arguments)
    machine = survey(clock_quality())
    with exact_ledger() as instrument:
        grade, unavailable = instrument.grade, instrument.unavailable
    answers = [
        *about_ledger(grade, unavailable, machine),
        *about_attachment(machine),
        *about_wall_clock(machine),
        *about_lock(),
        *about_neighbours(machine),
    ]
    is_checked = grade == "exact" or not machine.has_gil
    wrong = list(self_check(machine)) if is_checked else []
    for line in about_machine(machine):
        sys.stdout.write(f"{line}\n")
    for answer, text in answers:
        sys.stdout.write(f"  {answer:4}{text}\n")
    for text in wrong:
        sys.stdout.write(f"  {NO:4}self-check: {text}\n")
    if wrong:
        return NOT_AS_EXPECTED
    if is_checked:
        sys.stdout.write(f"  {YES:4}self-check: known specimens were judged right\n")
    return INCONCLUSIVE if any(answer == NO for answer, _ in answers) else OK


def about_machine(machine: Machine) -> Iterator[str]:
    """Describe the interpreter and the machine."""
    decided_by = f" by {machine.gil_decided_by}" if machine.gil_decided_by else ""
    gil = f"GIL {machine.gil}{decided_by}"
    yield f"{machine.implementation} {machine.python} ({machine.build}), {gil}, gilcheck {machine.gilcheck}"
    yield f"{machine.platform}, {machine.cpu}"
    quota = "" if machine.cpu_quota is None else f", granted {machine.cpu_quota:g} by the control group"
    load = "" if machine.load_1min is None else f", load {machine.load_1min:.2g}"
    yield f"processors: {machine.n_cpus} of {machine.n_cpus_present} may be used{quota}{load}"
    shortest_ns = SHORTEST_CALL_IN_CLOCK_PRICES * machine.clock_price_ns
    yield (
        f"clock: a reading costs {machine.clock_price_ns} ns, its step is {machine.clock_resolution_ns} ns; "
        f"calls can be measured from {duration(shortest_ns)} on"
    )


def about_ledger(grade: str, unavailable: Reason | None, machine: Machine) -> Iterator[tuple[str, str]]:
    """Say whether every GIL event is recorded."""
    if not machine.has_gil:
        yield YES, "no-gil: nothing can be released here; ask for .detached or .lets_others_run, overlap and agreement"
    elif grade == "exact":
        yield YES, "GIL verdicts: every GIL event is recorded (grade: exact)"
    else:
        slug = unavailable.slug if unavailable else "not-measured"
        detail = (detail_of(unavailable) if unavailable else "") or SLUGS.get(slug, "")
        yield NO, f"GIL verdicts: {slug}: {detail} (grade: {grade})"


def about_attachment(machine: Machine) -> Iterator[tuple[str, str]]:
    """Say whether threads can be seen to attach and detach, where there is no GIL, and why there is one where there need not."""
    if machine.is_free_threaded and machine.has_gil:
        yield HINT, f"gil-switched-on: this free-threaded build runs with its GIL on, by {machine.gil_decided_by}"
    if machine.has_gil:
        return
    watched = WatchedAttachment()
    with watched_attachment(0, watched) as why_not:
        pass
    if why_not is not None:
        yield NO, f"attachment: {why_not.slug}: {detail_of(why_not)} (grade: none)"
    elif watched.not_recorded is not None:
        detail = detail_of(watched.not_recorded)
        yield HINT, f"attachment: threads are sampled (grade: bounded). {watched.not_recorded.slug}: {detail}"
    else:
        yield YES, "attachment: native modules are recorded as they attach and detach threads (grade: exact)"


def about_wall_clock(machine: Machine) -> Iterator[tuple[str, str]]:
    """Say whether calls can overlap at all."""
    cores = machine.usable_cores
    n = "1 processor" if cores == 1 else f"{cores:g} processors"
    if not can_overlap(machine):
        yield NO, f"overlap in wall time: one-cpu: {n} for this process"
        return
    yield YES, f"overlap in wall time: {n}, {n_competing_threads(machine, None)} competing threads"
    if cores < n_competing_threads(machine, None):
        yield HINT, f"two threads share {n}: calls that release the GIL are at most {cores:g} times as fast here"
    if machine.load_1min is not None and machine.load_1min > cores / 2:
        yield HINT, f"the load is {machine.load_1min:.2g}: overlap may come out inconclusive"


def about_lock() -> Iterator[tuple[str, str]]:
    """Say whether the workers of pytest-xdist wait for each other's wall-clock rounds."""
    lock = MachineLock()
    with lock.exclusive(wait_seconds=0.2) as is_exclusive:
        pass
    lock.close()
    if is_exclusive:
        yield YES, "workers of pytest-xdist wait for each other's wall-clock rounds"
    else:
        yield (
            HINT,
            "xdist-neighbours: the lock between workers is not free: another run holds it, or this system has none",
        )


def about_neighbours(machine: Machine) -> Iterator[tuple[str, str]]:
    """Name what else in this process disturbs measurements."""
    for slug in machine.neighbours:
        yield HINT, f"{slug}: {SLUGS[slug]}"


def self_check(machine: Machine) -> Iterator[str]:
    """Describe each specimen that is judged wrong."""
    checker = Checker(Settings(overlap=False))
    words = ("released", "held") if machine.has_gil else ("detached", "attached")
    for specimen, expected in zip((specimens.releases, specimens.holds), words, strict=True):
        verdict = checker(specimen, _SPECIMEN_NS)
        # The sampler shares the processors with everything else: beside a load it may not decide, which is not wrong.
        if verdict.word != expected and (machine.has_gil or verdict.word != "inconclusive"):
            yield f"{verdict.name} is {expected} by construction but was judged {verdict.word}. {verdict.diagnosis}"
