"""Why a verdict is not plainer than it is: a slug that the documentation explains, and the values of this case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Iterable

# Each slug has an entry of the same name in docs/messages.md, which explains its remedy at length. A test compares the
# two, and finds every slug that the package or the Rust code writes out and that is missing here.
SLUGS: dict[str, str] = {
    "attachment-borderline": "the bounds of the sampled attached share straddle a border after the last look",
    "attachment-not-found": "this interpreter has no GIL, and which threads are attached cannot be read in it",
    "attachment-not-recorded": "no exact record of who is attached, or the samples contradict it: samples decide, with bounds",
    "borderline": "the bounds of the held share straddle a border after the last look",
    "budget-too-small": "not one wall-clock round fits the budget",
    "chatter": "calls let the GIL go so often that handing it over costs more than it gains",
    "clock-coarse": "the clock's step or price is too large for so short a call",
    "disturbed": "the system took the processor away during the calls, so their times are weaker evidence",
    "events-dropped": "the bounded log of GIL events was full; totals are exact, the timeline ends early",
    "gevent": "the threading module is patched, so that its threads are not the system's",
    "gil-switched-on": "this is a free-threaded build, and its GIL is switched on",
    "greenlets": "stacks are not read where greenlets switch them, so that no place is named",
    "held-tail": "calls hold the GIL in part, and the others wait for that part",
    "inner-lock": "the GIL is released, and yet calls wait for a lock inside the callee",
    "ledger-forked-child": "no ledger: this process was forked while a check ran in its parent",
    "ledger-lost": "no ledger: another tool replaced its hooks while calls were recorded",
    "ledger-memory-unreadable": "no ledger: the system forbids a process to read its own memory",
    "ledger-missing-symbol": "no ledger: a function of the interpreter or of the C library is not exported",
    "ledger-no-slot": "no ledger: the interpreter calls the C library through no dynamic relocation",
    "ledger-not-asked": "no ledger: the progress witness alone was asked for",
    "ledger-not-verified": "no ledger: what was found in memory did not behave as a GIL must",
    "ledger-other-interpreter": "no ledger: this thread belongs to an interpreter with a GIL of its own",
    "ledger-page-locked": "no ledger: the page of the dynamic relocations cannot be made writable",
    "ledger-platform": "no ledger: there is none for this system or processor",
    "ledger-required": "the ledger alone was asked for, and it is unavailable",
    "ledger-shape-not-found": "no ledger: nothing in the interpreter, or more than one thing, has the shape of a GIL",
    "ledger-too-many-spans": "no ledger: more blocks and calls are measured at the same time than it has room for",
    "ledger-too-many-threads": "no ledger: there are more threads than it has room for",
    "longer-than-a-slice": "beside busy processes the scheduler interrupts each of the calls, so that they hardly run together",
    "memory-bandwidth": "the same calls need more processor time in competing threads",
    "native-hooks": "a memory tracker or profiler is at work that hooks native functions",
    "no-gil": "this interpreter runs without a GIL, so nothing can be released",
    "no-schedstat": "the system does not report time off the processor, so that it may have been any state",
    "no-spare-cores": "the controls of the wall-clock rounds did not come out as what they are",
    "not-measured": "this figure was not asked for, or no instrument here can give it",
    "one-cpu": "this process may use one processor only, so wall time cannot show overlap",
    "one-thread": "one thread competes with nobody",
    "other-threads-work": "threads that have no account here use the processor while the calls run",
    "overlap-borderline": "the interval of the speed-up contains the threshold between overlaps and serialised",
    "own-thread-pool": "one call alone already uses several cores",
    "own-threads-attached": "threads of the callee's own were attached, and that counts for the call",
    "own-threads-attach": "threads of the callee's own took the GIL, and what they held counts for the call",
    "profiler": "a profiler is called at every Python call",
    "progress-only": "without a ledger, the progress of a background thread does not decide",
    "rarely-together": "competing threads were hardly ever within their calls together and left alone by the scheduler",
    "result-not-sent": "what the call returned cannot leave the child process",
    "serialised-by-gil": "calls do not overlap because they hold the GIL",
    "short-switch-interval": "somebody set a short switch interval, so that the interpreter often asks for the GIL",
    "shortfall-unexplained": "calls overlap less than they could, and nothing in the record says why",
    "sleep-varies": "the call sleeps, and for how long varies, so that it may wait for somebody who has no account here",
    "sleeps-in-part": "the call sleeps in part, so that beside busy processes threads compute in turns and do not meet",
    "sleeps-while-holding": "the call sleeps while it holds the GIL: it waits for a file, a socket or a lock",
    "small-input": "the call is so short that it may be one that releases for larger inputs only",
    "stolen-time": "the host or a quota took the processors away while calls were recorded",
    "straddles": "the interval of the figure contains the number that it was compared with",
    "time-limit": "the check has reached its time limit, and left a stage out",
    "too-few-cores": "competing threads were ready and did not run",
    "too-short": "the call is too short beside the price of reading the clock",
    "too-short-to-overlap": "calls are as short as one switch between threads",
    "tracer": "a tracer (coverage, a debugger) is called at every line",
    "uneven-threads": "some threads were done long before others",
    "where-failed": "the call whose lines were to be found raised",
    "whose-attachment": "other threads were attached within the calls, and nothing tells whether they are the callee's",
    "whose-hold": "other threads held the GIL within the calls, and nothing tells whether they are the callee's",
    "witnesses-conflict": "two witnesses saw what cannot both be true",
    "xdist-neighbours": "other workers of pytest-xdist use the same processors",
}

#: Question -> slugs that say something about it alone. Any other slug may be why a verdict does not answer a question.
CONCERNS: dict[str, frozenset[str]] = {
    "gil": frozenset(
        {
            "borderline",
            "clock-coarse",
            "disturbed",
            "ledger-required",
            "own-threads-attach",
            "progress-only",
            "small-input",
            "too-short",
            "whose-hold",
        }
    ),
    "attachment": frozenset(
        {
            "attachment-borderline",
            "attachment-not-found",
            "attachment-not-recorded",
            "own-threads-attached",
            "whose-attachment",
        }
    ),
    "overlap": frozenset(
        {
            "budget-too-small",
            "chatter",
            "held-tail",
            "inner-lock",
            "longer-than-a-slice",
            "memory-bandwidth",
            "no-spare-cores",
            "one-cpu",
            "one-thread",
            "other-threads-work",
            "overlap-borderline",
            "own-thread-pool",
            "rarely-together",
            "serialised-by-gil",
            "shortfall-unexplained",
            "sleep-varies",
            "sleeps-in-part",
            "too-few-cores",
            "too-short-to-overlap",
            "uneven-threads",
            "xdist-neighbours",
        }
    ),
    "where": frozenset({"events-dropped", "greenlets", "where-failed"}),
    "result": frozenset({"result-not-sent"}),
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a verdict is not plainer than it is.

    The stages of a check give slug and values; `report.reasons` makes the detail of them.

    Attributes:
        slug: Name of an entry of ``docs/messages.md``.
        values: Names and values of this case: integers of nanoseconds end in ``_ns``, shares in ``_share``.
        detail: The values in a sentence. Empty where none has been made yet; reports of schema versions 1 and 2 have
            the sentence alone.
    """

    slug: str
    values: tuple[tuple[str, float | int | str], ...] = ()
    detail: str = ""

    @classmethod
    def of(cls, slug: str, **values: float | str | Estimate | None) -> Reason:
        """Return the reason with these values.

        Args:
            slug: Name of an entry of ``docs/messages.md``.
            **values: This case's values. An estimate becomes three: its value, and its bounds under its name with
                ``_low`` and ``_high``. A value of None, and an estimate that was not measured, is left out.

        Returns:
            The reason, without a sentence.
        """
        return cls(slug).with_values(**values)

    def with_values(self, **values: float | str | Estimate | None) -> Reason:
        """Return the reason with these values added to its own, as in `of`."""
        parts = list(self.values)
        for name, value in values.items():
            if not isinstance(value, Estimate):
                parts += [] if value is None else [(name, value)]
            elif value.value is not None and value.low is not None and value.high is not None:
                parts += [(name, value.value), (f"{name}_low", value.low), (f"{name}_high", value.high)]
        return Reason(self.slug, tuple(parts), self.detail)


def concerning(question: str, reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Return those of a verdict's reasons that may be why it does not answer a question.

    Args:
        question: ``gil``, ``attachment`` or ``overlap``.
        reasons: All reasons of the verdict.

    Returns:
        The same without those that say something about another question alone.
    """
    elsewhere = frozenset().union(*(slugs for other, slugs in CONCERNS.items() if other != question))
    return tuple(reason for reason in reasons if reason.slug not in elsewhere)
