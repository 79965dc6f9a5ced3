"""From the pilot to the plan. Pure."""

from __future__ import annotations

from pytest_gilcheck.evidence import Bench, CallSpan, Plan

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

#: Plain rounds of competing threads: each aims at this length, so that starting threads does not weigh.
ROUND_NS = 5_000_000

#: The native waiter asks so often during one call; more often would disturb it.
KNOCKS_A_CALL = 20
SHORTEST_GAP_NS = 20_000
LONGEST_GAP_NS = 1_000_000
#: Beside the waiter short calls run for about this long, long ones once.
KNOCK_NS = 20_000_000
#: A call longer than this is not made once more only to see whom it keeps waiting.
LONGEST_KNOCKED_NS = 5_000_000_000


def size(
    pilot: CallSpan,
    bench: Bench,
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
    n_knock_calls = min(1000, max(1, KNOCK_NS // span_ns)) if span_ns <= LONGEST_KNOCKED_NS else 0
    return Plan(
        looks=looks,
        solo_budget_ns=max(SOLO_BUDGET_NS, _LONG_CALL_FACTOR * span_ns),
        budget_ns=budget_ns,
        n_threads=n_threads or max(2, min(4, bench.n_cpus)),
        knock_gap_ns=min(LONGEST_GAP_NS, max(SHORTEST_GAP_NS, span_ns // KNOCKS_A_CALL)),
        n_knock_calls=n_knock_calls,
        deadline_ns=deadline_ns,
        overlap=overlap,
        seed=seed,
    )


def duet_size(span_ns: int, budget_ns: int) -> tuple[int, int]:
    """How many calls does each of two threads make in a plain round, and in how many rounds? (0, 0): none fits.

    A round is 2 n calls in one thread and n in each of two: at worst (held) 4 n calls' time.
    """
    span_ns = max(1, span_ns)
    n_calls = max(1, ROUND_NS // span_ns)
    n_rounds = min(3, budget_ns // (4 * n_calls * span_ns))
    return (n_calls, n_rounds) if n_rounds else (0, 0)
