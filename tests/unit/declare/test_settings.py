"""Settings of one check, and the one table of options."""

import dataclasses

import pytest

from pytest_gilcheck.declare import options, values
from pytest_gilcheck.declare.settings import BUDGET_NS, CLAIMED_BUDGET_NS, Settings
from pytest_gilcheck.evidence import Claim, UsageError

EXAMPLES = {
    "name": ("f", "f"),
    "threads": ("4", 4),
    "setup": (dict, dict),
    "args_for": (range, range),
    "budget": ("10ms", 10_000_000),
    "overlap": ("no", False),
    "deadline": (2, 2_000_000_000),
    "time_limit": ("4s", 4_000_000_000),
    "instrument": ("progress", "progress"),
    "isolate": ("yes", True),
    "seed": (7, 7),
    "expect": ("held", "held"),
    "releases": ("90%", 0.9),
    "min_speedup": (1.5, 1.5),
    "min_efficiency": ("0.8", 0.8),
    "max_held_share": (0.1, 0.1),
    "longest_hold": ("5ms", 5_000_000),
    "inconclusive": ("warn", "warn"),
}
WRONG = {
    "name": "",
    "threads": 0,
    "setup": 1,
    "args_for": "x",
    "budget": "soon",
    "overlap": "perhaps",
    "deadline": None,
    "time_limit": "soon",
    "instrument": "both",
    "isolate": 3,
    "seed": "x",
    "expect": "free",
    "releases": 90,
    "min_speedup": 0,
    "min_efficiency": "high",
    "max_held_share": 2,
    "longest_hold": -1,
    "inconclusive": "shrug",
}


def test_examples_cover_every_setting():
    """A new setting needs an example here."""
    names = {field.name for field in dataclasses.fields(Settings)}

    assert names == set(EXAMPLES) == set(WRONG)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_setting_is_read_as_written(name):
    """Once read, it is the field's value."""
    written, read = EXAMPLES[name]

    assert getattr(Settings().changed({name: written}), name) == read


@pytest.mark.parametrize("name", WRONG)
def test_every_wrong_setting_is_refused_by_name(name):
    """Where it stood, which one, and the value."""
    with pytest.raises(UsageError, match=f"here: {name}: expected") as raised:
        Settings().changed({name: WRONG[name]}, where="here")
    assert repr(WRONG[name]) in str(raised.value)


@pytest.mark.parametrize(
    ("typo", "meant"),
    [("thread", "threads"), ("release", "releases"), ("min_speed_up", "min_speedup"), ("setUp", "setup")],
)
def test_unknown_name_gets_a_hint(typo, meant):
    """The nearest known name."""
    with pytest.raises(UsageError, match=f"unknown option '{typo}'; did you mean '{meant}'"):
        Settings().changed({typo: 1})


def test_unknown_name_without_a_neighbour_gets_the_list():
    """All known names."""
    with pytest.raises(UsageError, match=r"unknown option 'qqq'\. Known: name, threads"):
        Settings().changed({"qqq": 1})


def test_later_changes_win_and_nothing_else_moves():
    """A frozen record."""
    base = Settings(threads=3)

    assert base.changed({"threads": 4, "seed": 1}) == Settings(threads=4, seed=1)
    assert base == Settings(threads=3)


def test_a_claim_of_the_wall_clock_gets_a_larger_budget():
    """Unless one was given."""
    assert Settings().budget_ns == BUDGET_NS
    assert Settings(releases=0.9).budget_ns == BUDGET_NS
    assert Settings(min_speedup=1.5).budget_ns == Settings(min_efficiency=0.5).budget_ns == CLAIMED_BUDGET_NS
    assert Settings(min_speedup=1.5, budget=5).budget_ns == 5


def test_claim_is_what_was_said():
    """Nothing said, nothing claimed."""
    assert Settings().claim.is_empty
    assert Settings(expect="held", longest_hold=5).claim == Claim(gil="held", longest_hold_ns=5)


@pytest.mark.parametrize("name", ["json", "compare_fail", "only"])
def test_an_option_of_the_whole_run_is_none_of_a_check(name):
    """A marker that says it gets the way to say it."""
    with pytest.raises(UsageError, match=f"'{name}' is an option of the whole run; give --gilcheck-"):
        Settings().changed({name: "x"})


def test_every_reader_and_setting_of_the_table_exists():
    """Names in the table are looked up late."""
    for option in options.OPTIONS:
        assert option.reader is None or callable(getattr(values, option.reader))
        assert option.setting is None or option.setting in EXAMPLES
        assert option.flag.startswith("--gilcheck") and option.key.startswith("gilcheck") and option.help
