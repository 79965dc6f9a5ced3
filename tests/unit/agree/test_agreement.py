"""Agreement: which differences are found, and which functions agree."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck import Disagreement, UsageError, agrees, reference
from pytest_gilcheck.agree.same import as_predicate, equal
from pytest_gilcheck.evidence import OracleFailed

ONE_INT = st.integers(0, 10_000).map(lambda n: (n,))


def test_agrees_when_the_function_is_right_then_the_record_counts_what_was_compared() -> None:
    agreement = agrees(lambda n: n + 1, lambda n: 1 + n, ONE_INT, threads=3, examples=10)

    assert agreement.word == "agree"
    assert agreement.n_examples >= 1
    assert agreement.n_threads == 3
    assert agreement.n_calls > agreement.n_examples


def test_agrees_when_the_function_is_wrong_alone_then_the_smallest_example_is_found() -> None:
    with pytest.raises(Disagreement) as failed:
        agrees(lambda n: n if n < 100 else 0, lambda n: n, ONE_INT)

    difference = failed.value.difference
    assert (difference.kind, difference.inputs) == ("alone", "(100,)")
    assert (difference.expected, difference.got) == ("100", "0")
    assert difference.n_differ == difference.n_replays > 0
    assert "inputs=(100,)" in str(failed.value)


def test_agrees_when_the_function_changes_its_arguments_then_the_difference_says_so() -> None:
    with pytest.raises(Disagreement, match="changes its own arguments") as failed:
        agrees(lambda items: items.append(0), None, st.lists(st.integers()).map(lambda items: (items,)))

    assert failed.value.difference.kind == "mutates"


def test_agrees_when_the_oracle_raises_then_the_oracle_has_failed() -> None:
    def broken_oracle(n: int) -> int:
        message = f"cannot say for {n}"
        raise LookupError(message)

    with pytest.raises(OracleFailed, match="cannot say for") as failed:
        agrees(lambda n: n, broken_oracle, ONE_INT)

    assert isinstance(failed.value.__cause__, LookupError)


def test_agrees_when_function_and_oracle_raise_the_same_then_they_agree() -> None:
    def refuse(n: int) -> int:
        message = f"refused {n}"
        raise ValueError(message)

    assert agrees(refuse, refuse, ONE_INT, examples=5).word == "agree"


def test_agrees_when_only_the_function_raises_then_they_differ() -> None:
    def refuse(n: int) -> int:
        message = f"refused {n}"
        raise ValueError(message)

    with pytest.raises(Disagreement) as failed:
        agrees(refuse, lambda n: n, ONE_INT)

    assert failed.value.difference.got.startswith("raised ValueError")


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (
            st.just((1, 2)),
            r"gives 2 arguments, \(1, 2\), which the function <lambda>\(n\) does not take.*an argument that is a tuple",
        ),
        (5, "a hypothesis strategy or a tuple of arguments, got 5"),
        ([1, 2], "a hypothesis strategy or a tuple"),
    ],
)
def test_agrees_when_inputs_have_the_wrong_shape_then_they_are_refused(inputs: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        agrees(lambda n: n, None, inputs)  # type: ignore[arg-type]


def test_agrees_when_inputs_are_the_one_argument_then_they_are_passed_as_it() -> None:
    """``inputs=st.integers()`` for a function of one parameter."""
    with pytest.raises(Disagreement) as failed:
        agrees(lambda n: n if n < 100 else 0, lambda n: n, st.integers(0, 1000))

    assert failed.value.difference.inputs == "(100,)"
    with pytest.raises(
        UsageError, match=r"gives 1 argument, \[.*\], which the function .*For several arguments draw tuples"
    ):
        agrees(lambda a, b: a + b, None, st.lists(st.integers()))


def annotated(numbers: list[int], text: str, scale: float = 1.0) -> int:
    """Take what its annotations say."""
    assert isinstance(numbers, list)
    assert all(isinstance(number, int) for number in numbers)
    assert isinstance(text, str)
    assert scale == 1.0
    return len(numbers) + len(text)


@pytest.mark.parametrize(
    ("function", "oracle"),
    [
        (annotated, None),
        (lambda numbers, text: len(numbers) + len(text), annotated),
        (functools.partial(annotated, scale=1.0), None),
        (int.bit_length, None),
        (lambda: 1, None),
    ],
)
def test_agrees_without_inputs_when_arguments_are_annotated_then_they_are_drawn_from_that(
    function: Callable[..., Any], oracle: Callable[..., Any] | None, request: pytest.FixtureRequest
) -> None:
    """The function's annotations, or the oracle's; what has a default is left out."""
    if function is int.bit_length:
        with pytest.raises(UsageError, match="does not say what 'self' is"):
            agrees(function, oracle, examples=5)
        return
    assert agrees(function, oracle, examples=5, threads=2).word == "agree"


def test_agrees_without_inputs_when_the_oracle_counts_words_then_texts_are_drawn() -> None:
    """A native function has no annotations, and its parameters may have any name."""
    seen: list[Any] = []

    def search(haystack, word):  # type: ignore[no-untyped-def]
        seen.append((haystack, word))
        return reference.count(haystack, word)

    assert agrees(search, reference.count, examples=5, threads=2).word == "agree"
    assert all(isinstance(text, (str, bytes)) for text, _ in seen)


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda n: n, r"<lambda>\(n\) does not say what 'n' is"),
        (max, "max has no signature"),
        (lambda *, n: n, "<lambda> needs n= by keyword"),
        (math.hypot, r"math.hypot(\(\*coordinates\) does not say how many| has no signature)"),
        (lambda *numbers: numbers, r"<lambda>\(\*numbers\) does not say how many arguments"),
    ],
)
def test_agrees_without_inputs_when_nothing_says_what_they_are_then_they_are_asked_for(
    function: Callable[..., Any], says: str
) -> None:
    """Texts to count words in would fit hardly any function."""
    with pytest.raises(UsageError, match=f"inputs= is needed, because {says}.*inputs=st.integers"):
        agrees(function)


def test_agrees_without_inputs_when_an_annotation_says_nothing_then_they_are_asked_for() -> None:
    """``Any`` and names that are not there."""

    def anything(value: Any) -> Any:
        return value

    def unknown(value: "Missing") -> None:  # type: ignore[name-defined]  # noqa: F821, UP037
        pass

    with pytest.raises(UsageError, match="does not say what 'value' is"):
        agrees(anything)
    with pytest.raises(UsageError, match=r"draws no arguments for unknown\(.*Missing"):
        agrees(unknown)


def test_agrees_when_every_call_raises_for_its_arguments_then_nothing_was_compared() -> None:
    """A function that may take anything cannot be asked beforehand; it would agree with itself."""
    with pytest.raises(UsageError, match="math.hypot raised TypeError on every example"):
        agrees(math.hypot, None, st.text(), examples=5)
    with pytest.raises(UsageError, match="<lambda> raised TypeError on every example"):
        agrees(lambda *numbers: math.hypot(*numbers), None, st.text(), examples=5)  # noqa: PLW0108  (its signature)


@pytest.mark.parametrize("options", [{"threads": 0}, {"examples": 0}, {"deadline": -1}, {"threads": "many"}])
def test_agrees_when_options_make_no_sense_then_they_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        agrees(lambda n: n, None, ONE_INT, **options)  # type: ignore[arg-type]


@hypothesis.settings(max_examples=5, deadline=None)
@given(st.integers())
def test_agrees_when_used_under_a_given_of_the_user_then_it_compares_one_example(n: int) -> None:
    assert agrees(lambda value: value * 2, lambda value: value + value, inputs=(n,), threads=2).word == "agree"


def test_blob_when_a_failure_printed_it_then_it_repeats_the_drawing() -> None:
    with pytest.raises(Disagreement) as first:
        agrees(lambda n: n if n < 100 else 0, lambda n: n, ONE_INT)
    blob = str(first.value).rpartition("blob=")[2]

    with pytest.raises(Disagreement) as again:
        agrees(lambda n: n if n < 100 else 0, lambda n: n, ONE_INT, blob=eval(blob))

    assert again.value.difference.inputs == "(100,)"


@given(st.recursive(st.floats() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.tuples(inner, inner)))
def test_equal_when_values_are_copies_then_it_is_true_even_for_nan(value: object) -> None:
    import copy

    assert equal(value, copy.deepcopy(value))


@pytest.mark.parametrize(
    ("first", "second"), [(math.nan, 0.0), ([1], [2]), ((1,), [1]), ({"a": 1}, {"a": 2}), (1, "1")]
)
def test_equal_when_values_differ_then_it_is_false(first: object, second: object) -> None:
    assert not equal(first, second)


def test_predicate_when_the_comparison_raises_then_it_is_false() -> None:
    def close(first: float, second: float) -> None:
        assert abs(first - second) < 0.5

    same = as_predicate(close)

    assert same(1.0, 1.2)
    assert not same(1.0, 2.0)


def test_agrees_when_the_comparison_knows_results_only_then_it_is_not_asked_about_arguments() -> None:
    """Of the page on agreement: `math.isclose` compares two sums, and raises `TypeError` on the lists that were added."""
    numbers = st.lists(st.floats(-1e3, 1e3), min_size=1).map(lambda values: (values,))

    assert (
        agrees(math.fsum, sum, numbers, examples=5, same=lambda a, b: math.isclose(a, b, abs_tol=1e-9)).word == "agree"
    )


class Table:
    """As a data frame: its ``==`` has no truth value."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __eq__(self, other: object) -> Any:
        class NoTruth:
            def __bool__(self) -> bool:
                raise ValueError("ambiguous")

        return NoTruth()

    __hash__ = None  # type: ignore[assignment]


def test_agrees_when_arguments_have_no_truth_value_then_the_comparison_is_asked_about_them() -> None:
    def grow(table: Table) -> int:
        table.value += 1
        return 0

    with pytest.raises(Disagreement) as failed:
        agrees(grow, inputs=(Table(1),), same=lambda a, b: getattr(a, "value", a) == getattr(b, "value", b))

    assert failed.value.difference.kind == "mutates"
