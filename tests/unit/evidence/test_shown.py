"""Values in names and messages."""

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from pytest_gilcheck.evidence.shown import LONGEST_VALUE, shortened, shown, shown_in_name

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


class Loud:
    """Its representation is long and has an address."""

    def __repr__(self):
        return f"<Loud at {id(self):#x} {'x' * 1000}\n>"


class Broken:
    """Its representation raises."""

    def __repr__(self):
        raise RuntimeError


@given(plain | st.binary(min_size=2000, max_size=3000) | st.text(min_size=2000, max_size=3000))
def test_shown_when_a_value_is_large_then_one_short_line_is_left(value):
    for text in (shown(value), shown_in_name(value)):
        assert len(text) <= LONGEST_VALUE and "\n" not in text


@given(
    st.integers(-(10**9), 10**9) | st.booleans() | st.none() | st.floats() | st.text("ab c", max_size=20).map(str.split)
)
@example(["a"] * 8)
def test_shown_when_a_value_is_small_then_it_is_written_out(value):
    assume(len(repr(value)) <= LONGEST_VALUE)

    assert shown(value) == repr(value)


def test_shown_when_a_value_is_huge_then_it_is_not_written_out_first():
    """80 MB of bytes, of text, and of both in containers: their whole text would take a gigabyte."""
    import tracemalloc

    data, text = bytes(20_000_000), "x" * 20_000_000
    tracemalloc.start()
    for value in (data, text, bytearray(1), [data], {"a": text}, (data, text)):
        shown(value), shown_in_name(value)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 1_000_000


@pytest.mark.parametrize("value", [object(), Loud(), Broken(), [object()], {1: Loud()}, len, Loud, lambda: 1])
def test_shown_when_an_object_has_an_address_then_no_text_has_it(value):
    assert "0x" not in shown(value) + shown_in_name(value)


def test_shown_in_name_when_an_object_describes_itself_then_its_class_stands_for_it():
    """What it says of itself may be another text in the next run."""
    assert shown_in_name(Loud()) == "<Loud>"
    assert shown_in_name([Loud(), 1]) == "[<Loud>, 1]"
    assert shown_in_name(len) == "len"


@given(st.text(), st.integers(10, 100))
def test_shortened_when_a_text_is_long_then_both_ends_are_left(text, longest):
    short = shortened(text, longest)

    assert len(short) <= longest
    assert short == " ".join(text.split()) or "…" in short
