"""Where did the competing threads' time go, if calls overlap less than the machine allows?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Reason
from pytest_gilcheck.evidence.figures import percent
from pytest_gilcheck.judge import rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_gilcheck.evidence import Estimate, Observation, Round


def losses(rounds: Sequence[Round]) -> dict[str, float]:
    """Which shares of the crew's thread time were spent on what else than the work itself?

    The crew has its threads for the whole wall time. `growth`: processor time beyond what the same calls needed one
    after the other; `own_growth`: and beyond what a control of pure arithmetic needs more, too. `waiting`: for the GIL.
    `asleep`: neither running, nor ready to, nor waiting for the GIL, beyond what they were alone. `delay`: ready, and
    not running. `uneven`: until the last thread was done.
    """
    total_ns = max(1, sum(r.n_threads * r.competing.wall_ns for r in rounds))
    competing_ns = sum(r.competing.thread_ns for r in rounds)
    waiting_ns = sum(r.competing.waiting_ns or 0 for r in rounds)
    found = {
        "growth": sum(r.competing.cpu_ns - r.serial.cpu_ns for r in rounds),
        "own_growth": sum(r.competing.cpu_ns * (1 - _kept_share(r)) - r.serial.cpu_ns for r in rounds),
        "waiting": waiting_ns,
        "asleep": sum(max(0, r.competing.asleep_ns) - max(0, r.serial.asleep_ns) for r in rounds),
        "delay": sum((r.competing.delay_ns or 0) - (r.serial.delay_ns or 0) for r in rounds),
        "uneven": total_ns - competing_ns,
    }
    return {name: min(1.0, max(0, ns) / total_ns) for name, ns in found.items()}


def _kept_share(round_: Round) -> float:
    """Which share of the crew's processor time did the machine keep: the two halves of one core, its clock, its host?"""
    return max(0.0, 1 - round_.control.cpu_ns / max(1, round_.released.cpu_ns))


def _most_waiting(rounds: Sequence[Round], held_share: Estimate) -> float:
    """Of the crew's thread time: each of n threads waits at most for what the other n - 1 hold."""
    if held_share.high is None:
        return 1.0
    others = sum((r.n_threads - 1) * held_share.high * r.serial.wall_ns for r in rounds)
    return min(1.0, others / max(1, sum(r.n_threads * r.competing.wall_ns for r in rounds)))


def most_speedup(held_share: Estimate, n_threads: int) -> float | None:
    """Which speed-up does the held share leave possible? Holds of all threads come one after the other (Amdahl)."""
    if held_share.value is None:
        return None
    return min(float(n_threads), 1 / max(1e-9, held_share.value))


def own_pool(rounds: Sequence[Round]) -> Reason | None:
    """Does one call alone use several cores? None: no."""
    alone = sum(r.serial.process_cpu_ns for r in rounds) / max(1, sum(r.serial.wall_ns for r in rounds))
    if alone < rules.OWN_POOL_CORES:
        return None
    detail = f"One call alone already uses {alone:.1f} cores: it brings threads of its own, and more callers only share them."
    return Reason("own-thread-pool", detail)


def shortfall(observation: Observation, quiet: Sequence[Round], gil: str, held_share: Estimate) -> Reason:
    """The largest loss, by its slug, with a sentence.

    Of the `quiet` rounds, if there are any. Where neighbours took the processor in all of them, what they took is no
    loss of the call's, nor that some threads then ended before others.
    """
    rounds = quiet or observation.rounds
    n_threads = rounds[0].n_threads
    pool = own_pool(rounds)
    if pool is not None:
        return pool
    found = losses(rounds)
    # Nobody waits longer for the GIL than others hold it; what is more was kept waiting by a holder off the processor.
    found["waiting"] = min(found["waiting"], _most_waiting(rounds, held_share))
    uneven, growth = found.pop("uneven"), found.pop("growth")
    if not quiet and n_threads <= observation.machine.usable_cores:
        found["delay"] = uneven = 0.0
    name, share = max(found.items(), key=lambda loss: loss[1])
    if share < rules.NAMED_LOSS_SHARE <= uneven:
        name, share = "uneven", uneven  # alone: after a wait for a lock or the GIL, too, some end before others
    elif share < rules.NAMED_LOSS_SHARE <= growth:
        # Nothing else, and the call loses more than the control does: memory is shared on top of a core, and not beside it.
        name, share = "own_growth", growth
    lost = f"{percent(share)} of their time"
    if gil == "held":
        return Reason(
            "serialised-by-gil",
            f"The GIL is held, so that one thread runs at a time: of all threads' time {percent(found['waiting'])} were waits for it.",
        )
    if _chatters(rounds) and name in ("waiting", "own_growth", "delay"):
        times = sum(r.competing.n_releases_by_function or 0 for r in rounds) / max(
            1, sum(r.n_threads * r.n_calls for r in rounds)
        )
        detail = f"Each call lets the GIL go {times:,.0f} times, and hand-overs cost more than what runs between them: do more between them."
        return Reason("chatter", detail)
    if share < rules.NAMED_LOSS_SHARE:
        return Reason("shortfall-unexplained", "No loss stands out: nothing in the record explains it.")
    slug, sentence = _TOLD[name]
    detail = sentence.format(lost=lost, n_threads=n_threads)
    most = most_speedup(held_share, n_threads)
    if name == "waiting" and most is not None and held_share.value is not None:
        detail += f" The held share of {percent(held_share.value)} allows at most {most:.2f} (Amdahl)."
    return Reason(slug, detail)


# Loss -> slug, sentence.
_TOLD = {
    "waiting": ("held-tail", "Threads waited for the GIL, which calls hold in part, for {lost}."),
    "asleep": (
        "inner-lock",
        (
            "The GIL is let go, and yet threads slept for {lost}, which alone they do not: they wait for a lock inside "
            "the callee, or for a worker that they share."
        ),
    ),
    "own_growth": (
        "memory-bandwidth",
        (
            "The same calls need more processor time in competing threads ({lost}): they share memory bandwidth or "
            "caches, the two halves of one core, or spin on a lock."
        ),
    ),
    "delay": (
        "too-few-cores",
        "Threads were ready and did not run for {lost}: {n_threads} threads are more than the cores they got.",
    ),
    "uneven": ("uneven-threads", "Some threads were done early ({lost}): their calls differ in length."),
}


def _chatters(rounds: Sequence[Round]) -> bool:
    n = sum(r.serial.n_releases_by_function or 0 for r in rounds)
    calls = sum(r.n_threads * r.n_calls for r in rounds)
    serial_ms = sum(r.serial.wall_ns for r in rounds) / 1e6
    return n >= rules.CHATTER_PER_CALL * calls and n > rules.CHATTER_PER_MS * serial_ms
