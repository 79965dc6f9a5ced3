"""From what the threads of a phase did to the arm of a round, and what another thread sees of them meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_gilcheck import _native
from pytest_gilcheck.evidence import Arm, Place, Reading, SleepPlace, Sleeps, Stamp

#: Where `setup` makes a phase of each call, the stamps and readings of so many threads' calls are kept of each arm.
_MOST_STAMPS_OF_PHASES = 64
_MOST_READINGS_OF_PHASES = 256

#: How often accounts are read from outside: some times in the shortest time slice that kernels give (0.7 to 4 ms). A
#: reading takes a core for 20 to 40 µs.
_READING_GAP_NS = 500_000
#: So often at most in one phase: for 0.1 s.
_MOST_READINGS = 200

#: So many looks at each thread are wanted, and so much time lies between two at least. A look takes a core for 20 µs.
_WANTED_LOOKS = 200
_LOOK_GAP_NS = 300_000


@dataclass(frozen=True)
class Phase:
    """What happens from one opening of the barrier to the next: in which arm, and how many calls each thread makes."""

    arm: str
    n_calls: tuple[int, ...]

    @property
    def n_working(self) -> int:
        """The number of threads that make calls."""
        return sum(1 for n_calls in self.n_calls if n_calls)


class PhaseReader:
    """Reads the accounts of the threads that work in a phase, from outside, until the first of them is done."""

    def __init__(self, phase: Phase, native_ids: Sequence[int]) -> None:
        self._threads = [index for index, n_calls in enumerate(phase.n_calls) if n_calls]
        self._reader = _native.AccountReader([native_ids[t] for t in self._threads], _READING_GAP_NS, _MOST_READINGS)

    def start(self, index: int) -> None:
        """Begin to read, if thread `index`, which calls this before the barrier opens, is the first of those that work."""
        if index == self._threads[0]:
            with contextlib.suppress(RuntimeError):  # the system has no more threads: the stamps decide alone
                self._reader.start()

    def stop(self) -> None:
        """Read no more: a thread is done, so that not all of them are within their calls from now on."""
        self._reader.stop()

    def readings(self, began_ns: int, until_ns: int) -> tuple[tuple[Reading, ...], int]:
        """Return what was read up to the first reading after `until_ns`, and the processor time that it took."""
        taken, cpu_ns = self._reader.finish()
        within = [place for place, (at_ns, _) in enumerate(taken) if at_ns <= until_ns]
        return tuple(
            Reading(thread, at_ns - began_ns, *account)
            for at_ns, accounts in taken[: len(within) + 1]
            for thread, account in zip(self._threads, accounts, strict=True)
        ), cpu_ns


class PhaseSampler:
    """Looks where the threads that work in a phase sleep, from outside, until the first of them is done."""

    def __init__(self, phase: Phase, native_ids: Sequence[int], expected_ns: int) -> None:
        self._threads = [index for index, n_calls in enumerate(phase.n_calls) if n_calls]
        gap_ns = max(_LOOK_GAP_NS, expected_ns // _WANTED_LOOKS)
        self._sampler = _native.SleepSampler([native_ids[t] for t in self._threads], gap_ns, 2 * _WANTED_LOOKS)

    def start(self, index: int) -> None:
        """Begin to look, if thread `index`, which calls this before the barrier opens, is the first of those that work."""
        if index == self._threads[0]:
            with contextlib.suppress(RuntimeError):  # the system has no more threads: nothing is seen
                self._sampler.start()

    def stop(self) -> None:
        """Look no more: a thread is done."""
        self._sampler.stop()

    def sleeps(self, in_phase: Sequence[_native.ThreadRun | None]) -> Sleeps:
        """Return what was seen while all of these threads were within their calls."""
        thread_runs = [thread_run for thread_run in in_phase if thread_run is not None]
        first_ns = min(thread_run.end_ns for thread_run in thread_runs)
        stacks, n_running, n_unread = self._sampler.finish(thread_runs[0].opened_ns, first_ns)
        places = (
            SleepPlace(system_call, tuple(Place(*frame) for frame in frames), n) for system_call, frames, n in stacks
        )
        return Sleeps(tuple(places), n_running, n_unread)


def arm_of(
    in_phase: Sequence[_native.ThreadRun | None],
    began_ns: int,
    totals_before: tuple[int, int],
    reader: PhaseReader | None,
    *,
    is_kept: bool,
) -> tuple[Arm, tuple[int, int]]:
    """Return what the threads of a phase did as an arm, and the meter's totals at its end.

    Args:
        in_phase: What each thread did; None for one that made no calls.
        began_ns: When the first phase of the arm was opened.
        totals_before: The meter's totals at the end of the phase before.
        reader: What has read the threads' accounts meanwhile.
        is_kept: Whether stamps and readings are kept.

    Returns:
        The arm and the totals.
    """
    thread_runs = [thread_run for thread_run in in_phase if thread_run is not None]
    stamps = [
        Stamp(index, start_ns - began_ns, end_ns - began_ns, n_calls, cpu_ns, delay_ns, gap_ns, waiting_ns)
        for index, thread_run in enumerate(in_phase)
        if thread_run is not None
        for start_ns, end_ns, n_calls, cpu_ns, delay_ns, gap_ns, waiting_ns in thread_run.stamps
    ]
    totals = [thread_run.totals for thread_run in thread_runs if thread_run.totals is not None]
    is_competing = len(thread_runs) > 1
    totals_after = max(totals) if totals else totals_before
    is_exact = is_competing and len(totals) == len(thread_runs)
    opened_ns, last_ns = thread_runs[0].opened_ns, max(thread_run.end_ns for thread_run in thread_runs)
    first_ns = min(thread_run.end_ns for thread_run in thread_runs)
    readings, reader_cpu_ns = ((), 0) if reader is None else reader.readings(began_ns, first_ns)
    arm = Arm(
        wall_ns=last_ns - opened_ns,
        thread_ns=sum(thread_run.end_ns - opened_ns for thread_run in thread_runs),
        cpu_ns=sum(thread_run.cpu_ns for thread_run in thread_runs),
        process_cpu_ns=max(0, max(thread_run.process_cpu_ns for thread_run in thread_runs) - reader_cpu_ns),
        delay_ns=_total([_delay(thread_run, last_ns) for thread_run in thread_runs]),
        waiting_ns=_total([thread_run.waiting_ns for thread_run in thread_runs]),
        held_cpu_ns=_total([_held_cpu(thread_run) for thread_run in thread_runs]),
        n_releases_by_function=_total([thread_run.n_releases_by_function for thread_run in thread_runs]),
        both_released_ns=max(0, totals_after[0] - totals_before[0]) if is_exact else None,
        both_not_waiting_ns=max(0, totals_after[1] - totals_before[1]) if is_exact else None,
        stamps=tuple(stamps) if is_kept else (),
        n_stamps_left_out=0 if is_kept else len(stamps),
        readings=readings if is_kept else (),
    )
    return arm, totals_after


def opened_ns(in_phase: Sequence[_native.ThreadRun | None]) -> int:
    """Return when the phase was opened."""
    return next(thread_run.opened_ns for thread_run in in_phase if thread_run is not None)


def added(first: Arm | None, second: Arm) -> Arm:
    """Return two phases of an arm as one."""
    if first is None:
        return second
    stamps = first.stamps + second.stamps
    return Arm(
        wall_ns=first.wall_ns + second.wall_ns,
        thread_ns=first.thread_ns + second.thread_ns,
        cpu_ns=first.cpu_ns + second.cpu_ns,
        process_cpu_ns=first.process_cpu_ns + second.process_cpu_ns,
        delay_ns=_total([first.delay_ns, second.delay_ns]),
        waiting_ns=_total([first.waiting_ns, second.waiting_ns]),
        held_cpu_ns=_total([first.held_cpu_ns, second.held_cpu_ns]),
        n_releases_by_function=_total([first.n_releases_by_function, second.n_releases_by_function]),
        both_released_ns=_total([first.both_released_ns, second.both_released_ns]),
        both_not_waiting_ns=_total([first.both_not_waiting_ns, second.both_not_waiting_ns]),
        stamps=stamps[:_MOST_STAMPS_OF_PHASES],
        n_stamps_left_out=first.n_stamps_left_out
        + second.n_stamps_left_out
        + max(0, len(stamps) - _MOST_STAMPS_OF_PHASES),
        readings=(first.readings + second.readings)[:_MOST_READINGS_OF_PHASES],
    )


def _delay(thread_run: _native.ThreadRun, last_ns: int) -> int | None:
    """Return the thread's delay, with what followed its end while another one still worked.

    A thread that is preempted at its end may keep the others waiting, until the last of them has ended.
    """
    return (
        None
        if thread_run.delay_ns is None
        else thread_run.delay_ns + min(thread_run.after_ns, last_ns - thread_run.end_ns)
    )


def _held_cpu(thread_run: _native.ThreadRun) -> int | None:
    """Return the processor time that the thread must have spent holding the GIL.

    It is all of its processor time except as much as fits into the time in which it neither held the GIL nor waited.
    """
    if thread_run.held_ns is None or thread_run.waiting_ns is None:
        return None
    free_ns = thread_run.end_ns - thread_run.opened_ns - thread_run.late_ns - thread_run.held_ns - thread_run.waiting_ns
    return max(0, min(thread_run.held_ns, thread_run.cpu_ns - max(0, free_ns)))


def _total(figures: Sequence[int | None]) -> int | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known) if len(known) == len(figures) else None
