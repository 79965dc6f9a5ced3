"""The strategies draw what they promise, respect their limits, and shrink to what a person can read."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings

from pytest_gilcheck import reference
from pytest_gilcheck.agree.strategies import BORDERS, needles, texts, texts_with_needle

# Some of these texts are too large to be shown well, on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

SEARCH = settings(max_examples=20_000, deadline=None, database=None, derandomize=True)
FIND_ONLY = settings(SEARCH, phases=[Phase.generate])


@given(needles(surrogates=True))
def test_needles_are_always_words(needle: str) -> None:
    """A needle that the counter would refuse would end every test with an error."""
    assert needle
    assert " " not in needle
    assert "\n" not in needle


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(texts_with_needle(max_size=5_000))
def test_texts_keep_to_their_size_and_to_utf8(pair: tuple[str, str]) -> None:
    """They are small with a small `max_size`, and have no surrogates by default: any UTF-8 function can read them."""
    text, needle = pair

    assert len(text) <= 5_000 + 1_000
    assert (text + needle).encode()


@pytest.mark.parametrize(
    "part",
    ["\n\n", "  ", "\r\n", "\r", "\x85", "\u2028", "\u0301", "😀", "\u212a", "\0"],
    ids=ascii,
)
def test_texts_contain_every_kind_of_trap(part: str) -> None:
    """Each trap that the counter's documentation names is drawn."""
    assert part in find(texts(), lambda text: part in text, settings=FIND_ONLY)


def test_texts_when_surrogates_are_asked_for_then_they_contain_them() -> None:
    """They have some only if surrogates were asked for."""
    text = find(texts(surrogates=True), lambda text: any("\ud800" <= c <= "\udfff" for c in text), settings=FIND_ONLY)

    with pytest.raises(UnicodeEncodeError):
        text.encode()


def test_texts_reach_a_megabyte() -> None:
    """Large texts come by repetition, within the ordinary number of examples."""
    assert len(find(texts(), lambda text: len(text) >= 1 << 20, settings=FIND_ONLY)) >= 1 << 20


@pytest.mark.parametrize("border", [64, 4096, 1 << 16])
def test_needles_lie_across_the_borders_of_readers(border: int) -> None:
    """A needle begins before a border and ends behind it, in a text that a reader would cut there."""
    assert border in BORDERS

    def across(pair: tuple[str, str]) -> bool:
        text, needle = pair
        return len(needle) > 1 and needle in text[max(0, border - len(needle) + 1) : border + len(needle) - 1]

    text, needle = find(texts_with_needle(), across, settings=FIND_ONLY)

    assert needle in text


def test_needles_overlap_themselves() -> None:
    """A search that skips a whole needle after a miss is wrong on these."""
    needle = find(needles(), lambda needle: needle[:2] == needle[2:4] and len(needle) > 3, settings=FIND_ONLY)

    assert (needle + needle[2:]).startswith(needle)


def test_texts_with_needle_mostly_hit() -> None:
    """A test whose texts never contain the needle tests nothing."""
    hits = []

    @settings(max_examples=200, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(texts_with_needle(max_size=10_000))
    def collect(pair: tuple[str, str]) -> None:
        hits.append(reference.count(*pair) > 0)

    collect()

    assert sum(hits) > len(hits) / 3


def test_pairs_shrink_to_a_text_that_is_the_needle() -> None:
    """It is the smallest pair with a match."""
    assert find(texts_with_needle(), lambda pair: reference.count(*pair) > 0, settings=SEARCH) == ("a", "a")


def test_texts_shrink_to_the_trap_alone() -> None:
    """A failure that needs only a `\\r\\n` is shown with little more than that."""
    assert len(find(texts(), lambda text: "\r\n" in text, settings=SEARCH)) <= 3
