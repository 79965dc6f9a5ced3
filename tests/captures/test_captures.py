"""Every saved observation still gets its verdict."""

from pathlib import Path

import pytest

from pytest_gilcheck.judge import judge
from pytest_gilcheck.store.stream import Stream

CAPTURES = sorted(Path(__file__).parent.glob("*.json"))
EXPECTED = {
    "released": "released",
    "held": "held",
    "partial": "partial",
    "yields": "held",
    "workers": "held",
    "disturbed": "released",
    "lock-busy": "released",
    "many-hand-overs": "partial",
}


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_capture_gets_its_verdict_again(path):
    """A change of the judge that changes one must be meant."""
    (check,) = Stream(path)
    verdict = judge(check.observation)

    assert verdict.gil == check.verdict.gil == EXPECTED.get(path.stem, check.verdict.gil)
    assert verdict.overlap == check.verdict.overlap
    assert verdict.reasons == check.verdict.reasons
    assert verdict.held_share.value == check.verdict.held_share.value


def test_the_captures_that_matter_are_there():
    """One of each word, and one of a call that was hardly ever on a processor."""
    observations = {path.stem: next(iter(Stream(path))).observation for path in CAPTURES}

    assert set(EXPECTED) <= set(observations)
    disturbed = observations["disturbed"].calls
    assert sum(call.delay_ns for call in disturbed) > sum(call.span_ns for call in disturbed) / 2
    busy = observations["lock-busy"]
    assert sum((observed.released.delay_ns or 0) > observed.released.wall_ns / 4 for observed in busy.rounds) > 3
    assert judge(busy).overlap == "serialised"
    assert observations["workers"].calls[0].n_workers == 2
    assert observations["yields"].gil_waits.n_releases_by_interpreter > 0


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_readme_names_every_capture(path):
    """What it is and where it comes from."""
    assert f"`{path.name}`" in path.with_name("README.md").read_text(encoding="utf-8")
