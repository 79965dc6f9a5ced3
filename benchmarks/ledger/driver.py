"""Runs each case under each load in worker processes, and loses no measurement when one of them dies."""

from __future__ import annotations

import json
import os
import platform
import random
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from benchmarks.ledger.cases import Case, grouped
from benchmarks.ledger.load import busy
from benchmarks.ledger.measurement import Measurement

ROOT = Path(__file__).resolve().parents[2]
STDERR_TAIL = 400


@dataclass(frozen=True)
class Job:
    """One question: a case, a witness and a load."""

    case: Case
    witness: str
    load: int
    repeat: int
    python: str

    @property
    def key(self) -> tuple[str, str, str, str, int, int]:
        """The same as `Measurement.key`."""
        return (self.python, self.case.id, self.case.digest, self.witness, self.load, self.repeat)

    def answered(self, **fields: Any) -> Measurement:
        """Return the measurement with the fields of an answer."""
        python, case, digest, witness, load, repeat = self.key
        entry = {"python": python, "case": case, "digest": digest, "witness": witness, "load": load, "repeat": repeat}
        return Measurement.from_json({**entry, **fields})


@dataclass(frozen=True)
class Block:
    """The jobs of one group of cases beside one load, which share a worker and the busy processes."""

    load: int
    jobs: Sequence[Job]


class Worker:
    """A process that answers jobs; it is killed together with all that its cases started."""

    def __init__(self, env: Mapping[str, str], command: Sequence[str]) -> None:
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as the process)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**os.environ, **env},
            cwd=tempfile.gettempdir(),
            start_new_session=True,
        )

    def ask(self, request: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """Return the answer to a request; after the outcomes ``timeout`` and ``crash`` the worker is dead."""
        assert self._process.stdin is not None  # noqa: S101  (narrowing: it was asked for)
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return self._crashed()
        line = self._line(time.monotonic() + timeout_s)
        if line is None:
            self.kill()
            return {"outcome": "timeout", "detail": f"no answer within {timeout_s:g} s"}
        if not line.endswith(b"\n"):
            return self._crashed()
        reply: dict[str, Any] = json.loads(line)
        return reply

    @property
    def alive(self) -> bool:
        """Whether it can be asked again."""
        return self._process.poll() is None

    def kill(self) -> None:
        """Kill the process and its whole session."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
        self._stderr.close()

    def _line(self, deadline: float) -> bytes | None:
        assert self._process.stdout is not None  # noqa: S101  (narrowing: it was asked for)
        descriptor = self._process.stdout.fileno()
        collected = b""
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while not collected.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    return None
                chunk = os.read(descriptor, 65536)
                if not chunk:
                    break
                collected += chunk
        return collected

    def _crashed(self) -> dict[str, Any]:
        status = self._process.wait()
        self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, self._stderr.tell() - STDERR_TAIL))
        tail = self._stderr.read().decode(errors="replace").strip()
        self.kill()
        return {"outcome": "crash", "detail": f"worker ended with status {status}: {tail}"}


def plan(
    cases: Iterable[Case],
    witnesses: Sequence[str],
    loads: Sequence[int],
    n_repeats: int,
    *,
    seed: int,
    done: Iterable[tuple[Any, ...]] = (),
) -> list[Block]:
    """Return the blocks of all groups and loads, without the questions in `done`.

    Blocks, and the questions in a block, are in random order, so that a drift of the machine affects all alike. The same
    seed gives the same order.
    """
    order = random.Random(seed)  # noqa: S311  (an order, not a secret)
    answered = set(done)
    python = platform.python_version()
    blocks = []
    for group in grouped(cases):
        for repeat in range(n_repeats):
            for load in loads:
                jobs = [Job(case, witness, load, repeat, python) for case in group for witness in witnesses]
                jobs = [job for job in jobs if job.key not in answered]
                order.shuffle(jobs)
                if jobs:
                    blocks.append(Block(load, jobs))
    order.shuffle(blocks)
    return blocks


def batches(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Yield the blocks of each group in their order: they share a worker, so that imports are paid once."""
    by_group: dict[tuple[object, ...], list[Block]] = {}
    for block in blocks:
        by_group.setdefault(block.jobs[0].case.group, []).append(block)
    yield from by_group.values()


def worker_command(module: str = "benchmarks.ledger.worker") -> list[str]:
    """Return the command that starts a worker with this interpreter.

    The project's root comes last on its path: the library must be the installed one, as the source tree has no native half.
    """
    return [sys.executable, "-c", f"import sys; sys.path.append({str(ROOT)!r}); from {module} import main; main()"]


def run(
    blocks: Sequence[Block],
    keep: Callable[[Measurement], None],
    *,
    adapter: str,
    timeout_s: float,
    command: Sequence[str] | None = None,
) -> int:
    """Ask all questions, pass each answer to `keep` at once, and return their number.

    No worker and no busy process outlives the call, whether it returns, raises or is interrupted.
    """
    n_answered = 0
    for batch in batches(blocks):
        env = batch[0].jobs[0].case.env
        worker = Worker(env, command or worker_command())
        try:
            for block in batch:
                with busy(block.load):
                    for job in block.jobs:
                        if not worker.alive:
                            worker.kill()
                            worker = Worker(env, command or worker_command())
                        request = {"case": job.case.to_json(), "witness": job.witness, "adapter": adapter}
                        keep(job.answered(**worker.ask(request, timeout_s)))
                        n_answered += 1
        finally:
            worker.kill()
    return n_answered
