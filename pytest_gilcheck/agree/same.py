"""Decides whether two results are the same."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def equal(first: Any, second: Any) -> bool:
    """Return whether two results are equal as a reader means it.

    As ``==``, except that NaN equals NaN, also within tuples, lists and dicts, and that arrays are compared as
    `numpy.testing.assert_array_equal` does. Objects without an ``==`` of their own are compared by identity: they need
    `same=`.
    """
    if first is second:
        return True
    numpy = sys.modules.get("numpy")
    if numpy is not None and (isinstance(first, numpy.ndarray) or isinstance(second, numpy.ndarray)):
        return _arrays_equal(numpy, first, second)
    if isinstance(first, float) and isinstance(second, float):
        return first == second or (first != first and second != second)  # noqa: PLR0124  (NaN alone differs from itself)
    if type(first) is type(second) and isinstance(first, (tuple, list)):
        return len(first) == len(second) and all(map(equal, first, second))
    if type(first) is type(second) and isinstance(first, dict):
        return first.keys() == second.keys() and all(equal(value, second[key]) for key, value in first.items())
    return bool(first == second)


def _arrays_equal(numpy: Any, first: Any, second: Any) -> bool:
    try:
        numpy.testing.assert_array_equal(first, second, strict=True)
    except AssertionError:
        return False
    return True


def as_predicate(same: Callable[[Any, Any], Any] | None) -> Callable[[Any, Any], bool]:
    """Return a comparison that gives a bool, from one that may raise `AssertionError` instead, as numpy's own do."""
    if same is None:
        return equal

    def predicate(first: Any, second: Any) -> bool:
        try:
            is_same = same(first, second)
        except AssertionError:
            return False
        return is_same is None or bool(is_same)

    return predicate
