"""Why a verdict is not plainer than it is: a slug that the documentation explains, and the facts of this case."""

from __future__ import annotations

from dataclasses import dataclass

# Each slug has an entry of the same name in docs/messages.md, where its remedy is told at length; a test compares
# the two, and finds every `Reason("...")` in the package whose slug is missing here.
SLUGS: dict[str, str] = {
    "borderline": "the bounds of the held share straddle a border after the last look",
    "call-has-own-threads": "the call attached threads of its own, whose holding counts for it",
    "callee-raised": "the call raised an exception instead of returning",
    "callee-skipped": "the call skipped its test",
    "clock-coarse": "the clock's step or price is too large for so short a call",
    "deadline": "the call did not return before its deadline",
    "disturbed": "the system took the processor away during the calls, so their times are weaker evidence",
    "events-dropped": "the bounded log of hand-overs was full; totals are exact, the picture ends early",
    "interrupted": "the check was stopped before its last look",
    "ledger-unavailable": "the exact record of hand-overs cannot be kept in this process",
    "no-gil": "this interpreter runs without a GIL, so nothing can be released",
    "not-measured": "this figure was not asked for, or no instrument here can give it",
    "one-cpu": "this process may use one processor only, so wall time cannot show overlap",
    "other-hook": "another tool watches the same interpreter calls or thread functions",
    "patched-threading": "the threading module is replaced, so its threads are not the system's",
    "process-lost": "the child process that ran the call ended without an answer",
    "python-callee": "the call runs Python code: it gives way on request, which is not parallelism",
    "small-input": "the input is so small that many functions do not release the GIL for it",
    "straddles": "the interval of the figure contains the number that it was compared with",
    "too-short": "the call is too short for its share to be bounded within the budget",
    "witnesses-conflict": "two witnesses saw what cannot both be true",
    "xdist-neighbours": "other workers of pytest-xdist use the same processors",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why? `slug` names an entry of ``docs/messages.md``; `detail` gives this case's values in one sentence."""

    slug: str
    detail: str = ""
