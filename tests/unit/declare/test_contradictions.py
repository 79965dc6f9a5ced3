"""Options that cannot both be meant."""

import pytest
from option_values import FILES, TABLE, Written, flags

from pytest_gilcheck.declare.config import config_of
from pytest_gilcheck.evidence import UsageError
from pytest_gilcheck.pytest_plugin import options

CONTRADICTIONS = [
    ({"": True, "disable": True}, "--gilcheck and --gilcheck-disable contradict each other: give one of them"),
    ({"save": "main", "disable": True}, "--gilcheck-save=main and --gilcheck-disable contradict"),
    ({"autosave": True, "disable": True}, "--gilcheck-autosave and --gilcheck-disable contradict"),
    ({"compare": "main", "disable": True}, "--gilcheck-compare=main and --gilcheck-disable contradict"),
    (
        {"compare-fail": ["gil", "speedup:10%"], "disable": True},
        "--gilcheck-compare-fail=gil --gilcheck-compare-fail=speedup:10% and",
    ),
    ({"save": "main", "autosave": True}, "--gilcheck-save=main and --gilcheck-autosave contradict"),
    (
        {"only": ["test_a"], "skip": ["test_a"]},
        "--gilcheck-only=test_a and --gilcheck-skip=test_a contradict each other: together they leave no check",
    ),
    (
        {"only": ["test_a", "b*c"], "skip": ["test_*", "b*"]},
        "--gilcheck-only=test_a --gilcheck-only=b*c and --gilcheck-skip=test_* --gilcheck-skip=b* contradict",
    ),
]


def example_of(values):
    """The same, ready to be written anywhere."""
    example = dict.fromkeys(TABLE)
    for name, value in values.items():
        example[name] = (
            [Written(one, one, one) for one in value] if isinstance(value, list) else Written(str(value), value, value)
        )
    return example


@pytest.mark.parametrize(
    ("values", "says"), CONTRADICTIONS, ids=lambda one: " ".join(one) if isinstance(one, dict) else ""
)
@pytest.mark.parametrize("file", [None, "pytest.ini", *(name for name in FILES if name == "tool.pytest, native")])
def test_what_contradicts_in_one_place_is_refused_with_its_values(configured, values, says, file):
    """Whether on the command line or in a file."""
    example = example_of(values)
    config = configured(*flags(example)) if file is None else configured(file=file, example=example)

    with pytest.raises(UsageError) as raised:
        options.config_from(config, options.values_of(config))
    assert str(raised.value).startswith(says)


@pytest.mark.parametrize("values", [one for one, _ in CONTRADICTIONS if "only" not in one], ids=" ".join)
@pytest.mark.parametrize("near", [0, 1])
def test_of_a_contradiction_in_two_places_the_nearer_wins(configured, values, near):
    """A project that always measures can be told from the command line not to; and the other way round."""
    example = example_of(values)
    names = list(values)
    inside = example | {names[near]: None}
    config = configured(*flags(example | {names[1 - near]: None}), file="pytest.ini", example=inside)

    read = options.config_from(config, options.values_of(config))

    assert getattr(read, TABLE[names[near]].field)
    assert getattr(read, TABLE[names[1 - near]].field) == TABLE[names[1 - near]].default


@pytest.mark.parametrize(
    ("only", "skip"),
    [
        ([], ["*"]),
        (["test_a", "test_b"], ["test_a"]),
        (["test_*"], ["test_a"]),
        (["test_a"], []),
        (["a[1]"], ["a[*]x"]),
    ],
)
def test_only_and_skip_that_may_leave_something_are_no_contradiction(only, skip):
    """What is left is known once tests are collected; if it is nothing, the gate fails."""
    config_of({"only": only, "skip": skip})
