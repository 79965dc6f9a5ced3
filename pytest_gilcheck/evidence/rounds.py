"""Rounds of the wall-clock witness: the same calls in one thread and in competing threads, beside controls."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stamp:
    """Some calls of one thread, one after the other, between two readings of the thread's accounts.

    A JSON report has it as an array of these figures.

    Attributes:
        thread: Number of the thread, from 0.
        start_ns: When the first of these calls began, since the opening of the arm's first phase.
        end_ns: When the last of them returned.
        n_calls: How many calls.
        cpu_ns: Processor time of the thread.
        delay_ns: Time ready to run and not running.
        gap_ns: Time between the first reading and `start_ns`, in which as much of the delay may lie.
        waiting_ns: Time waiting for the GIL. None: not known.
    """

    thread: int
    start_ns: int
    end_ns: int
    n_calls: int
    cpu_ns: int
    delay_ns: int
    gap_ns: int = 0
    waiting_ns: int | None = 0

    @property
    def span_ns(self) -> int:
        """How long the calls took."""
        return self.end_ns - self.start_ns

    @property
    def least_delay_ns(self) -> int:
        """How much of the delay surely lies between start and end."""
        return max(0, self.delay_ns - self.gap_ns)

    @property
    def most_delay_ns(self) -> int:
        """How much of the delay may lie between start and end."""
        return min(self.delay_ns, self.span_ns)


@dataclass(frozen=True, slots=True)
class Reading:
    """A thread's accounts at a moment within an arm, read by another thread.

    A JSON report has it as an array of these figures.

    Attributes:
        thread: Number of the thread, from 0.
        at_ns: When, since the opening of the arm's first phase. The threads of an arm are read at the same moments.
        cpu_ns: Processor time of the thread since the arm's first reading.
        delay_ns: Time ready to run and not running since then. A wait for the processor counts when it is over.
    """

    thread: int
    at_ns: int
    cpu_ns: int
    delay_ns: int


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
        stamps: Its calls, by thread and time. Empty where threads have no accounts of their time off the processor.
        n_stamps_left_out: How many stamps were not kept.
        readings: The threads' accounts while they made their calls, by time and thread. Empty where nobody read them.
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
    stamps: tuple[Stamp, ...] = ()
    n_stamps_left_out: int = 0
    readings: tuple[Reading, ...] = ()

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
        on_cores: The calls in as many of the competing threads as there are usable cores. None where that is all of them.
        stolen_ns: How long the host or a quota kept processors away during the round. None: not known.
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
    on_cores: Arm | None = None
    stolen_ns: int | None = None

    @property
    def one_each(self) -> Arm:
        """The arm in which no more threads competed than there are usable cores."""
        return self.competing if self.on_cores is None else self.on_cores

    @property
    def wall_ns(self) -> int:
        """How long all arms took, without the time between them."""
        arms = (self.serial, self.competing, self.control, self.released, self.held, self.on_cores)
        return sum(arm.wall_ns for arm in arms if arm is not None)


@dataclass(frozen=True, slots=True)
class ShortRound:
    """The same calls, one after the other and together, without controls: for a machine that has no cores to spare.

    Attributes:
        n_threads: How many threads there were.
        serial: Some of the calls one after the other.
        one_each: More of them in as many of the competing threads as there are usable cores.
        stolen_ns: How long the host or a quota kept processors away during the round. None: not known.
    """

    n_threads: int
    serial: Arm
    one_each: Arm
    stolen_ns: int | None = None

    @property
    def wall_ns(self) -> int:
        """How long both arms took."""
        return self.serial.wall_ns + self.one_each.wall_ns
