"""Scores measurements: which words are right, and which promised figures are reached. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.ledger.cases import Case
from benchmarks.ledger.intervals import Interval
from benchmarks.ledger.measurement import LEDGER, OWN, PROGRESS, Measurement
from benchmarks.ledger.price import Price

RIGHT, WRONG, INCONCLUSIVE, CANNOT_SAY, FAILED, ABSENT = (
    "right",
    "wrong",
    "inconclusive",
    "cannot say partial",
    "failed",
    "absent",
)
MET, MISSED, OPEN, NOT_MEASURED = "met", "missed", "inconclusive", "not measured"

# The promised figures.
INCONCLUSIVE_IDLE_AT_MOST = 0.02
INCONCLUSIVE_LOADED_AT_MOST = 0.05
SHARE_ERROR_AT_MOST: Mapping[int, float] = {20_000: 0.03, 1_000_000: 0.005, 5_000_000: 0.002, 20_000_000: 0.002}
ONE_CALL_FROM_NS = 10_000_000
PAIR_PRICE_AT_MOST = 3.0
# In clock readings, about a nanosecond a pair. The GOT entries prove that no hook is left; this only finds a price of another
# kind. A page that was written to and restored costs its readers a little less.
NOTHING = 0.05


@dataclass(frozen=True)
class Scored:
    """One measurement and its mark."""

    case: Case
    measurement: Measurement
    mark: str


@dataclass(frozen=True)
class Bar:
    """One promised figure; `verdict` is ``met``, ``missed``, ``inconclusive`` or ``not measured``."""

    name: str
    required: str
    measured: str
    verdict: str


@dataclass(frozen=True)
class Tally:
    """The counts of one witness beside one load; `median_seconds` is the time to a verdict."""

    witness: str
    load: int
    n: int
    n_right: int
    n_wrong: int
    n_wrong_independent: int
    n_independent: int
    n_cannot_say: int
    n_inconclusive: int
    n_failed: int
    median_seconds: float | None

    @property
    def n_decided(self) -> int:
        """The number of verdicts with a word, right or wrong."""
        return self.n_right + self.n_wrong + self.n_cannot_say

    @property
    def n_verdicts(self) -> int:
        """The number of verdicts, inconclusive ones included."""
        return self.n - self.n_failed


def mark(case: Case, measurement: Measurement) -> str:
    """Return the mark of one measurement.

    The tests by hand have no word for a partial call: their answer to one has a mark of its own. A case without a GIL, or
    one that the ledger does not decide, is inconclusive. A crash, a time-out or an exception is a failure of the witness;
    an absent package is not.
    """
    if measurement.outcome == "absent":
        return ABSENT
    if measurement.outcome != "ok":
        return FAILED
    if measurement.gil in case.words(is_loaded=measurement.load > 0):
        return RIGHT
    if measurement.gil not in ("released", "held", "partial"):
        return INCONCLUSIVE
    if measurement.witness not in OWN and case.truth == "partial":
        return CANNOT_SAY
    return WRONG


def score(cases: Iterable[Case], measurements: Iterable[Measurement]) -> list[Scored]:
    """Return each measurement with its mark, without those of cases that are unknown or were changed since."""
    known = {(case.id, case.digest): case for case in cases}
    return [
        Scored(known[m.case, m.digest], m, mark(known[m.case, m.digest], m))
        for m in sorted(measurements, key=lambda m: m.key)
        if (m.case, m.digest) in known
    ]


def tallies(scored: Sequence[Scored]) -> list[Tally]:
    """Return the counts of each witness beside each load, without absent packages."""
    present = [s for s in scored if s.mark != ABSENT]
    return [
        _tally(witness, load, [s for s in present if (s.measurement.witness, s.measurement.load) == (witness, load)])
        for witness, load in sorted(
            {(s.measurement.witness, s.measurement.load) for s in present},
            key=lambda pair: (pair[0] not in OWN, pair[0], pair[1]),
        )
    ]


def _tally(witness: str, load: int, some: Sequence[Scored]) -> Tally:
    marks = [s.mark for s in some]
    independent = [s for s in some if s.case.independent_truth]
    seconds = [s.measurement.seconds for s in some if s.measurement.seconds is not None]
    return Tally(
        witness=witness,
        load=load,
        n=len(some),
        n_right=marks.count(RIGHT),
        n_wrong=marks.count(WRONG),
        n_wrong_independent=sum(s.mark == WRONG for s in independent),
        n_independent=len(independent),
        n_cannot_say=marks.count(CANNOT_SAY),
        n_inconclusive=marks.count(INCONCLUSIVE),
        n_failed=marks.count(FAILED),
        median_seconds=median(seconds) if seconds else None,
    )


def bars(scored: Sequence[Scored], price: Price | None = None) -> list[Bar]:
    """Return the verdict on each promise, in the order of the promises."""
    own = [s for s in scored if s.measurement.witness == LEDGER and s.mark != ABSENT]
    progress = [s for s in scored if s.measurement.witness == PROGRESS and s.mark != ABSENT]
    return [
        *_verdict_bars(own),
        _counted("wrong verdicts of the progress witness, all loads", "0", _count(progress, WRONG), len(progress), 0),
        *_share_bars(own),
        *_call_bars(own),
        _interval_bar(
            "added to a release/take pair by recording, in clock readings",
            price.alone if price else None,
            PAIR_PRICE_AT_MOST,
        ),
        _interval_bar(
            "the same where every pair waits (two threads)", price.contended if price else None, PAIR_PRICE_AT_MOST
        ),
        _removed_bar(price),
    ]


def _counted(name: str, required: str, n_bad: int, n: int, at_most: float) -> Bar:
    if not n:
        return Bar(name, required, "", NOT_MEASURED)
    return Bar(name, required, f"{n_bad} of {n} ({n_bad / n:.1%})", MET if n_bad <= at_most * n else MISSED)


def _verdict_bars(own: Sequence[Scored]) -> list[Bar]:
    independent = [s for s in own if s.case.independent_truth]
    idle = [s for s in own if not s.measurement.load]
    loaded = [s for s in own if s.measurement.load]
    return [
        _counted("wrong verdicts, all loads", "0", _count(own, WRONG), len(own), 0),
        _counted(
            "wrong verdicts, truth written before measuring", "0", _count(independent, WRONG), len(independent), 0
        ),
        _counted("no verdict at all (crash, time-out, exception)", "0", _count(own, FAILED), len(own), 0),
        _counted("inconclusive, idle", "at most 2 %", _count(idle, INCONCLUSIVE), len(idle), INCONCLUSIVE_IDLE_AT_MOST),
        _counted(
            "inconclusive, loaded",
            "at most 5 %",
            _count(loaded, INCONCLUSIVE),
            len(loaded),
            INCONCLUSIVE_LOADED_AT_MOST,
        ),
        _counted(
            "inconclusive without a reason",
            "0",
            sum(s.mark == INCONCLUSIVE and not s.measurement.reasons for s in own),
            _count(own, INCONCLUSIVE) or len(own),
            0,
        ),
    ]


def _count(some: Iterable[Scored], what: str) -> int:
    return sum(s.mark == what for s in some)


def share_errors(scored: Iterable[Scored], nominal_ns: int) -> list[float]:
    """Return how far the held shares of specimens of this length are from their construction, largest last."""
    return sorted(
        abs(s.measurement.held_share - s.case.expected_held_share)
        for s in scored
        if s.case.exact_share
        and s.case.nominal_ns == nominal_ns
        and s.measurement.witness == LEDGER
        and s.measurement.held_share is not None
        and s.case.expected_held_share is not None
    )


def _share_bars(own: Sequence[Scored]) -> list[Bar]:
    rows = []
    for nominal_ns, at_most in SHARE_ERROR_AT_MOST.items():
        name = f"held share against construction, calls of {length(nominal_ns)}"
        errors = share_errors(own, nominal_ns)
        measured = f"at most {errors[-1]:.4f} in {len(errors)}" if errors else ""
        verdict = NOT_MEASURED if not errors else MET if errors[-1] <= at_most else MISSED
        rows.append(Bar(name, f"within {at_most:g}", measured, verdict))
    return rows


def length(ns: int) -> str:
    """Return a number of nanoseconds in the unit that fits."""
    for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000), ("µs", 1_000)):
        if ns >= size:
            return f"{ns / size:g} {unit}"
    return f"{ns} ns"


def _call_bars(own: Sequence[Scored]) -> list[Bar]:
    rows = []
    for words, some in (
        ("idle", [s for s in own if not s.measurement.load]),
        ("loaded", [s for s in own if s.measurement.load]),
    ):
        n_calls = [
            s.measurement.n_calls
            for s in some
            if s.measurement.n_calls is not None
            and s.measurement.span_ns is not None
            and s.measurement.span_ns >= ONE_CALL_FROM_NS
        ]
        name = f"calls that a verdict needs, calls of {length(ONE_CALL_FROM_NS)} and more, {words}"
        if not n_calls:
            rows.append(Bar(name, "1", "", NOT_MEASURED))
            continue
        measured = f"1 in {n_calls.count(1)} of {len(n_calls)}, at most {max(n_calls)}"
        rows.append(Bar(name, "1", measured, MET if max(n_calls) <= 1 else MISSED))
    return rows


def _interval_bar(name: str, interval: Interval | None, at_most: float) -> Bar:
    required = f"at most {at_most:g}"
    if interval is None:
        return Bar(name, required, "", NOT_MEASURED)
    return Bar(name, required, str(interval), interval.against(at_most))


def _removed_bar(price: Price | None) -> Bar:
    name, required = "added once the hooks are out, in clock readings", "nothing"
    if price is None:
        return Bar(name, required, "", NOT_MEASURED)
    # Exact: no word of the interpreter points into the library. By the clock: at most NOTHING, as the same instructions
    # run then, on pages that were written to and restored.
    nothing = price.n_hooks_left == 0 and price.removed.low <= NOTHING
    measured = f"{price.removed} (two that never had any: {price.twin}), {price.n_hooks_left} hooks left"
    return Bar(name, required, measured, MET if nothing else MISSED)
