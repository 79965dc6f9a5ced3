"""The option table on pytest's parser, and what the command line and the ini file say about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_gilcheck.declare.options import OPTIONS, Option, read_option

if TYPE_CHECKING:
    from pytest_gilcheck.declare.config import Config

PYTEST_VERSION = tuple(part for part in pytest.version_tuple if isinstance(part, int))

#: Readers that take the numbers and booleans of TOML as they take those of a marker.
_TAKES_NATIVE_VALUES = frozenset({"flag", "factor", "share", "positive_duration_ns", "count"})
#: Older pytests know no union of types and ask for a text.
_NATIVE: Any = str | bool | int | float if PYTEST_VERSION >= (9, 2) else "string"


def add_to(parser: pytest.Parser) -> None:
    """Declare every option of the table."""
    group = parser.getgroup("gilcheck", "does it release the GIL? (pytest-gilcheck)")
    for option in OPTIONS:
        how: dict[str, Any] = {"dest": option.key, "default": None, "help": option.help.replace("%", "%%")}
        if option.is_flag:
            how["action"] = "store_true"
        else:
            how["metavar"] = "|".join(option.choices) if option.choices else option.metavar
        if option.is_repeatable:
            how["action"] = "append"
        if option.bare is not None:
            how |= {"nargs": "?", "const": option.bare}
        group.addoption(option.flag, **how)
        parser.addini(option.key, help=option.help, type=_ini_type(option), default=None)


def _ini_type(option: Option) -> Any:
    """Return what may stand in pytest's own, typed TOML tables. In other files every value is a text."""
    if option.is_repeatable:
        return "linelist"
    return _NATIVE if option.reader in _TAKES_NATIVE_VALUES else "string"


def values_of(config: pytest.Config) -> dict[str, Any]:
    """Return the values that somebody gave, by the option's name: the command line's, else the ini file's.

    Args:
        config: pytest's configuration.

    Returns:
        The values, by the name of the option. Options that nobody gave are left out.

    Raises:
        UsageError: An option does not take its value.
    """
    values = {option.name: value_of(option, config) for option in OPTIONS}
    return {name: value for name, value in values.items() if value is not None}


def value_of(option: Option, config: pytest.Config) -> Any:
    """Return this option's value, or None where nobody gave one.

    An ini key without a value, or with an empty list, counts as not given. An empty text on the command line is a
    value: a variable that was never set must not lift a limit in silence.
    """
    value, where = config.getoption(option.key), option.flag
    if value is None:
        value, where = _from_file(option, config), f"ini option {option.key}"
        value = None if value == "" else value
    if value is None or value == []:
        return None
    if option.is_repeatable:
        value = [value] if isinstance(value, str) else value
        return tuple(read_option(option, text, where) for text in value)
    return read_option(option, value, where)


def config_from(config: pytest.Config, values: dict[str, Any]) -> Config:
    """Return the configuration with these values.

    Args:
        config: pytest's configuration.
        values: The values of `values_of`.

    Returns:
        The configuration.

    Raises:
        UsageError: Two values contradict each other.
    """
    from pytest_gilcheck.declare.config import config_of  # noqa: PLC0415  (only where it is asked for)

    # `addopts` and PYTEST_ADDOPTS are read as the beginning of the command line.
    return config_of(values, {option.name for option in OPTIONS if config.getoption(option.key) is not None})


def _from_file(option: Option, config: pytest.Config) -> Any:
    try:
        return config.getini(option.key)
    except (TypeError, pytest.UsageError) as error:  # pytest's own TOML tables are typed
        from pytest_gilcheck.evidence import UsageError  # noqa: PLC0415  (only where something is wrong)

        message = f"ini option {option.key}: {error}"
        raise UsageError(message) from None
