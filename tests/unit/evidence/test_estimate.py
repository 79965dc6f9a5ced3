"""Laws of comparison: true only if the whole interval says so, false only if none of it does."""

import operator

import pytest
from built import estimates
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import Estimate, Inconclusive

numbers = st.floats(-1e6, 1e6)
COMPARISONS = (operator.lt, operator.le, operator.gt, operator.ge)


def answer(compare, left, right):
    """What a comparison says; None where it refuses."""
    try:
        return compare(left, right)
    except Inconclusive:
        return None


@given(estimates(numbers), numbers, st.sampled_from(COMPARISONS))
def test_answer_is_that_of_both_ends_or_none(estimate, bound, compare):
    """Both ends agree, or it is inconclusive."""
    ends = {compare(estimate.low, bound), compare(estimate.high, bound)}

    assert answer(compare, estimate, bound) == (ends.pop() if len(ends) == 1 else None)


@given(estimates(numbers), numbers)
def test_opposites_are_opposite_or_both_undecided(estimate, bound):
    """``not <`` is ``>=``, ``not <=`` is ``>``."""
    for one, other in ((operator.lt, operator.ge), (operator.le, operator.gt)):
        answers = answer(one, estimate, bound), answer(other, estimate, bound)

        assert answers in ((True, False), (False, True), (None, None))


@given(
    estimates(numbers),
    numbers,
    st.sampled_from(list(zip(COMPARISONS, (operator.gt, operator.ge, operator.lt, operator.le), strict=True))),
)
def test_the_number_may_stand_on_the_left(estimate, bound, pair):
    """``1.5 < speedup`` is ``speedup > 1.5``."""
    compare, mirrored = pair

    assert answer(compare, bound, estimate) == answer(mirrored, estimate, bound)


@given(numbers, numbers)
def test_a_point_compares_as_its_number(value, bound):
    """No width, no doubt."""
    for compare in COMPARISONS:
        assert compare(Estimate(value, value, value), bound) == compare(value, bound)


@given(estimates(numbers), estimates(numbers))
def test_two_estimates_compare_only_where_all_of_both_agree(one, other):
    """Of two intervals every pair of points must agree."""
    expected = {low > high for low in (one.low, one.high) for high in (other.low, other.high)}

    assert answer(operator.gt, one, other) == (expected.pop() if len(expected) == 1 else None)


def test_not_a_number_decides_nothing():
    """A bound that is no number is neither above nor below."""
    assert answer(operator.gt, Estimate(1.0, 0.5, 2.0), float("nan")) is None


@pytest.mark.parametrize("compare", COMPARISONS)
def test_what_was_not_measured_is_not_compared(compare):
    """The reason is in the message."""
    with pytest.raises(Inconclusive, match="speed-up was not measured: no rounds were run"):
        compare(Estimate(quantity="speed-up", why_not="no rounds were run"), 1.5)


def test_the_message_shows_the_interval_and_the_number():
    """Enough to see why."""
    with pytest.raises(Inconclusive, match=r"speed-up 1\.6 \[1\.4, 1\.8\] does not decide speed-up > 1\.5") as raised:
        _ = Estimate(1.6, 1.4, 1.8, quantity="speed-up") > 1.5
    assert raised.value.slugs == ("straddles",)


@pytest.mark.parametrize(("compare", "sign"), list(zip(COMPARISONS, ("<", "<=", ">", ">="), strict=True)))
def test_message_when_a_comparison_is_undecided_then_it_is_the_one_that_was_asked(compare, sign):
    """`held_share < 0.01` was answered with `does not decide held share >= 0.01`, and a bound of 4.85e-05."""
    held_share = Estimate(0.000732, 4.85e-05, 0.0109, quantity="held share")

    with pytest.raises(Inconclusive) as raised:
        compare(held_share, 0.01)

    assert str(raised.value) == f"held share 0.000732 [0.000048, 0.0109] does not decide held share {sign} 0.01"


def test_a_figure_is_no_yes_or_no():
    """Neither truthy nor falsy, nor equal to a number: an interval never is."""
    estimate = Estimate(1.0, 0.9, 1.1)

    with pytest.raises(TypeError, match="compare it with a number"):
        bool(estimate)
    for question in (lambda: estimate == 1.0, lambda: estimate != 1.0, lambda: estimate == 2):
        with pytest.raises(TypeError, match="< or >"):
            question()


def test_equal_records_are_equal():
    """As every record of evidence."""
    assert Estimate(1.0, 0.9, 1.1) == Estimate(1.0, 0.9, 1.1)
    assert Estimate(1.0, 0.9, 1.1) != Estimate(1.0, 0.9, 1.2)
    assert len({Estimate(1.0, 0.9, 1.1), Estimate(1.0, 0.9, 1.1)}) == 1
    assert Estimate() != "nothing"


@pytest.mark.parametrize(
    "bounds", [(1.0, 1.1, 1.2), (1.0, 0.5, 0.9), (1.0, None, 2.0), (1.0, None, None), (float("nan"), 0.0, 1.0)]
)
def test_bounds_that_do_not_contain_the_value_are_refused(bounds):
    """``low <= value <= high``."""
    with pytest.raises(ValueError, match="low <= value <= high"):
        Estimate(*bounds)


OPERATIONS = (operator.add, operator.sub, operator.mul, operator.truediv)


@given(estimates(numbers), st.sampled_from(OPERATIONS), numbers, st.floats(0, 1))
def test_arithmetic_when_done_with_a_number_then_the_interval_has_every_result(estimate, operation, number, at):
    """From either side: what any point of the interval gives lies within."""
    point = min(estimate.high, estimate.low + at * (estimate.high - estimate.low))
    for one, other, one_point, other_point in (
        (estimate, number, point, number),
        (number, estimate, number, point),
    ):
        try:
            result = operation(one, other)
        except ZeroDivisionError:
            divisor = other if isinstance(other, Estimate) else Estimate(other, other, other)
            assert operation is operator.truediv and divisor.low <= 0 <= divisor.high
            continue
        assert isinstance(result, Estimate)
        assert result.low <= operation(one_point, other_point) <= result.high


@given(estimates(numbers), estimates(numbers), st.sampled_from(OPERATIONS[:3]))
def test_arithmetic_when_done_with_two_estimates_then_all_corners_lie_within(one, other, operation):
    """Nothing is assumed of how the two depend on each other."""
    result = operation(one, other)

    for left in (one.low, one.value, one.high):
        for right in (other.low, other.value, other.high):
            assert result.low <= operation(left, right) <= result.high


def test_arithmetic_when_a_comparison_follows_then_it_is_as_undecided_as_before():
    """``speedup - 1 > 0.5`` is ``speedup > 1.5``, and the message shows what was asked."""
    speedup = Estimate(1.6, 1.4, 1.8, quantity="speed-up")

    with pytest.raises(Inconclusive, match=r"does not decide \(speed-up - 1\) > 0\.5"):
        _ = speedup - 1 > 0.5
    assert speedup - 1 > 0.3
    assert not -speedup > -1.4
    assert sum([speedup, speedup]) > 2.7
    with pytest.raises(Inconclusive, match="was not measured"):
        _ = Estimate(quantity="speed-up") - 1


@pytest.mark.parametrize(
    "calculate",
    [
        lambda e: e**2,
        lambda e: 2**e,
        lambda e: e // 1,
        lambda e: e % 1,
        lambda e: divmod(e, 1),
        round,
        int,
        abs,
        lambda e: round(e, 1),
    ],
)
def test_arithmetic_when_no_interval_can_be_kept_then_the_message_has_the_remedy(calculate):
    """Nothing drops an interval in silence."""
    with pytest.raises(TypeError, match=r"speed-up is an interval.*take \.value"):
        calculate(Estimate(1.6, 1.4, 1.8, quantity="speed-up"))


def test_arithmetic_when_the_other_is_no_number_then_it_is_an_ordinary_type_error():
    """As between any two types."""
    with pytest.raises(TypeError, match="unsupported operand"):
        _ = Estimate(1.6, 1.4, 1.8) - "1"


def test_format_uses_the_value():
    """For messages and plots."""
    estimate = Estimate(2.0, 1.0, 3.0)

    assert f"{estimate:.1f}" == "2.0"
    assert f"{estimate}" == "value 2 [1, 3]"
    assert float(estimate) == 2.0
    with pytest.raises(Inconclusive):
        float(Estimate())


@given(estimates(numbers, quantity="speed-up"))
def test_what_an_assertion_shows_names_the_figure(estimate):
    assert repr(estimate) == f"<{estimate}>"
    assert "speed-up" in repr(estimate)
