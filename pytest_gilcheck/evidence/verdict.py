"""What we make of an observation: words with fixed borders, figures with bounds, reasons, and one sentence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pytest_gilcheck.evidence.claim import Limit
from pytest_gilcheck.evidence.errors import Inconclusive, NotApplicable
from pytest_gilcheck.evidence.estimate import Estimate
from pytest_gilcheck.evidence.machine import Machine
from pytest_gilcheck.evidence.observation import Instrument
from pytest_gilcheck.evidence.places import Where
from pytest_gilcheck.evidence.reason import Reason


@dataclass(frozen=True, slots=True)
class ReleaseCounts:
    """How often did a call hand the GIL over, per call (median)? Because the callee let go (`by_function`), or
    because the interpreter gave way to a waiting thread (`by_interpreter`, seen beside the native waiter)."""

    by_function: float = 0
    by_interpreter: float = 0


@dataclass(frozen=True, slots=True, repr=False)
class Verdict:
    """Does it release the GIL, do calls overlap, are the answers right?

    `gil` is ``released``, ``held``, ``partial``, ``not_applicable`` or ``inconclusive``; `overlap` is
    ``overlaps``, ``serialised``, ``inconclusive`` or ``not_measured``; `agreement` is ``agree``, ``differ`` or
    ``not_checked``. `claim_met` is None where nothing was claimed or the evidence does not decide the claim; `limits` are its parts, each with its margin.
    `reasons` are the slugs of why the verdict is not plainer, `notes` the same with this case's values.
    `cores_used` is processor time over wall time of competing calls, `both_released_share` the part of that wall time during
    which two or more of them were outside the GIL at once (exact), `most_speedup` what the held share leaves possible.
    `where` names the lines between which the longest hold lies, for a call that holds or holds in part.
    `timeline` draws one call over time, a letter a slice: ``H`` held, ``r`` released, ``m`` both, ``w`` waiting. `result` is what the first measured call
    returned; it is no part of equality, of the JSON form and of what is shown. Undecided values raise `Inconclusive`.
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
    where: Where | None = None
    limits: tuple[Limit, ...] = ()
    traits: tuple[str, ...] = ()
    result: Any = field(default=None, compare=False, repr=False)

    def __repr__(self) -> str:
        """In one line: an assertion that fails shows it beside ``.released``, and the whole story is elsewhere."""
        told = [f"{self.gil} ({self.held_share})"]
        if self.overlap != "not_measured":
            told.append(f"{self.overlap} ({self.speedup})")
        if self.agreement != "not_checked":
            told.append(f"answers {self.agreement}")
        return f"<Verdict on {self.name}: {', '.join(told)}>"

    @property
    def released(self) -> bool:
        """Was the GIL released for (nearly) all of the call? Raises where the evidence does not decide."""
        return self._is("released")

    @property
    def held(self) -> bool:
        """Was the GIL held for (nearly) all of the call? Raises where the evidence does not decide."""
        return self._is("held")

    @property
    def overlaps(self) -> bool:
        """Did calls of competing threads overlap in wall time? Raises where the evidence does not decide."""
        if self.overlap in ("inconclusive", "not_measured"):
            raise Inconclusive(
                f"{self.name}: whether calls overlap is {self.overlap.replace('_', ' ')} ({self._why})", self.reasons
            )
        return self.overlap == "overlaps"

    @property
    def _why(self) -> str:
        return "; ".join(f"{r.slug}: {r.detail}" if r.detail else r.slug for r in self.notes) or self.diagnosis

    def _is(self, word: str) -> bool:
        if self.gil == "inconclusive":
            raise Inconclusive(f"{self.name}: the GIL verdict is inconclusive ({self._why})", self.reasons)
        if self.gil == "not_applicable":
            raise NotApplicable(f"{self.name}: no GIL in this interpreter ({self._why})", self.reasons)
        return self.gil == word
