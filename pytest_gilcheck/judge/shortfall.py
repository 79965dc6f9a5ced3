"""Where the competing threads' time went, if calls overlap less than the machine allows."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import Reason
from pytest_gilcheck.judge import rules
from pytest_gilcheck.judge.together import others_share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_gilcheck.evidence import Estimate, Observation, ReadyThreads, Round

#: Loss -> slug.
_SLUGS = {
    "waiting": "held-tail",
    "asleep": "inner-lock",
    "own_growth": "memory-bandwidth",
    "delay": "too-few-cores",
    "uneven": "uneven-threads",
}


def losses(rounds: Sequence[Round]) -> dict[str, float]:
    """Return which shares of the competing threads' time were spent on anything but the work itself.

    Their time is the whole wall time of each of them.

    Args:
        rounds: The rounds.

    Returns:
        Shares (0..1) by name. ``growth``: processor time beyond what the same calls needed one after the other;
        ``own_growth``: that beyond what a control of pure arithmetic needs more, too. ``waiting``: for the GIL.
        ``asleep``: neither running, nor ready to, nor waiting for the GIL, beyond what they were alone. ``delay``: ready,
        and not running. ``uneven``: until the last thread was done.
    """
    total_ns = max(1, sum(r.n_threads * r.competing.wall_ns for r in rounds))
    competing_ns = sum(r.competing.thread_ns for r in rounds)
    waiting_ns = sum(r.competing.waiting_ns or 0 for r in rounds)
    lost_ns = {
        "growth": sum(r.competing.cpu_ns - r.serial.cpu_ns for r in rounds),
        "own_growth": sum(r.competing.cpu_ns * (1 - _kept_share(r)) - r.serial.cpu_ns for r in rounds),
        "waiting": waiting_ns,
        "asleep": sum(max(0, r.competing.asleep_ns) - max(0, r.serial.asleep_ns) for r in rounds),
        "delay": sum((r.competing.delay_ns or 0) - (r.serial.delay_ns or 0) for r in rounds),
        "uneven": total_ns - competing_ns,
    }
    return {name: min(1.0, max(0, ns) / total_ns) for name, ns in lost_ns.items()}


def _kept_share(round_: Round) -> float:
    """Return which share of the processor time the machine kept: the two halves of one core, its clock, its host."""
    return max(0.0, 1 - round_.control.cpu_ns / max(1, round_.released.cpu_ns))


def _most_waiting(rounds: Sequence[Round], held_share: Estimate) -> float:
    """Return the largest possible share of waits: each of n threads waits at most for what the other n - 1 hold."""
    if held_share.high is None:
        return 1.0
    others = sum((r.n_threads - 1) * held_share.high * r.serial.wall_ns for r in rounds)
    return min(1.0, others / max(1, sum(r.n_threads * r.competing.wall_ns for r in rounds)))


def most_speedup(held_share: Estimate, n_threads: int) -> float | None:
    """Return the speed-up that the held share leaves possible.

    Holds of all threads come one after the other (Amdahl).

    Args:
        held_share: What the ledger says of single calls.
        n_threads: How many threads compete.

    Returns:
        A factor up to the number of threads; None where the held share was not measured.
    """
    if held_share.value is None:
        return None
    return min(float(n_threads), 1 / max(1e-9, held_share.value))


def own_pool(rounds: Sequence[Round]) -> Reason | None:
    """Return that one call alone uses several cores, if it does."""
    cores_used = sum(r.serial.process_cpu_ns for r in rounds) / max(1, sum(r.serial.wall_ns for r in rounds))
    return None if cores_used < rules.OWN_POOL_CORES else Reason.of("own-thread-pool", cores_used=cores_used)


def ready_pool(ready: ReadyThreads | None) -> Reason | None:
    """Return that one call alone has several threads running or ready to run, if it has. No neighbour hides that."""
    if ready is None or ready.n_looks < rules.FEWEST_LOOKS:
        return None
    if ready.n_of_two < rules.OWN_POOL_LOOKS_SHARE * ready.n_looks:
        return None
    return Reason.of("own-thread-pool", n_ready=ready.n_ready / ready.n_of_two)


def hides_a_pool(rounds: Sequence[Round]) -> bool:
    """Return whether threads of the callee's own work, and it is not known if several of them do so at once."""
    if not rounds or own_pool(rounds) is not None:
        return False
    return median(others_share(r.serial, r.n_threads) for r in rounds) > rules.UNACCOUNTED_SHARE


def shortfall(observation: Observation, undisturbed: Sequence[Round], gil: str, held_share: Estimate) -> Reason:
    """Return the largest loss as a reason.

    Args:
        observation: What was measured.
        undisturbed: The undisturbed rounds, which alone are looked at if there are any. Where neighbours took the
            processor in all rounds, what they took is no loss of the call's. Nor is it then that some threads ended
            before others.
        gil: The word of the GIL verdict.
        held_share: What the ledger says of single calls.

    Returns:
        The reason, with the share that was lost.
    """
    rounds = undisturbed or observation.rounds
    n_threads = rounds[0].n_threads
    pool = own_pool(rounds)
    if pool is not None:
        return pool
    lost = losses(rounds)
    # Nobody waits longer for the GIL than others hold it: a longer wait is for a holder that was off the processor.
    lost["waiting"] = min(lost["waiting"], _most_waiting(rounds, held_share))
    uneven, growth = lost.pop("uneven"), lost.pop("growth")
    if not undisturbed and n_threads <= observation.machine.usable_cores:
        lost["delay"] = uneven = 0.0
    if hides_a_pool(rounds):
        # The callee's own threads may have been kept off the processor: threads that sleep wait for them, some longer.
        lost["asleep"] = uneven = 0.0
    name, share = max(lost.items(), key=lambda loss: loss[1])
    if share < rules.NAMED_LOSS_SHARE <= uneven:
        name, share = "uneven", uneven  # alone: after a wait for a lock or the GIL, too, some end before others
    elif share < rules.NAMED_LOSS_SHARE <= growth:
        # Nothing else, and the call loses more than the control does: threads share memory on top of a core.
        name, share = "own_growth", growth
    if gil == "held":
        return Reason.of("serialised-by-gil", waiting_share=lost["waiting"])
    if _chatters(rounds) and name in ("waiting", "own_growth", "delay"):
        return _chatter(rounds)
    if share < rules.NAMED_LOSS_SHARE:
        return Reason("shortfall-unexplained")
    if name == "waiting":
        most = most_speedup(held_share, n_threads)
        return Reason.of(_SLUGS[name], lost_share=share, held_share=held_share.value, most_speedup=most)
    return Reason.of(_SLUGS[name], lost_share=share, n_threads=n_threads)


def shortfall_together(
    rounds: Sequence[Round], losses_together: Mapping[str, float], gil: str, held_share: Estimate
) -> Reason | None:
    """Return the largest loss in the moments together as a reason.

    Args:
        rounds: The whole rounds.
        losses_together: What the threads lost in these moments, as shares of their time.
        gil: The word of the GIL verdict.
        held_share: What the ledger says of single calls.

    Returns:
        The reason, with the share that was lost. None where no loss stands out.
    """
    waiting, asleep, growth = (losses_together[name] for name in ("waiting", "asleep", "growth"))
    if gil == "held":
        return Reason.of("serialised-by-gil", waiting_share=waiting)
    if max(waiting, asleep, growth) < rules.NAMED_LOSS_SHARE:
        return None
    if _chatters(rounds) and asleep < max(waiting, growth):
        return _chatter(rounds)
    n_threads = rounds[0].n_threads
    # Whoever waits, for the GIL or for a lock, also spends processor time on being put to sleep and woken; who shares
    # memory does not sleep. (Two threads under a lock of 20 µs need a quarter more processor time than one.)
    if waiting >= max(asleep, rules.NAMED_LOSS_SHARE):
        most = most_speedup(held_share, n_threads)
        return Reason.of("held-tail", lost_share=waiting, held_share=held_share.value, most_speedup=most)
    slug = "inner-lock" if asleep >= rules.NAMED_LOSS_SHARE else "memory-bandwidth"
    return Reason.of(slug, lost_share=max(asleep, growth if slug == "memory-bandwidth" else 0.0), n_threads=n_threads)


def sure_shortfall(
    rounds: Sequence[Round], least: Mapping[str, float], gil: str, held_share: Estimate
) -> Reason | None:
    """Return what surely keeps the calls from each other, where it is not known by how much.

    Args:
        rounds: The whole rounds.
        least: What the threads at least lost to each other, as `least_losses` gives it.
        gil: The word of the GIL verdict.
        held_share: What the ledger says of single calls.

    Returns:
        The reason, with the least share that was lost. None where nothing is sure.
    """
    if not least:
        return None
    waiting, asleep, growth = (least[name] for name in ("waiting", "asleep", "growth"))
    if gil == "held" and waiting >= rules.NAMED_LOSS_SHARE:
        return Reason.of("serialised-by-gil", waiting_share=waiting)
    # To hand the GIL over costs processor time, which is lost whoever else runs.
    if _chatters(rounds) and growth >= rules.NAMED_LOSS_SHARE > asleep:
        return _chatter(rounds)
    n_threads = rounds[0].n_threads
    if asleep >= max(waiting, rules.NAMED_LOSS_SHARE):
        return Reason.of("inner-lock", least_lost_share=asleep, n_threads=n_threads)
    if waiting >= rules.NAMED_LOSS_SHARE:
        most = most_speedup(held_share, n_threads)
        return Reason.of("held-tail", least_lost_share=waiting, held_share=held_share.value, most_speedup=most)
    return None


def _chatter(rounds: Sequence[Round]) -> Reason:
    n_releases = sum(r.competing.n_releases_by_function or 0 for r in rounds)
    return Reason.of("chatter", n_releases=n_releases / max(1, sum(r.n_threads * r.n_calls for r in rounds)))


def _chatters(rounds: Sequence[Round]) -> bool:
    n = sum(r.serial.n_releases_by_function or 0 for r in rounds)
    calls = sum(r.n_threads * r.n_calls for r in rounds)
    serial_ms = sum(r.serial.wall_ns for r in rounds) / 1e6
    return n >= rules.CHATTER_PER_CALL * calls and n > rules.CHATTER_PER_MS * serial_ms
