"""The option table on pytest's parser: command line and ini keys, declared and read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_gilcheck.declare.options import CONTRADICTIONS, OPTIONS, OPTIONS_BY_NAME, Option, read

if TYPE_CHECKING:
    import pytest


def add_to(parser: pytest.Parser) -> None:
    """Declares every option of the table."""
    group = parser.getgroup("gilcheck", "does it release the GIL? (pytest-gilcheck)")
    for option in OPTIONS:
        how: dict[str, Any] = {"dest": option.key, "default": None, "help": option.help.replace("%", "%%")}
        metavar = "|".join(option.choices) if option.choices else option.metavar
        if option.is_flag:
            how |= {"action": "store_true"}
        elif option.is_repeatable:
            how |= {"action": "append", "metavar": metavar}
        elif option.bare is not None:
            how |= {"nargs": "?", "const": option.bare, "metavar": metavar}
        else:
            how |= {"metavar": metavar}
        group.addoption(option.flag, **how)
        parser.addini(option.key, help=option.help, type=_ini_type(option), default=None)


def _ini_type(option: Option) -> Any:
    """What may stand in pytest's own, typed TOML tables? Elsewhere everything is a text."""
    if option.is_repeatable:
        return "linelist"
    # Older ones know no choice of types: there the text is asked for, and said so.
    if option.reader not in _READ_NATIVE or pytest_version() < _FIRST_WITH_UNIONS:
        return "string"
    return str | bool | int | float


#: These readers take TOML's numbers and booleans as they take a marker's.
_READ_NATIVE = frozenset({"flag", "factor", "share", "positive_duration_ns", "count"})
_FIRST_WITH_UNIONS = (9, 2)


def pytest_version() -> tuple[int, ...]:
    """Which pytest runs here?"""
    import pytest  # noqa: PLC0415  (not where checks are made without it)

    return tuple(part for part in pytest.version_tuple if isinstance(part, int))


def read_all(config: pytest.Config) -> dict[str, Any]:
    """Every option's value, the command line before the ini file before the default. Raises `UsageError`.

    Where the command line contradicts the ini file, what the file said is dropped: the nearer wins.
    """
    given = {option.name: read_one(option, config) for option in OPTIONS}
    near = {option.name for option in OPTIONS if config.getoption(option.key) is not None}
    for one, other in CONTRADICTIONS:
        if given[one] and given[other] and (one in near) is not (other in near):
            farther = OPTIONS_BY_NAME[other if one in near else one]
            given[farther.name] = farther.default
    return given


def read_one(option: Option, config: pytest.Config) -> Any:
    """This option's value, as `read_all` finds it. An ini key without a value, or an empty list, is not given.

    An empty text on the command line is one: a variable that was never set must not lift a limit in silence.
    """
    given, where = config.getoption(option.key), option.flag
    if given is None:
        given, where = _from_file(option, config), f"ini option {option.key}"
        given = None if given == "" else given
    if given is None or given == []:
        return option.default
    if option.is_repeatable:
        given = [given] if isinstance(given, str) else given
        return tuple(read(option, text, where) for text in given)
    return read(option, given, where)


def _from_file(option: Option, config: pytest.Config) -> Any:
    import pytest  # noqa: PLC0415  (as above)

    try:
        return config.getini(option.key)
    except (TypeError, pytest.UsageError) as error:  # pytest's own TOML tables are typed: a text, a list is asked for
        from pytest_gilcheck.evidence import UsageError  # noqa: PLC0415  (only where something is wrong)

        message = f"ini option {option.key}: {error}"
        raise UsageError(message) from None
