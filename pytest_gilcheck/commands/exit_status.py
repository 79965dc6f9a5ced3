"""Exit statuses, and how the command reports an error."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import Observation, Verdict

OK, NOT_AS_EXPECTED, USAGE, INCONCLUSIVE = 0, 1, 2, 3
INTERRUPTED = 130


def say(text: str) -> None:
    """Write a line to stderr."""
    sys.stderr.write(f"gilcheck: {text}\n")


def status_of(observation: Observation, verdict: Verdict) -> int:
    """Return the exit status of a run with this check alone."""
    if verdict.claim_met is False:
        return NOT_AS_EXPECTED
    if verdict.gil in ("inconclusive", "not_applicable"):
        return INCONCLUSIVE
    return INCONCLUSIVE if verdict.claim_met is None and not observation.claim.is_empty else OK
