"""One option table: whatever an option is given, it means the same from wherever it is given, and the nearer wins.

Each example says something about every option of the table at once, right or wrong, so that a few dozen examples are
thousands of readings.
"""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from option_values import (
    EXAMPLES,
    FILES,
    HAS_TYPED_TABLES,
    REFUSED,
    RIGHT_ONLY,
    TABLE,
    flags,
    meaning,
    overridden,
    several,
)

from pytest_gilcheck.checker.checker import Checker
from pytest_gilcheck.declare.options import OPTIONS
from pytest_gilcheck.declare.settings import Settings
from pytest_gilcheck.evidence import UsageError
from pytest_gilcheck.pytest_plugin import options
from pytest_gilcheck.pytest_plugin.marker import settings_of


def value_of(option, config):
    """The value that was given, or the default."""
    value = options.value_of(option, config)
    return option.default if value is None else value


def outcome(option, config):
    """The value, or the error."""
    try:
        return value_of(option, config)
    except UsageError as error:
        return error


def assert_means(option, example, value_read, where, shown):
    """The value that was meant; or an error that names its place and shows the value. Gives the error's shape."""
    meant = meaning(option, example)
    if meant != REFUSED:
        assert value_read == meant
        assert type(value_read) is type(meant) or isinstance(meant, (int, float))
        return None
    assert isinstance(value_read, UsageError), value_read
    first = next(one for one in several(example) if one.means == REFUSED)
    text = str(value_read)
    assert text.startswith(f"{where}: expected "), text
    assert text.endswith(f", got {shown(first)!r}"), text
    return text.removeprefix(f"{where}: ").removesuffix(f", got {shown(first)!r}")


thorough = settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)


def from_command_line(configured, example):
    """What every option is found to be: with what could be said, what was found, its place, its look in an error."""
    for config in (configured(*flags(example)), configured(addopts=list(flags(example)))):
        for name, option in TABLE.items():
            # A switch cannot be given a value there: only on.
            could = (
                None
                if option.is_flag and example[name] is not None and example[name].means is not True
                else example[name]
            )
            yield option, could, outcome(option, config), option.flag, lambda one: one.text


def from_files(configured, example):
    """As above."""
    configs = {
        "-o": configured(*overridden(example)),
        **{name: configured(file=name, example=example) for name in FILES},
    }
    for name, config in configs.items():
        shown = FILES[name][3] if name in FILES else lambda one: one.text
        for option in OPTIONS:
            yield option, example[option.name], outcome(option, config), f"ini option {option.key}", shown


def from_python(item, example):
    """As above, for what a single check may be told."""
    ways = (
        (lambda changes: Settings().changed(changes), "options"),
        (lambda changes: Checker().options(**changes)._settings, "options"),
        (lambda changes: marked(item, Settings(), changes), f"{item.nodeid}: @pytest.mark.gilcheck"),
    )
    for option in OPTIONS:
        value = example[option.name]
        if option.setting is None or value is None:
            continue
        for read, where in ways:
            try:
                value_read = getattr(read({option.setting: value.native}), option.setting)
            except UsageError as error:
                value_read = error
            yield option, value, value_read, f"{where}: {option.setting}", lambda one: one.native


@thorough
@given(example=EXAMPLES)
def test_every_option_means_the_same_from_every_source(configured, item, example):
    """Same value, or the same error but for the place; every source of pytest, then the marker and both `options`."""
    shapes = {}

    for places in (from_command_line(configured, example), from_files(configured, example), from_python(item, example)):
        for option, value, *value_read in places:
            shape = assert_means(option, value, *value_read)
            assert shape is None or shapes.setdefault(option.name, shape) == shape


def marked(item, base, near, far=None):
    """The item's settings under these marks, its own and its class's."""
    nodes = [(item.parent, far), (item, near)]
    before = [list(node.own_markers) for node, _ in nodes]
    try:
        for node, changes in nodes:
            if changes is not None:
                node.add_marker(pytest.mark.gilcheck(**changes))
        return settings_of(item, base)
    finally:
        for (node, _), marks in zip(nodes, before, strict=True):
            node.own_markers[:] = marks


@thorough
@given(
    command=RIGHT_ONLY, addopts=RIGHT_ONLY, override=RIGHT_ONLY, inside=RIGHT_ONLY, file=st.sampled_from(sorted(FILES))
)
def test_the_nearer_wins(configured, command, addopts, override, inside, file):
    """The command line over PYTEST_ADDOPTS over -o over the file over the default. What is repeatable adds up within
    the command line, of which PYTEST_ADDOPTS is the beginning, and replaces what files say."""
    config = configured(*flags(command), *overridden(override), file=file, example=inside, addopts=list(flags(addopts)))

    for option in OPTIONS:
        name = option.name
        on_line = [each[name] for each in (command, addopts) if each[name] is not None]
        if option.is_flag:
            on_line = [value for value in on_line if value.means is True]
        in_files = [each[name] for each in (override, inside) if each[name] is not None]
        nearest = next(iter(on_line + in_files), None)
        if option.is_repeatable and len(on_line) > 1:
            nearest = on_line[1] + on_line[0]
        assert value_of(option, config) == meaning(option, nearest), name


@thorough
@given(near=RIGHT_ONLY, far=RIGHT_ONLY, run=RIGHT_ONLY)
def test_a_marker_wins_over_those_around_it_and_over_the_run(item, near, far, run):
    """Setting by setting; and so does what is said by `options`."""

    def changes(example):
        return {
            TABLE[name].setting: one.native for name, one in example.items() if TABLE[name].setting and one is not None
        }

    base = Settings().with_values(
        {TABLE[name].setting: one.means for name, one in run.items() if TABLE[name].setting and one is not None}
    )
    value_read = marked(item, base, changes(near), changes(far))
    by_options = Checker(base).options(**changes(far)).options(**changes(near))._settings

    for name, option in TABLE.items():
        if option.setting:
            example = next((each[name] for each in (near, far, run) if each[name] is not None), None)
            meant = example.means if example else getattr(Settings(), option.setting)
            assert getattr(value_read, option.setting) == getattr(by_options, option.setting) == meant


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.key)
def test_an_empty_text_is_no_value(configured, option):
    """On the command line a variable that was never set: an error. In a file the key without a value: as if not there."""
    assert value_of(option, configured(f"-o{option.key}=")) == option.default
    if option.is_flag:
        return
    with pytest.raises(UsageError, match=rf"^{option.flag}: expected .*, got ''"):
        options.value_of(option, configured(f"{option.flag}="))


@pytest.mark.skipif(not HAS_TYPED_TABLES, reason="this pytest has no typed tables that take numbers")
@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.key)
def test_a_typed_table_refuses_other_types_and_shows_the_value(configured, option):
    """Where a text, a number or a list of texts is due, pytest says so itself; we name the option."""
    config = configured(tool_pytest=f"{option.key} = [1, 2]")

    with pytest.raises(UsageError, match="expects") as raised:
        options.value_of(option, config)
    assert str(raised.value).startswith(f"ini option {option.key}: ")
    assert repr(1 if option.is_repeatable else [1, 2]) in str(raised.value)


def test_help_tells_every_option(pytester, monkeypatch):
    """On the command line and as an ini key, with its help."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    help_text = "".join(pytester.runpytest("-p", "gilcheck", "--help").stdout.str().split())

    for option in OPTIONS:
        value = "|".join(option.choices or ()) or option.metavar
        value = "" if option.is_flag else f"=[{value}]" if option.bare else f"={value}"
        example = "".join(option.help.split())
        assert f"{option.flag}{value}{example}" in help_text.replace("[=", "=[")
        assert re.search(rf"{option.key}\([^)]+\):{re.escape(example)}", help_text)
