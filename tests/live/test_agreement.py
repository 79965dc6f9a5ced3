"""Agreement on specimens: a race is caught, a correct function is never accused."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from pytest_gilcheck import Disagreement, agrees, specimens


def test_a_race_is_caught_and_the_thread_is_named() -> None:
    with pytest.raises(Disagreement) as failed:
        agrees(specimens.races, lambda n: min(n, 1000), st.integers(0, 2000).map(lambda n: (n,)))

    difference = failed.value.difference
    assert difference.kind in ("shared", "distinct")
    assert difference.thread in range(4)
    assert difference.n_replays > 0


def test_a_function_without_a_race_is_not_accused() -> None:
    inputs = st.integers(0, 20_000).map(lambda ns: (ns,))

    assert agrees(specimens.releases, lambda _ns: None, inputs).word == "agree"


def test_the_fixture_compares_too(gilcheck) -> None:
    assert gilcheck.agrees(len, lambda text: sum(1 for _ in text), st.text().map(lambda text: (text,))).word == "agree"
