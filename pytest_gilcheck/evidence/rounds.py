"""Rounds of the wall-clock witness: the same calls in one thread and in competing threads, beside controls."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arm:
    """Where the time of one arm of a round went. Figures are sums over its threads, but for `wall_ns`.

    Attributes:
        wall_ns: From the opening of the gate to the last return; where threads ran one after the other, the sum of their
            phases.
        thread_ns: From the opening to each thread's own last return.
        cpu_ns: Processor time of these threads.
        process_cpu_ns: Processor time of all threads of the process.
        delay_ns: Time ready to run and not running. None: not known.
        waiting_ns: Time waiting for the GIL. None: not known.
        held_cpu_ns: Processor time that was surely used while holding the GIL. None: not known.
        n_releases_by_function: How often the callee let the GIL go. None: not known.
        both_released_ns: Wall time during which two threads or more were outside the GIL within their calls at once.
            None: no exact ledger, or an arm of one thread.
        both_not_waiting_ns: Wall time during which two threads or more were not waiting for the GIL. None: as above.
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
        """How long its threads were neither running, nor ready to run, nor waiting for the GIL.

        It can be a little below zero, because the clocks of a thread are read one after the other.
        """
        return self.thread_ns - self.cpu_ns - (self.delay_ns or 0) - (self.waiting_ns or 0)


@dataclass(frozen=True, slots=True)
class Round:
    """The same calls, one after the other and in competing threads, beside controls. The arms ran in random order.

    Attributes:
        n_threads: How many threads competed.
        n_calls: Calls of each thread.
        n_control_calls: Calls of the controls of each thread.
        control_ns: How long each call of a control works.
        serial: The calls one after the other.
        competing: The calls in competing threads.
        control: The control, one call after the other.
        released: The control in competing threads, which lets the GIL go.
        held: The control in competing threads, which keeps the GIL.
    """

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
        """How long all arms took, without the time between them."""
        return sum(arm.wall_ns for arm in (self.serial, self.competing, self.control, self.released, self.held))
