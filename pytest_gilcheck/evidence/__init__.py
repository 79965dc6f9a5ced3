"""What is required, what was measured and what we make of it: the frozen records between the stages.

Standard library only, and no behaviour beyond what a record can say of itself. An `Observation` holds no
threshold and no opinion; a `Verdict` holds no raw event. Every integer of nanoseconds ends in ``_ns``,
every share ends in ``_share`` and lies in 0..1, every count begins with ``n_``.
"""

from __future__ import annotations

from pytest_gilcheck.evidence.agreement import Agreement, Difference
from pytest_gilcheck.evidence.attachment import AttachedCall, Attachment, GcPauses, RecordedCall
from pytest_gilcheck.evidence.baseline import (
    BaselineEntry,
    Change,
    ComparedCheck,
    Comparison,
    Finding,
    Tolerance,
)
from pytest_gilcheck.evidence.claim import Claim, Limit
from pytest_gilcheck.evidence.errors import (
    CheckFailed,
    DeadlineExceeded,
    Disagreement,
    Inconclusive,
    NotApplicable,
    OracleFailed,
    UsageError,
)
from pytest_gilcheck.evidence.estimate import Estimate
from pytest_gilcheck.evidence.machine import Machine, own_version
from pytest_gilcheck.evidence.observation import (
    GilWaits,
    Instrument,
    Observation,
    Plan,
    Progress,
    ReadyThreads,
    RoundSize,
    Surroundings,
)
from pytest_gilcheck.evidence.places import (
    BusiestPlace,
    GilEventPlace,
    HoldPlace,
    Place,
    Places,
    Site,
    SleepPlace,
    Sleeps,
    SleepSite,
    SourceLine,
    Where,
)
from pytest_gilcheck.evidence.reason import Reason
from pytest_gilcheck.evidence.requirement import COMPARED, FIGURES, WORDS
from pytest_gilcheck.evidence.rounds import Arm, Reading, Round, ShortRound, Stamp
from pytest_gilcheck.evidence.spans import CallSpan, GilEvent, GilTimeline, OffProcessor, OtherThread
from pytest_gilcheck.evidence.verdict import Projection, ReleaseCounts, Verdict

__all__ = [
    "COMPARED",
    "FIGURES",
    "WORDS",
    "Agreement",
    "Arm",
    "AttachedCall",
    "Attachment",
    "BaselineEntry",
    "BusiestPlace",
    "CallSpan",
    "Change",
    "CheckFailed",
    "Claim",
    "ComparedCheck",
    "Comparison",
    "DeadlineExceeded",
    "Difference",
    "Disagreement",
    "Estimate",
    "Finding",
    "GcPauses",
    "GilEvent",
    "GilEventPlace",
    "GilTimeline",
    "GilWaits",
    "HoldPlace",
    "Inconclusive",
    "Instrument",
    "Limit",
    "Machine",
    "NotApplicable",
    "Observation",
    "OffProcessor",
    "OracleFailed",
    "OtherThread",
    "Place",
    "Places",
    "Plan",
    "Progress",
    "Projection",
    "Reading",
    "ReadyThreads",
    "Reason",
    "RecordedCall",
    "ReleaseCounts",
    "Round",
    "RoundSize",
    "ShortRound",
    "Site",
    "SleepPlace",
    "SleepSite",
    "Sleeps",
    "SourceLine",
    "Stamp",
    "Surroundings",
    "Tolerance",
    "UsageError",
    "Verdict",
    "Where",
    "own_version",
]
