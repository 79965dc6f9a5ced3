"""Rounds of the wall-clock witness: the same calls in one thread and in competing threads, beside controls."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Arm:
    """Where did the time of one arm of a round go? Sums over its threads, but for `wall_ns`.

    `wall_ns` is from the opening of the gate to the last return; where threads took turns, the sum of their turns.
    `thread_ns` is from the opening to each thread's own last return. `cpu_ns` is processor time of these threads,
    `process_cpu_ns` of all threads of the process. `delay_ns` is time ready to run and not running, `waiting_ns` time
    waiting for the GIL, `held_cpu_ns` processor time that was surely used while holding it, `n_voluntary` how often the
    callee let it go (None: not told). During `together_ns` of the wall time two threads or more were outside the GIL
    within their calls at once, during `able_ns` two or more were not waiting for it (None: no exact ledger, or an arm of
    one thread).
    """

    wall_ns: int
    thread_ns: int
    cpu_ns: int
    process_cpu_ns: int
    delay_ns: int | None = None
    waiting_ns: int | None = None
    held_cpu_ns: int | None = None
    n_voluntary: int | None = None
    together_ns: int | None = None
    able_ns: int | None = None

    def times(self, factor: float) -> Arm:
        """What would `factor` times the same work have taken, one after the other?"""

        def scaled(figure: Any) -> Any:
            return None if figure is None else round(figure * factor)

        return Arm(*(scaled(getattr(self, field.name)) for field in fields(self)))


@dataclass(frozen=True, slots=True)
class Round:
    """How long did the same calls take, each way? `serial` one after the other, `crew` in competing threads; `control`,
    `released` and `held` are specimens of known behaviour: one after the other, competing and letting go, competing
    and keeping the GIL. Each thread made `n_calls` calls (`n_control_calls` of the controls); the arms ran in random
    order. `serial` and `control` made the calls of `n_serial_threads` of the threads (None: of all)."""

    n_threads: int
    n_calls: int
    n_control_calls: int
    control_ns: int
    serial: Arm
    crew: Arm
    control: Arm
    released: Arm
    held: Arm
    n_serial_threads: int | None = None

    @property
    def serial_of_all(self) -> Arm:
        """What do the calls of all threads take one after the other?"""
        return self.serial.times(self._serial_factor)

    @property
    def control_of_all(self) -> Arm:
        """The same for the control."""
        return self.control.times(self._serial_factor)

    @property
    def _serial_factor(self) -> float:
        return self.n_threads / (self.n_serial_threads or self.n_threads)
