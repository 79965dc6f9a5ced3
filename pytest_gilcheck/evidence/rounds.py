"""Rounds of the wall-clock witness: the same calls in one thread and in competing threads, beside controls."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arm:
    """Where did the time of one arm of a round go? Sums over its threads, but for `wall_ns`.

    `wall_ns` is from the opening of the gate to the last return; where threads took turns, the sum of their turns.
    `thread_ns` is from the opening to each thread's own last return. `cpu_ns` is processor time of these threads,
    `process_cpu_ns` of all threads of the process. `delay_ns` is time ready to run and not running, `waiting_ns` time
    waiting for the GIL, `held_cpu_ns` processor time that was surely used while holding it, `n_releases_by_function` how often the
    callee let it go (None: not told). During `both_released_ns` of the wall time two threads or more were outside the GIL
    within their calls at once, during `both_not_waiting_ns` two or more were not waiting for it (None: no exact ledger, or an arm of
    one thread).
    """

    wall_ns: int
    thread_ns: int
    cpu_ns: int
    process_cpu_ns: int
    delay_ns: int | None = None
    waiting_ns: int | None = None
    held_cpu_ns: int | None = None
    n_releases_by_function: int | None = None
    both_released_ns: int | None = None
    both_not_waiting_ns: int | None = None

    @property
    def asleep_ns(self) -> int:
        """For how long were its threads neither running, nor ready to, nor waiting for the GIL? Below zero by what their
        clocks, read one after the other, differ."""
        return self.thread_ns - self.cpu_ns - (self.delay_ns or 0) - (self.waiting_ns or 0)


@dataclass(frozen=True, slots=True)
class Round:
    """How long did the same calls take, each way? `serial` one after the other, `competing` in competing threads; `control`,
    `released` and `held` are specimens of known behaviour: one after the other, competing and letting go, competing
    and keeping the GIL. Each thread made `n_calls` calls (`n_control_calls` of the controls); the arms ran in random
    order."""

    n_threads: int
    n_calls: int
    n_control_calls: int
    control_ns: int
    serial: Arm
    competing: Arm
    control: Arm
    released: Arm
    held: Arm

    @property
    def wall_ns(self) -> int:
        """How long did all of it take, without what lies between its arms?"""
        return sum(arm.wall_ns for arm in (self.serial, self.competing, self.control, self.released, self.held))
