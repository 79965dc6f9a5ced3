"""The benchmark of what the plugin costs runs that check nothing."""

import pytest

from benchmarks.ledger.intervals import Interval
from benchmarks.plugin import __main__ as command
from benchmarks.plugin.unused import Unused, forbidden_among, median_difference_ms


def test_forbidden_among_when_a_name_only_begins_alike_then_it_is_allowed():
    """A module belongs to another one by its dotted name."""
    assert forbidden_among(["richer", "rich", "rich.table", "pytest_gilcheck", "pytest_gilcheck._native"]) == (
        "rich",
        "rich.table",
        "pytest_gilcheck._native",
    )


def test_median_difference_when_one_pair_is_slow_then_it_does_not_count():
    """The difference is taken within a pair and its median over all pairs, in milliseconds."""
    assert median_difference_ms([(0.412, 0.408), (9.0, 0.4), (0.41, 0.405)]) == pytest.approx(5)


def test_command_when_the_plugin_imports_too_much_then_the_modules_are_named(monkeypatch, capsys):
    """A bar that is missed gives exit status 1."""
    imported = ("hypothesis.core", "pytest_gilcheck")
    unused = Unused(Interval(5, 4, 6), 30, imported, forbidden_among(imported))
    monkeypatch.setattr(command, "measure_unused", lambda _n: unused)

    assert command.main(["unused"]) == 1

    time, modules = capsys.readouterr().out.splitlines()[2:]
    assert time.endswith("| at most 10 ms | 5 [4, 6] ms | met |")
    assert modules.endswith("| hypothesis.core | missed |")
