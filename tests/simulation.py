"""The plain twin of the judge of overlap: threads, locks, the GIL and a scheduler, stepped through time.

It knows the truth, which is how long the same calls take on free cores, and emits the evidence of a machine on which other
processes are busy. Nothing in it is clever: time goes on in steps, and in each step every core runs one task.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from pytest_gilcheck.evidence import Arm, Reading, ShortRound, Stamp

US = 1_000
STEP_NS = 25 * US
GIL = "gil"
#: How often the threads' accounts are read from outside.
READING_NS = 500 * US

#: A call: parts of a kind, each for a time. Kinds: ``run``, ``sleep``, ``gil`` and names of locks.
Call = Sequence[tuple[str, int]]


@dataclass(frozen=True)
class World:
    """A machine and what is busy on it.

    `shared_bus`: by how much a thread is slowed down by each other one that runs its call. `is_sticky`: a task that wakes
    goes to the core that it ran on last, as kernels like it. `wakes_first`: it runs there at once. `handed_over_share`: how
    often a lock goes to somebody who waits for it, and not to whoever comes first.
    """

    n_cores: int = 2
    n_busy: int = 0
    slice_ns: int = 3_000 * US
    shared_bus: float = 0.0
    is_sticky: bool = True
    wakes_first: bool = False
    handed_over_share: float = 0.5
    seed: int = 0


@dataclass
class _Task:
    number: int
    calls: list[Call]  # those still to be made; empty for a busy process
    is_busy: bool = False
    core: int = 0
    state: str = "ready"  # ready, running, waiting (for a lock), gil (waiting for it), asleep, done
    part: int = 0
    left_ns: float = 0.0
    slice_ns: float = 0.0
    vruntime: float = 0.0
    cpu_ns: float = 0.0
    delay_ns: float = 0.0
    counted_ns: float = 0.0  # of the delay, what the system has counted: a wait counts when it is over
    waiting_ns: float = 0.0
    wakes_in_ns: float = 0.0
    holds: str = ""
    marks: list[tuple[int, float, float, float]] = field(default_factory=list)  # at each boundary of calls

    def mark(self, now_ns: int) -> None:
        self.marks.append((now_ns, self.cpu_ns, self.delay_ns, self.waiting_ns))


class _Machine:
    def __init__(self, world: World, work: Sequence[Sequence[Call]], draw: random.Random) -> None:
        self.world = world
        self.draw = draw
        self.threads = [_Task(number, list(calls)) for number, calls in enumerate(work)]
        busy = [_Task(-1 - number, [], is_busy=True) for number in range(world.n_busy)]
        self.tasks = [*self.threads, *busy]
        for place, task in enumerate(self.tasks):
            # Threads begin on cores of their own, as at the barrier; busy processes are anywhere in their slices.
            task.core = place % world.n_cores if not task.is_busy else draw.randrange(world.n_cores)
            task.vruntime = draw.random() * world.slice_ns if task.is_busy else 0.0
        self.locks: dict[str, int | None] = {}
        self.readings: list[Reading] = []
        self.now_ns = 0

    def run(self) -> None:
        for task in self.threads:
            task.mark(0)
            self._begin_part(task)
        self._read()
        while any(task.state != "done" for task in self.threads):
            self._step()
            if self.now_ns % READING_NS < STEP_NS:
                self._read()

    def _read(self) -> None:
        if all(task.state != "done" for task in self.threads):
            self.readings += [
                Reading(task.number, self.now_ns, round(task.cpu_ns), round(task.counted_ns)) for task in self.threads
            ]

    def _begin_part(self, task: _Task) -> None:
        """Begin the task's present part, or go on to the next call; the task is on a core, or has just begun."""
        while True:
            if not task.calls:
                task.state = "done"
                return
            if task.part >= len(task.calls[0]):
                task.calls.pop(0)
                task.part = 0
                task.mark(self.now_ns)
                continue
            kind, ns = task.calls[0][task.part]
            if kind == "sleep":
                task.state, task.wakes_in_ns = "asleep", ns
                return
            if kind != "run" and self.locks.get(kind) not in (None, task.number):
                task.state = "gil" if kind == GIL else "waiting"
                return
            if kind != "run":
                self.locks[kind], task.holds = task.number, kind
            task.left_ns = ns
            return

    def _end_part(self, task: _Task) -> None:
        if task.holds:
            self.locks[task.holds] = None
            lock = task.holds
            waiters = [t for t in self.threads if t.state in ("gil", "waiting") and t.calls[0][t.part][0] == task.holds]
            if waiters:
                woken = self.draw.choice(waiters)
                self._wake(woken)
                if self.draw.random() < self.world.handed_over_share:
                    self.locks[lock] = woken.number
            task.holds = ""
        task.part += 1
        self._begin_part(task)

    def _wake(self, task: _Task) -> None:
        task.state = "ready"
        task.left_ns = 0.0  # it tries its part again once it runs
        before = task.core
        if not self.world.is_sticky:
            load = [sum(t.core == core and t.state in ("ready", "running") for t in self.tasks) for core in self._cores]
            task.core = min(self._cores, key=load.__getitem__)
        # Who has slept does not run for all the time that it has missed.
        others = [
            t.vruntime for t in self.tasks if t.core == task.core and t.state in ("ready", "running") and t is not task
        ]
        task.vruntime = max(task.vruntime, min(others, default=0.0))
        if task.core != before:
            # Each core counts from where it is. (Else who moves between two of them is kept off for longer each time, for ever.)
            task.vruntime = min(others, default=task.vruntime)
        if self.world.wakes_first:
            task.vruntime = min(others, default=0.0) - STEP_NS
            for other in self.tasks:
                if other.core == task.core and other.state == "running" and other.is_busy:
                    other.slice_ns = 0.0

    @property
    def _cores(self) -> range:
        return range(self.world.n_cores)

    def _step(self) -> None:
        for task in self.threads:
            if task.state == "asleep":
                task.wakes_in_ns -= STEP_NS
                if task.wakes_in_ns <= 0:
                    task.part += 1
                    self._wake(task)
        running = [task for core in self._cores if (task := self._chosen(core)) is not None]
        speed = 1 / (1 + self.world.shared_bus * max(0, sum(not task.is_busy for task in running) - 1))
        for task in self.threads:
            if task.state == "ready":
                task.delay_ns += STEP_NS
            elif task.state == "gil":
                task.waiting_ns += STEP_NS
        self.now_ns += STEP_NS
        for task in running:
            self._run_for_a_step(task, speed)

    def _run_for_a_step(self, task: _Task, speed: float) -> None:
        task.slice_ns -= STEP_NS
        task.vruntime += STEP_NS
        task.cpu_ns += STEP_NS
        task.counted_ns = task.delay_ns
        if task.is_busy:
            return
        if task.left_ns <= 0:
            self._begin_part(task)  # it was woken
        if task.state == "running":
            task.left_ns -= STEP_NS * speed
            if task.left_ns <= 0:
                self._end_part(task)

    def _chosen(self, core: int) -> _Task | None:
        """Return the task that a core runs now: the present one until its slice ends, then whoever has run least."""
        here = [task for task in self.tasks if task.core == core and task.state in ("ready", "running")]
        if not here:
            # An idle core takes a task that waits for another core.
            waiting = [task for task in self.tasks if task.state == "ready"]
            if not waiting:
                return None
            here = [self.draw.choice(waiting)]
            here[0].core = core
        present = next((task for task in here if task.state == "running" and task.slice_ns > 0), None)
        if present is not None:
            return present
        for task in here:
            task.state = "ready"
        least = min(task.vruntime for task in here)
        chosen = self.draw.choice([task for task in here if task.vruntime <= least])
        chosen.state, chosen.slice_ns = "running", self.world.slice_ns
        return chosen


def _arm(
    world: World,
    work: Sequence[Sequence[Call]],
    draw: random.Random,
    n_stamp_calls: int,
    first: int = 0,
    *,
    is_read: bool = False,
) -> Arm:
    machine = _Machine(world, work, draw)
    machine.run()
    stamps = []
    for task in machine.threads:
        marks = [*task.marks[:-1:n_stamp_calls], task.marks[-1]]
        n_all = len(task.marks) - 1
        for place, (before, after) in enumerate(pairwise(marks)):
            n_calls = min(n_stamp_calls, n_all - place * n_stamp_calls)
            cpu_ns, delay_ns, waiting_ns = (round(after[at] - before[at]) for at in (1, 2, 3))
            stamps.append(Stamp(task.number + first, before[0], after[0], n_calls, cpu_ns, delay_ns, 0, waiting_ns))
    wall_ns = max(task.marks[-1][0] for task in machine.threads)
    cpu_ns = round(sum(task.cpu_ns for task in machine.threads))
    return Arm(
        wall_ns,
        sum(task.marks[-1][0] for task in machine.threads),
        cpu_ns,
        cpu_ns,
        round(sum(task.delay_ns for task in machine.threads)),
        round(sum(task.waiting_ns for task in machine.threads)),
        stamps=tuple(stamps),
        readings=tuple(machine.readings) if is_read else (),
    )


def short_rounds(
    world: World,
    calls: Sequence[Call],
    *,
    n_rounds: int,
    n_calls: int,
    n_stamp_calls: int = 1,
    n_serial_calls: int = 2,
    is_read: bool = True,
) -> list[ShortRound]:
    """Return rounds of threads that make these calls: thread i makes `calls[i]`, `n_calls` times.

    `is_read`: whether another thread reads their accounts meanwhile.
    """
    draw = random.Random(world.seed)  # noqa: S311  (a schedule, not a secret)
    rounds = []
    for _ in range(n_rounds):
        alone = [_arm(world, [[call] * n_serial_calls], draw, n_stamp_calls, first) for first, call in enumerate(calls)]
        together = _arm(world, [[call] * n_calls for call in calls], draw, n_stamp_calls, is_read=is_read)
        rounds.append(ShortRound(len(calls), _one_after_the_other(alone), together))
    return rounds


def _one_after_the_other(arms: Sequence[Arm]) -> Arm:
    return Arm(
        sum(arm.wall_ns for arm in arms),
        sum(arm.thread_ns for arm in arms),
        sum(arm.cpu_ns for arm in arms),
        sum(arm.process_cpu_ns for arm in arms),
        sum(arm.delay_ns or 0 for arm in arms),
        sum(arm.waiting_ns or 0 for arm in arms),
        stamps=tuple(stamp for arm in arms for stamp in arm.stamps),
    )


def true_speedup(world: World, calls: Sequence[Call], *, n_calls: int = 40) -> float:
    """Return how many times as fast the competing threads are on free cores."""
    world = replace(world, n_cores=len(calls), n_busy=0)
    draw = random.Random(world.seed)  # noqa: S311  (as above)
    alone = [_arm(world, [[call] * n_calls], draw, n_calls) for call in calls]
    together = _arm(world, [[call] * n_calls for call in calls], draw, n_calls)
    return sum(arm.wall_ns for arm in alone) / together.wall_ns
