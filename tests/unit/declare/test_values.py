"""What people write, and what is made of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.declare import values
from pytest_gilcheck.evidence import UsageError

READERS = (values.duration_ns, values.positive_duration_ns, values.share, values.factor, values.count, values.flag)


@pytest.mark.parametrize(
    ("given_value", "ns"),
    [
        ("10ms", 10_000_000),
        ("0.25s", 250_000_000),
        ("2min", 120_000_000_000),
        (" 7 us ", 7_000),
        ("7µs", 7_000),
        ("3ns", 3),
        ("1.5", 1_500_000_000),
        (".5 s", 500_000_000),
        (2, 2_000_000_000),
        (0.001, 1_000_000),
        ("1e-05", 10_000),
        ("2.5E+1ms", 25_000_000),
        (0, 0),
    ],
)
def test_durations_are_read_in_all_their_units(given_value, ns):
    """A bare number is seconds."""
    assert values.duration_ns(given_value) == ns


@pytest.mark.parametrize(
    "wrong", ["", "ten", "-1s", "1h", "e3", "1e", "1 2", "nan", None, True, -1, float("nan"), float("inf"), b"1s", [1]]
)
def test_wrong_durations_are_refused(wrong):
    """The message shows the value and what was expected."""
    with pytest.raises(UsageError, match="expected seconds or a text such as '10ms'") as raised:
        values.duration_ns(wrong, "--gilcheck-budget")
    assert repr(wrong) in str(raised.value)
    assert str(raised.value).startswith("--gilcheck-budget: ")


@pytest.mark.parametrize("endless", [1e300, 1e12, 10**400, "9" * 400, "99999999999min"])
def test_durations_beyond_any_clock_are_refused(endless):
    """Locks and timers overflow: the user hears of it here, not from them."""
    with pytest.raises(UsageError, match="at most"):
        values.duration_ns(endless)


@pytest.mark.parametrize("nothing", [0, "0", "0ms", "0.1ns"])
def test_nothing_is_no_positive_duration(nothing):
    """A budget of nothing is `overlap=False`."""
    with pytest.raises(UsageError, match="more than 0"):
        values.positive_duration_ns(nothing)


@pytest.mark.parametrize(
    ("given_value", "share"), [(0, 0.0), (1, 1.0), ("0.9", 0.9), ("90%", 0.9), (" 12.5 % ", 0.125), (0.05, 0.05)]
)
def test_shares_are_fractions_or_percentages(given_value, share):
    """From 0 to 1."""
    assert values.share(given_value) == share


@pytest.mark.parametrize("wrong", [-0.01, 1.01, "101%", "90", "", "%", "most", None, False, float("nan"), 10**400])
def test_wrong_shares_are_refused(wrong):
    """90 is no share: 90% or 0.9 was meant."""
    with pytest.raises(UsageError, match="expected a share from 0 to 1"):
        values.share(wrong)


@pytest.mark.parametrize("wrong", [0, -1, "0", "much", None, True, float("inf"), 10**400])
def test_wrong_factors_are_refused(wrong):
    """Above 0."""
    with pytest.raises(UsageError, match="expected a number above 0"):
        values.factor(wrong)
    assert values.factor("1.5") == 1.5


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "2.5", "", "two", None, True, 1025, 10**400, float("nan")])
def test_wrong_counts_are_refused(wrong):
    """Whole, from 1 on."""
    with pytest.raises(UsageError, match="expected a whole number from 1 to 1024"):
        values.count(wrong)
    assert (values.count("4"), values.count(4.0)) == (4, 4)


@pytest.mark.parametrize(
    ("given_value", "flag"),
    [
        (True, True),
        ("yes", True),
        ("ON", True),
        ("1", True),
        ("no", False),
        ("", False),
        (False, False),
        (1, True),
        (0, False),
    ],
)
def test_switches_are_read_from_words(given_value, flag):
    """As in ini files."""
    assert values.flag(given_value) is flag


@pytest.mark.parametrize("wrong", ["maybe", 2, 1.0, None, "2"])
def test_wrong_switches_are_refused(wrong):
    """Neither yes nor no."""
    with pytest.raises(UsageError, match="expected true or false"):
        values.flag(wrong)


@given(
    st.one_of(st.text(), st.integers(), st.floats(), st.binary(), st.none(), st.booleans()), st.sampled_from(READERS)
)
def test_anything_is_read_or_refused_with_its_value(anything, reader):
    """No other exception ever."""
    try:
        reader(anything, "where")
    except UsageError as error:
        assert str(error).startswith("where: ")
        assert repr(anything) in str(error)


@pytest.mark.parametrize("value", ["results", "results:5%"])
def test_a_tolerance_by_its_old_name_is_refused_with_the_new_one(value):
    """`results` became `agreement`."""
    with pytest.raises(UsageError, match=f"--fail: 'results' is called 'agreement' now, got '{value}'"):
        values.tolerance(value, "--fail")
