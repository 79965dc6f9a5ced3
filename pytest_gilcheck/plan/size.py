"""Sizes a check from the pilot call. Pure."""

from __future__ import annotations

from pytest_gilcheck.evidence import CallSpan, Machine, Plan, RoundSize

#: (shortest call in nanoseconds, numbers of single calls after which the judge is asked). One call of 10 ms is thousands of
#: times longer than a hand-over of the GIL, and decides. In a shorter call a cold cache or an interrupt weighs more, and
#: many calls cost less. The numbers are fixed beforehand: bounds would be wrong if the data decided when to stop.
LOOKS = (
    (10_000_000, (1, 7, 21, 63)),
    (1_000_000, (7, 21, 63)),
    (100_000, (21, 63, 189)),
    (0, (101, 303, 909)),
)

#: Time for single calls while they do not decide. A long call is still made seven times.
SOLO_BUDGET_NS = 1_000_000_000
_LONG_CALL_FACTOR = 7

#: How many wall-clock rounds shall fit into the budget: three times what the first interval of full confidence needs.
N_ROUNDS = 24
#: The work of one thread in one arm: long against waking a thread (0.05 ms), short enough for many rounds.
SHORTEST_ROUND_NS = 500_000
LONGEST_ROUND_NS = 5_000_000
#: Of a call that holds the GIL for a part of its time only the second one of a thread runs beside another: of one call each, two
#: threads that hold for half of it need 1.5 calls, and the speed-up is 1.33 where that of many calls is 2. So more than one is
#: made if so many rounds of them fit into the budget.
LEAST_PARTIAL_CALLS = 2
LEAST_PARTIAL_ROUNDS = 3
#: A call is such a one if its held share lies between this and the rest.
PARTIAL_SHARE = 0.1
#: A control is as long as the call, but no longer than this. It shows what the machine has to spare, and a longer one would
#: take time from the rounds. This is forty times as long as it takes to wake a thread.
LONGEST_CONTROL_NS = 2_000_000

#: A thread's accounts are read after calls of about so long: a hundred times as long as a reading takes, and half of the
#: shortest time slice that kernels give (0.7 to 4 ms), so that beside busy processes many stamps lie in one slice.
STAMP_NS = 400_000

#: A short round lets threads run together for about so long: several time slices, so that beside busy processes some of
#: those of one thread fall together with some of another.
TOGETHER_NS = 12_000_000

#: And for so many calls each, if the budget allows for so many such rounds: of one call each, under a lock, the second would run
#: when the first one is done.
LEAST_TOGETHER_CALLS = 2
LEAST_SHORT_ROUNDS = 3

#: The native GIL waiter waits so often during one call; more often would disturb it.
WAITS_A_CALL = 20
SHORTEST_GAP_NS = 20_000
LONGEST_GAP_NS = 1_000_000
#: Short calls are made beside the waiter for about so long, long ones once.
WAITER_NS = 20_000_000
#: A longer call is not made once more beside the waiter.
LONGEST_BESIDE_WAITER_NS = 5_000_000_000


def size(
    pilot: CallSpan,
    machine: Machine,
    *,
    n_threads: int | None,
    budget_ns: int,
    deadline_ns: int,
    overlap: bool,
    seed: int,
) -> Plan:
    """Return the plan of a check.

    Only the length of the pilot is used: cold caches, a JIT's compilation and lazy imports make it differ from later calls.

    `n_threads`: how many threads shall compete; None: as many as there are usable cores, from 2 to 4. `budget_ns`: time for
    wall-clock rounds. `seed`: decides everything that is drawn by chance.
    """
    span_ns = max(1, pilot.span_ns)
    looks = next(looks for shortest_ns, looks in LOOKS if span_ns >= shortest_ns)
    n_waiter_calls = min(1000, max(1, WAITER_NS // span_ns)) if span_ns <= LONGEST_BESIDE_WAITER_NS else 0
    return Plan(
        looks=looks,
        solo_budget_ns=max(SOLO_BUDGET_NS, _LONG_CALL_FACTOR * span_ns),
        budget_ns=budget_ns,
        n_threads=n_competing_threads(machine, n_threads),
        waiter_gap_ns=min(LONGEST_GAP_NS, max(SHORTEST_GAP_NS, span_ns // WAITS_A_CALL)),
        n_waiter_calls=n_waiter_calls,
        deadline_ns=deadline_ns,
        overlap=overlap,
        seed=seed,
    )


def can_overlap(machine: Machine) -> bool:
    """Return whether two threads of this process can run at once at all: on more than one core, in part or whole."""
    return machine.usable_cores > 1


def n_competing_threads(machine: Machine, n_threads: int | None) -> int:
    """Return how many threads compete: `n_threads`, or as many as there are usable cores, from 2 to 4."""
    return n_threads or max(2, min(4, int(machine.usable_cores)))


def round_size(
    span_ns: int, n_threads: int, machine: Machine, budget_ns: int, held_share: float | None = None
) -> RoundSize | None:
    """Return the size of a wall-clock round, or None where not even one fits into the budget.

    A thread's work in one arm takes a twenty-fourth of its share of the budget, within bounds. A longer call is made once. In
    units of one thread's work, with n threads, a round costs at worst n for each of the two serial arms, n for competing
    calls that keep each other out, n for the held control, and n divided by the cores for the released control. With more
    threads than cores, calls in as many threads as there are cores come on top. Where not even one such round fits, the
    rounds are made with as many threads as there are cores. `held_share`: that of the call, if it is known.
    """
    is_partial = held_share is not None and PARTIAL_SHARE < held_share < 1 - PARTIAL_SHARE
    size = _round_size(span_ns, n_threads, machine, budget_ns, is_partial=is_partial)
    n_cores = max(2, int(machine.usable_cores))
    if size is None and n_threads > n_cores:
        return _round_size(span_ns, n_cores, machine, budget_ns, is_partial=is_partial)
    return size


def _round_size(
    span_ns: int, n_threads: int, machine: Machine, budget_ns: int, *, is_partial: bool
) -> RoundSize | None:
    span_ns = max(1, span_ns)
    at_once = max(1.0, min(n_threads, machine.usable_cores))
    n_on_cores = max(2, int(at_once))
    subject, controls = 2 * n_threads, 2 * n_threads + n_threads / at_once
    if n_on_cores < n_threads:
        subject += n_on_cores
    work_ns = min(LONGEST_ROUND_NS, max(SHORTEST_ROUND_NS, budget_ns / (N_ROUNDS * (subject + controls))))
    n_calls = max(1, round(work_ns / span_ns))
    control_ns = min(span_ns, LONGEST_CONTROL_NS)
    # A call that releases the GIL needs less than the worst case, and may take longer.
    call_ns = span_ns * (n_threads + n_threads / at_once)
    if is_partial and LEAST_PARTIAL_ROUNDS * (LEAST_PARTIAL_CALLS * call_ns + control_ns * controls) <= budget_ns:
        n_calls = max(n_calls, LEAST_PARTIAL_CALLS)
    n_control_calls = max(1, min(n_calls, round(LONGEST_CONTROL_NS / control_ns)))
    if n_calls * call_ns + n_control_calls * control_ns * controls > budget_ns:
        return None
    n_stamp_calls = max(1, round(STAMP_NS / span_ns))
    n_together_calls = max(n_calls, round(min(TOGETHER_NS, budget_ns / 8) / span_ns))
    if LEAST_TOGETHER_CALLS * LEAST_SHORT_ROUNDS * n_on_cores * span_ns <= budget_ns:
        n_together_calls = max(n_together_calls, LEAST_TOGETHER_CALLS)
    return RoundSize(n_calls, n_control_calls, control_ns, n_threads, n_on_cores, n_stamp_calls, n_together_calls)
