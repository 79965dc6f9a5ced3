"""Renders the tables in Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from benchmarks.ledger.cases import SPECIMEN_SPANS_NS
from benchmarks.ledger.measurement import LEDGER, OWN, PROGRESS
from benchmarks.ledger.price import Price
from benchmarks.ledger.score import (
    ABSENT,
    CANNOT_SAY,
    FAILED,
    INCONCLUSIVE,
    RIGHT,
    WRONG,
    Bar,
    Scored,
    length,
    share_errors,
    tallies,
)

LABELS = {
    "ledger": "this tool",
    "progress": "this tool, progress witness alone",
    "ratio": "two threads at least 1.5 times as fast",
    "counter": "counter thread, huge switch interval",
}


def render(
    header: Sequence[str],
    bars: Sequence[Bar],
    scored: Sequence[Scored],
    price: Price | None = None,
) -> str:
    """Return the whole page."""
    parts = [
        "# Ledger benchmark",
        "\n".join(f"- {line}" for line in header),
        "## Promises",
        _table(
            ("promise", "required", "measured", "verdict"), [(b.name, b.required, b.measured, b.verdict) for b in bars]
        ),
        "## Side by side, same work, same run",
        _side_by_side(scored),
        "## What the progress witness decides",
        _by_truth([s for s in scored if s.measurement.witness == PROGRESS]),
        "## Held share against construction",
        _shares(scored),
        "## Wrong verdicts, one by one",
        _one_by_one(scored, WRONG),
        "## No verdict at all",
        _one_by_one(scored, FAILED),
        "## Inconclusive, by reason",
        _reasons(scored),
        "## Expected shares that were read elsewhere",
        _deviations(scored),
        "## Not installed",
        ", ".join(sorted({f"{s.case.package} (Python {s.measurement.python})" for s in scored if s.mark == ABSENT}))
        or "none",
    ]
    if price is not None:
        parts += ["## Price of a release/take pair", _prices(price)]
    return "\n\n".join(parts) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines) if len(lines) > 2 else "none"  # noqa: PLR2004  (a head and its rule are not a table)


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def _side_by_side(scored: Sequence[Scored]) -> str:
    head = (
        "witness",
        "busy processes",
        "asked",
        "decided",
        "right",
        "wrong",
        "wrong, independent truth",
        f"{CANNOT_SAY} (only wrong in that sense)",
        "inconclusive",
        "failed",
        "median time",
    )
    rows = [
        (
            LABELS.get(t.witness, t.witness),
            t.load,
            t.n,
            f"{t.n_decided} ({t.n_decided / t.n:.1%})",
            t.n_right,
            t.n_wrong,
            f"{t.n_wrong_independent} of {t.n_independent}",
            t.n_cannot_say,
            t.n_inconclusive,
            t.n_failed,
            "" if t.median_seconds is None else f"{t.median_seconds:.3f} s",
        )
        for t in tallies(scored)
    ]
    return _table(head, rows)


def _by_truth(scored: Sequence[Scored]) -> str:
    rows = []
    for truth in ("released", "partial", "held"):
        for load in sorted({s.measurement.load for s in scored}):
            marks = Counter(s.mark for s in scored if (s.case.truth, s.measurement.load) == (truth, load))
            n = sum(marks.values()) - marks[ABSENT]
            decided = marks[RIGHT] + marks[WRONG]
            rows.append((truth, load, n, decided, marks[WRONG], marks[INCONCLUSIVE], marks[FAILED]))
    head = ("truth", "busy processes", "asked", "decided", "wrong", "inconclusive", "failed")
    return _table(head, [row for row in rows if row[2]])


def _shares(scored: Sequence[Scored]) -> str:
    loads = sorted({s.measurement.load for s in scored})
    rows = []
    for nominal_ns in SPECIMEN_SPANS_NS:
        for load in loads:
            some = [s for s in scored if s.measurement.load == load]
            errors = share_errors(some, nominal_ns)
            if errors:
                inside = [
                    s.measurement.held_share_low - 1e-9
                    <= s.case.expected_held_share
                    <= s.measurement.held_share_high + 1e-9
                    for s in some
                    if s.case.nominal_ns == nominal_ns
                    and s.case.expected_held_share is not None
                    and s.measurement.held_share_low is not None
                    and s.measurement.held_share_high is not None
                ]
                middle = errors[len(errors) // 2]
                rows.append(
                    (
                        length(nominal_ns),
                        load,
                        len(errors),
                        f"{middle:.4f}",
                        f"{errors[-1]:.4f}",
                        f"{sum(inside)} of {len(inside)}",
                    )
                )
    return _table(
        ("call", "busy processes", "measured", "median error", "largest error", "construction within the bounds"), rows
    )


def _one_by_one(scored: Sequence[Scored], what: str) -> str:
    rows = [
        (
            s.measurement.witness,
            s.case.id,
            s.measurement.python,
            s.measurement.load,
            s.case.truth + ("" if s.case.independent_truth else " (seen first)"),
            s.measurement.gil or s.measurement.outcome,
            _seen(s),
            s.measurement.n_calls or "",
            "" if s.measurement.span_ns is None else length(s.measurement.span_ns),
            s.measurement.detail,
        )
        for s in sorted(scored, key=lambda s: s.measurement.witness not in OWN)
        if s.mark == what
    ]
    return _table(("witness", "case", "Python", "busy", "truth", "said", "figure", "calls", "call", "detail"), rows)


def _seen(s: Scored) -> str:
    m = s.measurement
    if m.held_share is not None:
        bounds = (
            ""
            if m.held_share_low is None or m.held_share_high is None
            else f" [{m.held_share_low:.4f}, {m.held_share_high:.4f}]"
        )
        return f"held {m.held_share:.4f}{bounds}"
    return "" if m.figure is None else f"{m.figure:.2f}"


def _prices(price: Price) -> str:
    rows = [
        ("plain pair", f"{price.pair_ns:.0f} ns"),
        ("plain pair beside a second thread that does the same", f"{price.contended_pair_ns:.0f} ns"),
        ("one reading of the clock", f"{price.clock_ns:.1f} ns"),
        ("added by recording, clock readings", price.alone),
        ("added by recording where every pair waits, clock readings", price.contended),
        ("added where the state of a thread off the processor is recorded, clock readings", price.fine),
        ("added once the hooks are out, clock readings", price.removed),
        ("between two processes that never had hooks, clock readings", price.twin),
        ("batches of rounds", f"{price.n_batches} of {price.n_rounds}"),
    ]
    return _table(("what", "figure"), rows)


def _reasons(scored: Sequence[Scored]) -> str:
    counts: Counter[tuple[str, str, int]] = Counter()
    for s in scored:
        if s.mark == INCONCLUSIVE and s.measurement.witness == LEDGER:
            slugs = ", ".join(slug for slug, _ in s.measurement.reasons) or "none given"
            counts[slugs, s.case.id, s.measurement.load] += 1
    return _table(("reasons", "case", "busy processes", "times"), [(*key, n) for key, n in sorted(counts.items())])


def _deviations(scored: Sequence[Scored]) -> str:
    rows = [
        (s.case.id, s.measurement.python, s.measurement.load, f"{s.case.expected_held_share:.2f}", _seen(s))
        for s in scored
        if s.measurement.witness == LEDGER
        and not s.case.exact_share
        and s.case.expected_held_share is not None
        and s.measurement.held_share is not None
    ]
    return _table(("case", "Python", "busy processes", "expected", "measured"), rows)
