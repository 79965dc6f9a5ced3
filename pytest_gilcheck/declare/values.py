"""Reads the values that people write: durations, shares, counts.

Each function raises `UsageError` for any other value. The message shows the value, what was expected and the remedy.
"""

from __future__ import annotations

import math
import re

from pytest_gilcheck.evidence import FIGURES, WORDS, Tolerance, UsageError
from pytest_gilcheck.evidence.errors import is_hidden

__tracebackhide__ = is_hidden

_UNITS_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "": 1_000_000_000,
    "min": 60_000_000_000,
}
# With an exponent: a small number in a TOML file reaches us as the text that Python makes of it.
_DURATION = re.compile(r"\s*((?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*(ns|us|µs|ms|s|min|)\s*")

#: About three years. Timers and locks of the system overflow from a few hundred years on.
LONGEST_NS = 10**17


def duration_ns(value: object, what: str = "a duration") -> int:
    """Return the nanoseconds of ``"10ms"``, ``"0.25s"`` or a number of seconds, which may be 0."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match:
        ns = float(match[1]) * _UNITS_NS[match[2]]
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf:
        ns = min(value, LONGEST_NS) * 1e9
    else:
        message = f"{what}: expected seconds or a text such as '10ms', '0.25s' or '2min', got {value!r}"
        raise UsageError(message)
    if ns > LONGEST_NS:
        message = f"{what}: expected at most {LONGEST_NS // 10**9} seconds, got {value!r}"
        raise UsageError(message)
    return round(ns)


def positive_duration_ns(value: object, what: str = "a duration") -> int:
    """Return the nanoseconds of a duration above 0."""
    ns = duration_ns(value, what)
    if ns <= 0:
        message = f"{what}: expected more than 0, got {value!r}"
        raise UsageError(message)
    return ns


def share(value: object, what: str = "a share") -> float:
    """Return a share from 0 to 1. It may be written as ``"90%"``."""
    number = _number(value)
    if number is None and isinstance(value, str) and value.strip().endswith("%"):
        percent = _number(value.strip()[:-1])
        number = None if percent is None else percent / 100
    if number is None or not 0 <= number <= 1:
        message = f"{what}: expected a share from 0 to 1 (or a percentage such as '90%'), got {value!r}"
        raise UsageError(message)
    return number


def factor(value: object, what: str = "a factor") -> float:
    """Return a factor above 0."""
    number = _number(value)
    if number is None or number <= 0:
        message = f"{what}: expected a number above 0, got {value!r}"
        raise UsageError(message)
    return number


def count(value: object, what: str = "a count", *, most: int = 1024) -> int:
    """Return a whole number from 1 to `most`."""
    number = _number(value)
    if number is None or number != int(number) or not 1 <= number <= most:
        message = f"{what}: expected a whole number from 1 to {most}, got {value!r}"
        raise UsageError(message)
    return int(number)


def text(value: object, what: str = "a text") -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str) or not value:
        message = f"{what}: expected a text, got {value!r}"
        raise UsageError(message)
    return value


def choice(value: object, what: str, choices: tuple[str, ...]) -> str:
    """Return one of these words."""
    if not isinstance(value, str) or value not in choices:
        message = f"{what}: expected one of {', '.join(choices)}, got {value!r}"
        raise UsageError(message)
    return value


_NAME = re.compile(r"[A-Za-z][\w.-]*")


def baseline_name(value: object, what: str = "a name") -> str:
    """Return a name that is a file name everywhere and cannot be taken for a number or for the last baseline."""
    if not isinstance(value, str) or not _NAME.fullmatch(value) or value == "last":
        message = f"{what}: expected a letter and then letters, digits, '.', '_' or '-' (not 'last'), got {value!r}"
        raise UsageError(message)
    return value


_TOLERANCE = re.compile(r"\s*(\w+)\s*(?::\s*([^%\s]+)\s*(%?))?\s*")


def tolerance(value: object, what: str = "a tolerance") -> Tolerance:
    """Return what must not become worse, and by how much it may: ``"gil"``, ``"held_share:0.05"``, ``"speedup:10%"``."""
    match = _TOLERANCE.fullmatch(value) if isinstance(value, str) else None
    if match and match[1] == "results":
        message = f"{what}: 'results' is called 'agreement' now, got {value!r}"
        raise UsageError(message)
    if match and match[1] in WORDS and match[2] is None:
        return Tolerance(match[1])
    if match and match[1] in FIGURES:
        amount = 0.0 if match[2] is None else _number(match[2])
        if amount is not None and amount >= 0:
            return Tolerance(match[1], amount / 100 if match[3] else amount, is_relative=bool(match[3]))
    message = (
        f"{what}: expected a word ({', '.join(WORDS)}) or a figure ({', '.join(FIGURES)}) with a tolerance, such as 'gil', "
        f"'held_share:0.05' or 'speedup:10%', got {value!r}"
    )
    raise UsageError(message)


def flag(value: object, what: str = "a switch") -> bool:
    """Return whether a switch is on."""
    if isinstance(value, int) and value in (0, 1):  # 1 and 0, too: ini files have them as texts
        return bool(value)
    if isinstance(value, str) and value.strip().lower() in ("1", "true", "yes", "on"):
        return True
    if isinstance(value, str) and value.strip().lower() in ("0", "false", "no", "off", ""):
        return False
    message = f"{what}: expected true or false, got {value!r}"
    raise UsageError(message)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
