"""A figure with its interval, which refuses to be compared where the interval does not decide."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, SupportsFloat, cast

from pytest_gilcheck.evidence.errors import Inconclusive

#: An error here is always about what a test asks for.
__tracebackhide__ = True

#: What an estimate can be calculated with.
Number = SupportsFloat


@dataclass(frozen=True, slots=True, repr=False)
class Estimate:
    """A figure with its interval, ``low <= value <= high``.

    A comparison with a number is true only if it is true of the whole interval, and false only if it is true of none of
    it. Otherwise it raises `Inconclusive`, and so does any comparison of a figure that was not measured. ``+``, ``-``, ``*``
    and ``/`` with a number or another estimate give an estimate, whose interval contains every result. ``float(estimate)``
    and ``format`` use the value alone.

    Attributes:
        value: The figure. None: it was not measured, and neither bound is known.
        low: Its lower bound.
        high: Its upper bound.
        quantity: What it is a figure of, for messages.
        why_not: Why it was not measured.

    Raises:
        ValueError: The bounds do not contain the value.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    quantity: str = "value"
    why_not: str = ""

    def __post_init__(self) -> None:
        if self.value is not None and not (
            self.low is not None and self.high is not None and self.low <= self.value <= self.high
        ):
            message = f"an estimate needs low <= value <= high, got {self.low!r}, {self.value!r}, {self.high!r}"
            raise ValueError(message)

    @property
    def measured(self) -> bool:
        """Whether there is a figure."""
        return self.value is not None

    def _bounds(self) -> tuple[float, float]:
        if self.low is None or self.high is None:
            message = f"{self.quantity} was not measured"
            raise Inconclusive(f"{message}: {self.why_not}" if self.why_not else message)
        return self.low, self.high

    def _inconclusive(self, sign: str, bound: float) -> Inconclusive:
        return Inconclusive(f"{self} does not decide {self.quantity} {sign} {bound:g}", ("straddles",))

    def _is_above(self, bound: float, sign: str) -> bool:
        low, high = self._bounds()
        if low > bound:
            return True
        if high <= bound:
            return False
        raise self._inconclusive(sign, bound)

    def _is_at_least(self, bound: float, sign: str) -> bool:
        low, high = self._bounds()
        if low >= bound:
            return True
        if high < bound:
            return False
        raise self._inconclusive(sign, bound)

    def __gt__(self, bound: float) -> bool:
        return self._is_above(bound, ">")

    def __ge__(self, bound: float) -> bool:
        return self._is_at_least(bound, ">=")

    def __lt__(self, bound: float) -> bool:
        return not self._is_at_least(bound, "<")

    def __le__(self, bound: float) -> bool:
        return not self._is_above(bound, "<=")

    def __eq__(self, other: object) -> bool:
        """Return whether it is the same record.

        Args:
            other: Any object.

        Returns:
            Whether `other` is an estimate with the same values.

        Raises:
            TypeError: `other` is a number, which an interval never equals.
        """
        if isinstance(other, Estimate):
            mine = (self.value, self.low, self.high, self.quantity, self.why_not)
            return mine == (other.value, other.low, other.high, other.quantity, other.why_not)
        if isinstance(other, (int, float)):
            message = f"{self.quantity} is an interval, which never equals {other!r}: ask whether it is < or > a number, or compare .value"
            raise TypeError(message)
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self.value, self.low, self.high, self.quantity, self.why_not))

    def __float__(self) -> float:
        self._bounds()
        assert self.value is not None  # noqa: S101  (narrowing: the bounds are set together)
        return self.value

    def __neg__(self) -> Estimate:
        return _calculated(-1, "*", self)

    def __add__(self, other: Number) -> Estimate:
        return _calculated(self, "+", other)

    def __radd__(self, other: Number) -> Estimate:
        return _calculated(other, "+", self)

    def __sub__(self, other: Number) -> Estimate:
        return _calculated(self, "-", other)

    def __rsub__(self, other: Number) -> Estimate:
        return _calculated(other, "-", self)

    def __mul__(self, other: Number) -> Estimate:
        return _calculated(self, "*", other)

    def __rmul__(self, other: Number) -> Estimate:
        return _calculated(other, "*", self)

    def __truediv__(self, other: Number) -> Estimate:
        return _calculated(self, "/", other)

    def __rtruediv__(self, other: Number) -> Estimate:
        return _calculated(other, "/", self)

    def _refused(self, *_other: object) -> NoReturn:
        message = f"{self.quantity} is an interval, of which only +, -, * and / are known: compare it with a number, or take .value for the figure alone"
        raise TypeError(message)

    __pow__ = __rpow__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __divmod__ = __rdivmod__ = _refused
    __round__ = __int__ = __abs__ = _refused

    def __format__(self, spec: str) -> str:
        return format(float(self), spec) if spec else str(self)

    def __bool__(self) -> NoReturn:
        message = f"{self.quantity} is a figure, not a yes or no: compare it with a number"
        raise TypeError(message)

    def __repr__(self) -> str:
        # What an assertion that fails shows: the figure, and what it is, instead of sixteen digits of it.
        return f"<{self}>"

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.quantity} not measured"
        return f"{self.quantity} {_short(self.value)} [{_short(self.low)}, {_short(self.high)}]"


def _short(number: float | None) -> str:
    """Return a number in three digits; a share of a microsecond in a second is not `1e-06`."""
    text = f"{number:.3g}"
    return f"{number:.6f}".rstrip("0").rstrip(".") if "e-" in text else text


_OPERATIONS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


def _calculated(left: Number, sign: str, right: Number) -> Estimate:
    """Return what two figures give, with the bounds of every result: each operation is monotone in each of its numbers.

    The figures may depend on each other, as two of one check do. The interval is then wider than it needs to be.

    Args:
        left: The left figure, or a number.
        sign: The operation.
        right: The right figure, or a number.

    Returns:
        The estimate.

    Raises:
        ZeroDivisionError: The interval of the divisor contains 0, so that no bounds can be given.
    """
    one, other = _as_estimate(left), _as_estimate(right)
    if one is None or other is None:
        return cast("Estimate", NotImplemented)
    quantity, operation = f"({one.quantity} {sign} {other.quantity})", _OPERATIONS[sign]
    ends, other_ends = one._bounds(), other._bounds()  # noqa: SLF001  (of this class)
    if sign == "/" and other_ends[0] <= 0 <= other_ends[1]:
        message = f"{quantity} has no bounds: {other} contains 0"
        raise ZeroDivisionError(message)
    results = [operation(x, y) for x in ends for y in other_ends]
    return Estimate(operation(float(one), float(other)), min(results), max(results), quantity)


def _as_estimate(number: object) -> Estimate | None:
    """Return a number as an estimate without width; None: it is no number."""
    if isinstance(number, Estimate):
        return number
    if not isinstance(number, SupportsFloat):
        return None
    value = float(number)
    return Estimate(value, value, value, f"{value:g}")
