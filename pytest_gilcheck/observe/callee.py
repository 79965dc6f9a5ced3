"""What is known of a function from the outside: where its code is, and what made it callable from Python."""

from __future__ import annotations

import functools
import re
import sys
from typing import TYPE_CHECKING, Any

from pytest_gilcheck import _native
from pytest_gilcheck.evidence import Place
from pytest_gilcheck.evidence.shown import own_name

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Flag of a ctypes function that is called with the GIL held, as `ctypes.PyDLL` makes it.
_KEEPS_THE_GIL = 0x4

#: The type of ctypes' functions, before and from Python 3.13 on.
_CTYPES = {("_ctypes", "PyCFuncPtr"), ("_ctypes", "CFuncPtr")}

#: Names of types whose functions one binding layer makes, and the packages that other such types are from.
_TYPES = {"cython_function_or_method": "Cython", "fused_cython_function": "Cython"}
_PACKAGES = {"numba": "Numba", "nanobind": "nanobind", "_cffi_backend": "cffi", "pybind11_builtins": "pybind11"}

#: What is called first in functions of the interpreter's own type that a binding layer makes: files and symbols.
_ENTRIES = {
    "pybind11": re.compile(r"/pybind11/pybind11\.h$|^pybind11::"),
    "PyO3": re.compile(r"/pyo3-\d[^/]*/src/|/checkouts/pyo3-|\bpyo3::|_PYO3_DEF|__pyfunction_|__pymethod_"),
}


def place_of(function: Any) -> Place:
    """Return the place of a function's code: its line where that is known, else the library that defines it."""
    while isinstance(function, functools.partial):
        function = function.func
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is not None:
        name = getattr(function, "__qualname__", code.co_name)
        return Place(code.co_filename, code.co_firstlineno, name, binding=_binding_of(function, None))
    if _is_of_ctypes(function):
        return _place_of_foreign(function)
    native = _native.place_of(function)
    name = own_name(function) or type(function).__qualname__
    module_name = getattr(function, "__module__", None) or getattr(
        getattr(function, "__objclass__", None), "__module__", None
    )
    binding = _binding_of(function, native)
    if native is not None:
        file, line, _, library = native
        # The symbol is no name for a reader: that of a method of a PyO3 class is the binding layer's.
        return Place(file, line, f"{module_name}.{name}" if module_name else name, library, binding)
    module = sys.modules.get(module_name or type(function).__module__)
    library = getattr(module, "__file__", None) or _native.libraries()[1]
    return Place(None, None, f"{module_name}.{name}" if module_name else name, library, binding)


def _is_of_ctypes(function: Any) -> bool:
    return any((base.__module__, base.__name__) in _CTYPES for base in type(function).__mro__)


def _place_of_foreign(function: Any) -> Place:
    """Return the place of the foreign function that a function of ctypes calls."""
    import ctypes  # noqa: PLC0415  (whoever has such a function has imported it)

    # 0 is no code: nothing is known of it.
    file, line, symbol, library = _native.place_at(ctypes.cast(function, ctypes.c_void_p).value or 0)
    name = getattr(function, "__name__", None) or symbol
    return Place(file, line, name, library, _binding_of(function, None))


def is_native(function: Any) -> bool:
    """Return whether a call certainly begins without Python code of the function's own."""
    return _native.place_of(function) is not None and function not in (eval, exec)


def _binding_of(function: Any, native: Sequence[str | int | None] | None) -> str | None:
    """Return what made native code callable as this function, one of `BINDINGS`, or None where that is not known.

    `native` is the place of the code that is called first, for a function of the interpreter's own type.
    """
    function = getattr(function, "__func__", function)  # of a method
    kind, owner = type(function), getattr(function, "__self__", None)
    if kind.__name__ in _TYPES:
        return _TYPES[kind.__name__]
    for module in (kind.__module__, type(owner).__module__):
        if module.partition(".")[0] in _PACKAGES:
            return _PACKAGES[module.partition(".")[0]]
    if _is_of_ctypes(function):
        return "ctypes.PyDLL" if getattr(kind, "_flags_", 0) & _KEEPS_THE_GIL else "ctypes"
    if type(owner).__name__ == "PyCapsule" and "pybind11" in repr(owner):  # before pybind11 3
        return "pybind11"
    entered = [str(part) for part in (native or ())[:3]]  # not the library
    return next((name for name, entry in _ENTRIES.items() if any(map(entry.search, entered))), None)
