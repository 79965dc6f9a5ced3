"""From the pilot to the plan. Pure."""

from __future__ import annotations

from pytest_gilcheck.evidence import CallSpan, Machine, Plan, RoundSize

#: Single calls after which the judge is asked, for calls of at least so many nanoseconds. One call of 10 ms is
#: thousands of times longer than a hand-over and decides; the shorter the call, the more a cold cache or an
#: interrupt weighs in one of them, and the cheaper are many. Fixed beforehand: deciding when to stop from the data
#: would spoil the bounds.
LOOKS = (
    (10_000_000, (1, 7, 21, 63)),
    (1_000_000, (7, 21, 63)),
    (100_000, (21, 63, 189)),
    (0, (101, 303, 909)),
)

#: Time for single calls while they do not decide. A call that takes longer is still made seven times.
SOLO_BUDGET_NS = 1_000_000_000
_LONG_CALL_FACTOR = 7

#: Wall-clock rounds that a budget aims at: three times what the first interval of full confidence needs.
N_ROUNDS = 24
#: Work of one thread in one arm: long against the waking of a sleeping thread (0.05 ms), short enough for many rounds.
SHORTEST_ROUND_NS = 500_000
LONGEST_ROUND_NS = 5_000_000
#: A control as long as the call, but no longer than this: it shows what the machine has to spare, not for how long, and
#: takes the time of rounds that a longer call needs. Forty times as long as it takes to wake a thread.
LONGEST_CONTROL_NS = 2_000_000

#: The native waiter asks so often during one call; more often would disturb it.
WAITS_A_CALL = 20
SHORTEST_GAP_NS = 20_000
LONGEST_GAP_NS = 1_000_000
#: Beside the waiter short calls run for about this long, long ones once.
WAITER_NS = 20_000_000
#: A call longer than this is not made once more only to see whom it keeps waiting.
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
    """How is it measured? From how long the first call took, which is otherwise thrown away (cold caches, a JIT's
    compilation, lazy imports)."""
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


def n_competing_threads(machine: Machine, n_threads: int | None) -> int:
    """How many threads compete? As many as asked for, or the usable cores, from 2 to 4."""
    return n_threads or max(2, min(4, int(machine.usable_cores)))


def round_size(span_ns: int, n_threads: int, machine: Machine, budget_ns: int) -> RoundSize | None:
    """How large is a wall-clock round? None: not even one fits the budget.

    Each thread works for a twenty-fourth of what the budget leaves it, within bounds; a longer call is made once. In
    units of one thread's work a round costs, at worst, n for each of the two serial arms, n for competing calls that
    keep each other out, n for the held control, and n over the cores for the released one.
    """
    span_ns = max(1, span_ns)
    at_once = max(1.0, min(n_threads, machine.usable_cores))
    subject, controls = 2 * n_threads, 2 * n_threads + n_threads / at_once
    work_ns = min(LONGEST_ROUND_NS, max(SHORTEST_ROUND_NS, budget_ns / (N_ROUNDS * (subject + controls))))
    n_calls = max(1, round(work_ns / span_ns))
    control_ns = min(span_ns, LONGEST_CONTROL_NS)
    n_control_calls = max(1, min(n_calls, round(LONGEST_CONTROL_NS / control_ns)))
    # A released call needs less than the worst case, and so may be longer.
    least_ns = n_calls * span_ns * (n_threads + n_threads / at_once) + n_control_calls * control_ns * controls
    return RoundSize(n_calls, n_control_calls, control_ns) if least_ns <= budget_ns else None
