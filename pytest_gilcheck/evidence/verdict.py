"""What we make of an observation: words with fixed borders, figures with bounds, reasons, and a diagnosis."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn

from pytest_gilcheck.evidence.claim import Limit
from pytest_gilcheck.evidence.errors import Inconclusive, NotApplicable
from pytest_gilcheck.evidence.estimate import Estimate
from pytest_gilcheck.evidence.machine import Machine
from pytest_gilcheck.evidence.observation import Instrument
from pytest_gilcheck.evidence.places import SleepSite, Where
from pytest_gilcheck.evidence.reason import Reason, concerning

#: An error here is always about what a test asks for.
__tracebackhide__ = True


@dataclass(frozen=True, slots=True)
class ReleaseCounts:
    """How often a call releases the GIL.

    Attributes:
        by_function: Releases by the callee (median over calls).
        by_interpreter: Releases in which the interpreter gave way to a waiting thread (mean over the calls beside the native
            waiter).
    """

    by_function: float = 0
    by_interpreter: float = 0


@dataclass(frozen=True, slots=True)
class Projection:
    """What a machine with more cores would give, by a model of the measured calls. It is no measurement.

    Attributes:
        n_cores: Number of cores, and of competing threads.
        speedup: How many times as fast the threads would be as the same calls one after the other.
        low: The least that the bounds of the measured figures allow.
        high: The most.
    """

    n_cores: int
    speedup: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, repr=False)
class Verdict:
    """The verdict on one call: whether it releases the GIL, whether calls overlap, and whether the answers are right.

    Attributes that ask a question (`released`, `held`, `detached`, `lets_others_run`, `overlaps`) and comparisons of estimates raise `Inconclusive` where
    the evidence does not decide. A verdict is wrong where the call behaves otherwise under a competition, or on an
    input, that this check did not have.

    Attributes:
        name: Name of the check.
        gil: ``released``, ``held``, ``partial``, ``not_applicable`` or ``inconclusive``.
        held_share: Share of the call (0..1) during which the GIL was held.
        n_calls: Single calls that it rests on.
        span_ns: Time of the typical call.
        cpu_ns: Processor time of the typical call's thread.
        longest_hold_ns: Longest hold of the typical call.
        longest_wait_ns: Longest wait for the GIL that the call caused another thread.
        n_releases: How often a call releases the GIL.
        overlap: ``overlaps``, ``serialised``, ``inconclusive`` or ``not_measured``.
        speedup: How many times as fast competing threads are as the same calls one after the other.
        efficiency: The speed-up over what a call that releases the GIL reaches in the same rounds.
        agreement: ``agree``, ``differ`` or ``not_checked``.
        claim_met: Whether the claim is met. None: nothing was claimed, or the evidence does not decide it.
        reasons: Slugs of why the verdict is not plainer.
        notes: The same reasons with this case's values.
        diagnosis: What the verdict means for the author, in a sentence or a few.
        timeline: One call over time, a letter for each slice: ``H`` held, ``r`` released, ``m`` mixed, ``w`` waiting, ``?``
            not recorded.
        machine: Where it was measured.
        instrument: The witness of the GIL.
        cores_used: Processor time over wall time of competing calls.
        both_released_share: Share of that wall time (0..1) during which two or more of them were outside the GIL at once.
        most_speedup: Speed-up that the held share leaves possible.
        where: Lines between which the longest hold lies, for a call that holds or holds in part.
        waits_at: The function in which competing threads wait for each other, where the cause is an inner lock and it is known.
        sleeps_at: The function in which a call that never releases the GIL sleeps, where it does for long and it is known.
        together: How many times as fast competing threads are on free cores, by what their calls lost while they ran
            together. With more threads than cores: on so many free cores as there are here.
        decided_by: The evidence that decides `overlap`: ``together``, ``wall-clock``, or empty where nothing does.
        projections: What machines with more cores would give, by a model of these calls.
        limits: The parts of the claim, each with its margin.
        attachment: ``detached``, ``attached``, ``partial`` or ``inconclusive`` on an interpreter without a GIL;
            ``not_applicable`` on others.
        attached_share: Share of the call (0..1) during which its thread was attached to the interpreter. An attached thread
            keeps garbage collections, and whatever else stops all threads, waiting.
        longest_pause_ns: Longest time for which the call kept a garbage collection of another thread waiting.
        traits: Slugs of how the call releases, as far as the diagnosis needs them: ``releases-often``, ``gives-way`` (only
            when the interpreter asks) and ``wait-is-felt`` (by a thread that waits for the GIL).
        result: What the first measured call returned. It is no part of equality, of the JSON form and of what is shown.
    """

    name: str
    gil: str
    held_share: Estimate
    n_calls: int
    span_ns: int | None
    cpu_ns: int | None
    longest_hold_ns: int | None
    longest_wait_ns: int | None
    n_releases: ReleaseCounts
    overlap: str
    speedup: Estimate
    efficiency: Estimate
    agreement: str
    claim_met: bool | None
    reasons: tuple[str, ...]
    notes: tuple[Reason, ...]
    diagnosis: str
    timeline: str
    machine: Machine
    instrument: Instrument
    cores_used: float | None = None
    both_released_share: float | None = None
    most_speedup: float | None = None
    together: Estimate = field(default_factory=lambda: Estimate(quantity="speed-up on free cores", why_not="no-rounds"))
    decided_by: str = ""
    projections: tuple[Projection, ...] = ()
    where: Where | None = None
    limits: tuple[Limit, ...] = ()
    traits: tuple[str, ...] = ()
    attachment: str = "not_applicable"
    attached_share: Estimate = field(default_factory=lambda: Estimate(quantity="attached share", why_not="has-gil"))
    longest_pause_ns: int | None = None
    waits_at: SleepSite | None = None
    sleeps_at: SleepSite | None = None
    result: Any = field(default=None, compare=False, repr=False)

    def __repr__(self) -> str:
        """Return the verdict in one line, which a failing assertion shows beside ``.released``.

        Returns:
            The words and figures that were measured.
        """
        share = self.held_share if self.attachment == "not_applicable" else self.attached_share
        parts = [f"{self.word} ({share})"]
        if self.overlap != "not_measured":
            word = f"overlap {self.overlap}" if self.overlap == "inconclusive" else self.overlap
            parts.append(f"{word} ({self.speedup})")
        if self.agreement != "not_checked":
            parts.append(f"results {self.agreement}")
        return f"<Verdict on {self.name}: {', '.join(parts)}>"

    def __bool__(self) -> NoReturn:
        # `assert gilcheck(f)` would pass whatever the verdict is.
        message = f"the verdict on {self.name} is no yes or no: ask for .released (or .held, .overlaps), here {self!r}"
        raise TypeError(message)

    @property
    def released(self) -> bool:
        """Whether the GIL was released for at least 95 % of the call.

        Raises `Inconclusive` where the evidence does not decide it, `NotApplicable` where the interpreter has no GIL.
        """
        return self._is("gil", "released")

    @property
    def held(self) -> bool:
        """Whether the GIL was held for at least 95 % of the call.

        Raises `Inconclusive` where the evidence does not decide it, `NotApplicable` where the interpreter has no GIL.
        """
        return self._is("gil", "held")

    @property
    def word(self) -> str:
        """The word on what the call does to other threads: that of the GIL, or of attachment where there is none."""
        return self.attachment if self.gil == "not_applicable" else self.gil

    @property
    def detached(self) -> bool:
        """Whether the call's thread was detached from an interpreter without a GIL for at least 95 % of the call.

        Raises `Inconclusive` where the evidence does not decide it, `NotApplicable` where the interpreter has a GIL.
        """
        return self._is("attachment", "detached")

    @property
    def attached(self) -> bool:
        """Whether the call's thread was attached to an interpreter without a GIL for at least 95 % of the call.

        Raises `Inconclusive` where the evidence does not decide it, `NotApplicable` where the interpreter has a GIL.
        """
        return self._is("attachment", "attached")

    @property
    def lets_others_run(self) -> bool:
        """Whether other threads run freely meanwhile: the call releases the GIL, or, where there is none, is detached.

        The same assertion serves every build of the interpreter. Raises `Inconclusive` where the evidence does not decide it.
        """
        if self.attachment != "not_applicable":
            return self._is("attachment", "detached")
        return self._is("gil", "released")

    @property
    def overlaps(self) -> bool:
        """Whether calls of competing threads overlapped in wall time.

        Raises:
            Inconclusive: The evidence does not decide it, or it was not measured.
        """
        return self._is("overlap", "overlaps")

    def _is(self, question: str, word: str) -> bool:
        """Return whether the verdict on a question is this word.

        Args:
            question: Its field.
            word: One of the field's words.

        Returns:
            Whether it is.

        Raises:
            Inconclusive: The evidence does not decide the question.
            NotApplicable: The question has no meaning here.
        """
        answer: str = getattr(self, question)
        what, not_applicable = _QUESTIONS[question]
        if answer not in ("inconclusive", "not_measured", "not_applicable"):
            return answer == word
        notes = concerning(question, self.notes)
        why = "; ".join(f"{r.slug}: {r.detail}" if r.detail else r.slug for r in notes) or self.diagnosis
        slugs = tuple(dict.fromkeys(note.slug for note in notes))
        if answer == "not_applicable":
            raise NotApplicable(f"{self.name}: {not_applicable.format(why=why)}", slugs)
        raise Inconclusive(f"{self.name}: {what} is {answer.replace('_', ' ')} ({why})", slugs)


#: Field of a verdict -> what its word says, and what to ask for where it says nothing here.
_QUESTIONS = {
    "gil": ("the GIL verdict", "no GIL in this interpreter, ask for .detached or .lets_others_run ({why})"),
    "attachment": (
        "whether the thread is detached",
        "this interpreter has a GIL, ask for .released or .lets_others_run",
    ),
    "overlap": ("whether calls overlap", ""),
}
