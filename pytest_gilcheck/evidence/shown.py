"""How values are shown in names and messages: short, and the same in every run."""

from __future__ import annotations

import re
import reprlib

#: A value takes at most so many characters of a message: two arguments fit on one line of a terminal.
LONGEST_VALUE = 40

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def shortened(text: str, longest: int = LONGEST_VALUE) -> str:
    """Return a text on one line, with its middle left out if it is longer than `longest` characters."""
    if len(text) > 4 * longest:
        # Only the ends are shown, and a text of 80 MB is not taken apart.
        text = f"{text[: 2 * longest]}{text[-2 * longest :]}"
    line = " ".join(text.split())
    if len(line) <= longest:
        return line
    tail = longest // 3
    return f"{line[: longest - tail - 1]}…{line[-tail:]}"


def shown(value: object) -> str:
    """Return a value as a message shows it: one line, at most `LONGEST_VALUE` characters, no address in memory."""
    return shortened(_MESSAGES.repr(value))


def shown_in_name(value: object) -> str:
    """Return a value as a name shows it.

    Numbers, texts, and containers of them are written out, shortened. Other objects show their class: what they say of
    themselves may be another text in the next run.
    """
    return shortened(_NAMES.repr(value))


#: The module of pybind11's own types.
_PYBIND11 = "pybind11_builtins"


def own_name(function: object) -> str | None:
    """Return the name of a function without its module's, as its source has it; None where it has none.

    Each function of pybind11 is a method of a record whose class is named after the compiler. It is named as the function
    that it is, or as the method of the object that it is bound to.
    """
    if type(getattr(getattr(function, "__func__", function), "__self__", None)).__module__ == _PYBIND11:
        name = getattr(function, "__name__", None)
        owner = type(getattr(function, "__self__", None))
        return name if owner.__module__ == _PYBIND11 or name is None else f"{owner.__qualname__}.{name}"
    for attribute in ("__qualname__", "__name__"):  # numpy's functions of arrays have the second alone
        name = getattr(function, attribute, None)
        if isinstance(name, str) and name:
            return name.rpartition("<locals>.")[2]
    return None


class _Short(reprlib.Repr):
    """Writes values without going through all of a large one, and without addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = LONGEST_VALUE
        self.maxlong = LONGEST_VALUE
        # The shortest element, with its comma, has three characters.
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdict = LONGEST_VALUE // 3 + 1

    def repr_bytes(self, value: bytes, _level: int) -> str:
        return _ends_of(value, self.maxstring)

    def repr_bytearray(self, value: bytearray, _level: int) -> str:
        return f"bytearray({_ends_of(value, self.maxstring)})"

    def repr_instance(self, value: object, _level: int) -> str:
        try:
            text = repr(value)
        except Exception:  # noqa: BLE001  (an object of the user's, in a message about something else)
            return f"<{type(value).__name__}>"
        return shortened(_ADDRESS.sub("", text[: 8 * LONGEST_VALUE]), self.maxother)


class _ShortAndStable(_Short):
    def repr_instance(self, value: object, _level: int) -> str:
        if value is None or isinstance(value, (bool, float, complex)) or value is Ellipsis:
            return repr(value)
        name = getattr(value, "__qualname__", None)
        return name if isinstance(name, str) else f"<{type(value).__name__}>"

    repr_function = repr_builtin_function_or_method = repr_instance


def _ends_of(value: bytes | bytearray, longest: int) -> str:
    if len(value) <= longest:
        return repr(bytes(value))
    return shortened(repr(bytes(value[:longest]) + bytes(value[-longest:])), longest)


_MESSAGES, _NAMES = _Short(), _ShortAndStable()
