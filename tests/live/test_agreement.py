"""Agreement on specimens: a race is found, and a correct function always agrees."""

from __future__ import annotations

import sys
import threading

import pytest
from hypothesis import strategies as st

from pytest_gilcheck import Disagreement, agrees, specimens


@pytest.mark.smoke
def test_agrees_when_the_function_has_a_race_then_the_difference_names_a_thread() -> None:
    with pytest.raises(Disagreement) as failed:
        agrees(specimens.races, lambda n: min(n, 1000), st.integers(0, 2000).map(lambda n: (n,)))

    difference = failed.value.difference
    assert difference.kind in ("shared", "distinct")
    assert difference.thread in range(4)
    assert difference.n_replays > 0


@pytest.mark.smoke
def test_agrees_when_the_function_has_no_race_then_it_agrees() -> None:
    inputs = st.integers(0, 20_000).map(lambda ns: (ns,))

    assert agrees(specimens.releases, lambda _ns: None, inputs).word == "agree"


def test_fixture_when_asked_for_agreement_then_it_compares(gilcheck) -> None:
    assert gilcheck.agrees(len, lambda text: sum(1 for _ in text), st.text().map(lambda text: (text,))).word == "agree"


def test_agrees_when_two_run_at_once_then_the_switch_interval_is_as_before() -> None:
    """Whichever ends first."""
    before = sys.getswitchinterval()
    words = []

    def compares(ns: int, examples: int) -> None:
        inputs = st.just((ns,))
        words.append(agrees(specimens.releases, lambda _ns: None, inputs, examples=examples).word)

    for lengths in ((1, 20), (20, 1)):
        threads = [threading.Thread(target=compares, args=(100_000, 5 * n)) for n in lengths]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sys.getswitchinterval() == before

    assert words == ["agree"] * 4
