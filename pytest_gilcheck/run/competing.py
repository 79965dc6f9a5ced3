"""Competing threads that keep every outcome, and a deadline that works while one of them keeps the GIL."""

from __future__ import annotations

import _thread
import contextlib
import contextvars
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_gilcheck import _native
from pytest_gilcheck.evidence import DeadlineExceeded
from pytest_gilcheck.evidence.errors import is_hidden
from pytest_gilcheck.run.deadline import Deadline, armed

if TYPE_CHECKING:
    from typing_extensions import Self

__tracebackhide__ = is_hidden

T = TypeVar("T")

#: How long the end of the competing threads waits for what they keep for themselves to be disposed of.
_DISPOSAL_SECONDS = 10.0

#: How long the end of the competing threads waits for them to leave the process, and how often it looks. They have nothing
#: left to do, so only a busy machine keeps them for longer than some microseconds.
_DEPARTURE_SECONDS = 0.5
_DEPARTURE_PAUSE_SECONDS = 0.0002

#: The deadline is looked at no more often than this.
_SHORTEST_PAUSE_SECONDS = 0.05

#: A wait for a job is no longer than this. A signal that comes after the interpreter's last look and before the wait does not
#: end it, nor does one that the system gives to another thread: on a busy machine one Ctrl-C was
#: noticed only when the deadline of 60 s was over.
_LONGEST_PAUSE_SECONDS = 5.0

#: `meanwhile` is called for a job that runs for longer than this.
_SOON_SECONDS = 0.5


def unpatched(module: ModuleType, name: str) -> Any:
    """Return the interpreter's own function `name` of a module, where gevent has replaced it.

    gevent may do so before this module is imported. Its threads never compete for the GIL, and a barrier that waits for two of
    them waits for ever.
    """
    monkey = sys.modules.get("gevent.monkey")
    return getattr(module, name) if monkey is None else monkey.get_original(module.__name__, name)


_start_thread = unpatched(_thread, "start_new_thread")
_allocate_lock = unpatched(_thread, "allocate_lock")
_get_ident = unpatched(_thread, "get_ident")


#: The idents of all threads that make calls of a check now.
_idents: set[int] = set()
#: The idents of all threads that wait for such calls; one that waits for two checks is here twice.
_waiting_for_calls: list[int] = []


def is_within_a_checked_call() -> bool:
    """Return whether the calling thread makes the calls of a check, so that a check here would be within a checked call."""
    return _get_ident() in _idents


def idents_of_other_checks(own: CompetingThreads) -> frozenset[int]:
    """Return the idents of threads that surely are not the callee's.

    They make calls of other checks, or wait for the calls of a check and run signal handlers meanwhile.
    """
    return frozenset({*_idents, *_waiting_for_calls}.difference(own.idents))


class ThreadFailed(Exception):  # noqa: N818  (a record of what happened, kept beside results)
    """One thread's failure: its `index`, and the `error` that it raised, with that thread's traceback."""

    def __init__(self, index: int, error: BaseException) -> None:
        super().__init__(f"thread {index}: {type(error).__name__}: {error}")
        self.index = index
        self.error = error


class _Worker:
    """One thread that runs jobs, in a copy of the context in which it was made."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.ident = 0
        self.native_id = 0
        self.own: dict[str, Any] = {}
        self._job: Callable[[], Any] | None = None
        self._result: Any = None
        self._error: BaseException | None = None
        self._wake = _allocate_lock()
        self._wake.acquire()
        self._done = _allocate_lock()
        self._done.acquire()
        self._gone = _allocate_lock()
        self._gone.acquire()
        context = contextvars.copy_context()
        _start_thread(lambda: context.run(self._run), ())
        try:
            self._done.acquire()  # it has begun, and its ident is known
        except BaseException:
            self.end()  # nobody else knows this thread
            raise

    def _run(self) -> None:
        self.ident = _get_ident()
        self.native_id = threading.get_native_id()
        _idents.add(self.ident)
        # As `threading` does for its own threads: coverage measurement and debuggers want to see code that runs only here.
        if (trace := threading.gettrace()) is not None:
            sys.settrace(trace)
        if (profile := threading.getprofile()) is not None:
            sys.setprofile(profile)
        self._done.release()
        while True:
            self._wake.acquire()
            job = self._job
            if job is None:
                self.own.clear()
                _forget_this_thread()
                _idents.discard(self.ident)
                self._gone.release()
                return
            try:
                self._result = job()
            except BaseException as error:  # noqa: BLE001  (kept, and raised again in the caller's thread)
                self._error = error
            self._job = job = None
            self._done.release()

    def begin(self, job: Callable[[], Any]) -> None:
        self._job, self._result, self._error = job, None, None
        self._wake.release()

    def wait(self, seconds: float) -> bool:
        """Return whether the job has ended within `seconds`; signal handlers run meanwhile, and may raise here."""
        return bool(self._done.acquire(timeout=seconds))

    def wait_until_gone(self, seconds: float) -> bool:
        """Return whether the thread has disposed of what it kept for itself within `seconds` after its `end`."""
        return bool(self._gone.acquire(timeout=seconds))

    def outcome(self) -> Any:
        result, error = self._result, self._error
        self._result = self._error = None
        if error is not None:
            raise ThreadFailed(self.index, error)
        return result

    def end(self) -> None:
        self._job = None
        # An interrupt may come after a job was begun and before its thread has woken: the thread then finds no job.
        if self._wake.locked():
            self._wake.release()


def _forget_this_thread() -> None:
    """Remove the entry that `threading` made for this thread.

    `threading` makes one when the function asks for it (`current_thread`, each line of `logging`). It did not start this
    thread, so the entry would stay in `threading.enumerate` for good.
    """
    active = threading._active  # type: ignore[attr-defined]  # noqa: SLF001  (before 3.13 nobody else removes it)
    if isinstance(active.get(_get_ident()), threading._DummyThread):  # noqa: SLF001  (as above)
        active.pop(_get_ident(), None)


def _wait_until_departed(native_ids: Sequence[int]) -> None:
    """Wait until the process has none of these threads, which end now; where the system does not tell, do not wait.

    From 3.12 on `os.fork` warns in a process with several threads. Whoever forked right after a check got the warning.
    """
    nap = unpatched(time, "sleep")
    until = time.monotonic() + _DEPARTURE_SECONDS
    paths = [Path(f"/proc/self/task/{native_id}") for native_id in native_ids]
    while any(path.exists() for path in paths) and time.monotonic() < until:
        nap(_DEPARTURE_PAUSE_SECONDS)


class CompetingThreads:
    """A number of Python threads that run jobs at the same time, kept for as long as the block runs.

    A thread whose job does not end in time is abandoned: it ends after its job, or with the process.
    """

    def __init__(self, n_threads: int) -> None:
        self._workers: list[_Worker] = []
        try:
            for index in range(n_threads):
                self._workers.append(_Worker(index))
        except BaseException:
            # No more threads to be had, or Ctrl-C: those that there are would wait for a job until the process ends.
            for worker in self._workers:
                worker.end()
            raise
        self._lost = False
        self._is_armed = False
        #: When the present call of each thread began. Whoever makes calls in these threads keeps it.
        self.calls = _native.CallClock(n_threads)

    def __enter__(self) -> Self:
        _waiting_for_calls.append(_get_ident())
        return self

    def __exit__(self, *_exc: object) -> None:
        _waiting_for_calls.remove(_get_ident())
        for worker in self._workers:
            worker.end()
        for worker in self._workers:
            if worker.own and not self._lost:
                worker.wait_until_gone(_DISPOSAL_SECONDS)
        if not self._lost:
            _wait_until_departed([worker.native_id for worker in self._workers])

    def __len__(self) -> int:
        return len(self._workers)

    def own(self, index: int) -> dict[str, Any]:
        """Return what thread `index` keeps for itself, by name.

        Only that thread may use it, and disposes of it in the end: objects that are bound to a thread must not even be
        disposed of in another one.
        """
        return self._workers[index].own

    @property
    def idents(self) -> tuple[int, ...]:
        """The threads' idents, as `threading.get_ident` returns them."""
        return tuple(worker.ident for worker in self._workers)

    @property
    def native_ids(self) -> tuple[int, ...]:
        """The threads' numbers in the kernel."""
        return tuple(worker.native_id for worker in self._workers)

    @contextlib.contextmanager
    def armed(self, deadline: Deadline) -> Iterator[None]:
        """Keep one watchdog for all runs within the block: arming one costs a thread and a signal handler."""
        with armed(deadline, self.calls, self.idents):
            self._is_armed = True
            try:
                yield
            finally:
                self._is_armed = False

    def run(
        self, jobs: Sequence[Callable[[], T]], deadline: Deadline, *, meanwhile: Callable[[], object] | None = None
    ) -> list[T | ThreadFailed]:
        """Run one job in each thread, begun together; return for each its result, or a `ThreadFailed` where it raised.

        `meanwhile` is called once, in the caller's thread, if the jobs have not ended after half a second.

        Raises `DeadlineExceeded` where a call of a job does not end in time. A job that keeps the GIL past the deadline ends the
        process (see `run.deadline`).
        """
        if self._lost or len(jobs) > len(self._workers):
            message = (
                f"{len(jobs)} jobs for {len(self._workers)} threads{' of which one is lost' if self._lost else ''}"
            )
            raise RuntimeError(message)
        chosen = self._workers[: len(jobs)]
        try:
            with contextlib.nullcontext() if self._is_armed else self.armed(deadline):
                for worker, job in zip(chosen, jobs, strict=True):
                    worker.begin(job)
                self._await(chosen, deadline, meanwhile)
        except BaseException:
            self._abandon()
            raise
        return [self._outcome(worker) for worker in chosen]

    @staticmethod
    def _outcome(worker: _Worker) -> Any:
        try:
            return worker.outcome()
        except ThreadFailed as failed:
            return failed

    def _await(self, workers: Sequence[_Worker], deadline: Deadline, meanwhile: Callable[[], object] | None) -> None:
        for worker in workers:
            # Twice as long each time: a look takes the GIL, which the call feels.
            longest_pause = _SOON_SECONDS
            pause = deadline.seconds
            while not worker.wait(max(_SHORTEST_PAUSE_SECONDS, min(pause, longest_pause))):
                longest_pause = min(2 * longest_pause, _LONGEST_PAUSE_SECONDS)
                if meanwhile is not None:
                    meanwhile()
                    meanwhile = None
                index, running_ns = self.calls.longest() or (worker.index, 0)
                if running_ns >= deadline.ns and not _is_in_debugger(self._workers[index].ident):
                    deadline.dump_stacks()
                    message = (
                        f"{deadline.what} did not return within {deadline.seconds:g} s in thread {index}, and "
                        "let other threads run. It was abandoned in its thread, and its stacks were dumped to stderr. If it needs longer, "
                        "raise the deadline (`deadline=` or --gilcheck-deadline); isolate=True runs it in a child process."
                    )
                    raise DeadlineExceeded(message)
                pause = (deadline.ns - running_ns) / 1e9

    def _abandon(self) -> None:
        """Leave the threads to their jobs. They must not come back into an interpreter that has ended meanwhile."""
        self._lost = True
        _native.hang_threads_at_exit(list(self.idents))

    def solo(self, job: Callable[[], T], deadline: Deadline, *, meanwhile: Callable[[], object] | None = None) -> T:
        """Run `job` in the first thread and return its result; raise what it raises, with its own traceback.

        `deadline` and `meanwhile` are those of `run`.
        """
        (outcome,) = self.run([job], deadline, meanwhile=meanwhile)
        if isinstance(outcome, ThreadFailed):
            raise outcome.error
        return outcome


def _is_in_debugger(ident: int) -> bool:
    """Return whether a person looks at this thread in a debugger of the standard library, which takes what time it takes."""
    if "bdb" not in sys.modules or any(name in sys.modules for name in ("_interpreters", "_xxsubinterpreters")):
        return False  # with interpreters that have a GIL of their own, looking at frames is not safe
    frame = sys._current_frames().get(ident)  # noqa: SLF001  (documented, if specialised)
    while frame is not None:
        if frame.f_globals.get("__name__") in ("bdb", "pdb"):
            return True
        frame = frame.f_back
    return False


def start_barrier(n_threads: int) -> Callable[[int], object]:
    """Return a barrier at which each of `n_threads` threads, called with its index, waits for the others.

    Then all begin at once, each on a processor of its own if there are enough. (Threads that stay where they were woken
    share one processor for milliseconds: three of ten runs then missed a race that is caught each time with the barrier.)
    """
    barrier = _native.Barrier(n_threads)
    return lambda index: barrier.begin(index, n_threads)
