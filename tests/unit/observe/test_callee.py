"""What is known of a function from the outside."""

import ctypes
import functools
from pathlib import Path

import pytest

from pytest_gilcheck import specimens
from pytest_gilcheck.evidence.places import BINDINGS
from pytest_gilcheck.observe.callee import place_of


def made_by(kind, module, **attributes):
    """A function of another type than the interpreter's, as binding layers make them."""
    return type(kind, (), {"__module__": module, "__call__": len, "__qualname__": "f", **attributes})()


@pytest.mark.parametrize(
    ("function", "binding"),
    [
        (specimens.holds, "PyO3"),
        (ctypes.PyDLL(None).getpid, "ctypes.PyDLL"),
        (ctypes.CDLL(None).getpid, "ctypes"),
        (ctypes.PyDLL(None)["getpid"], "ctypes.PyDLL"),
        (made_by("cython_function_or_method", "_cython_3_1_0"), "Cython"),
        (made_by("CPUDispatcher", "numba.core.registry"), "Numba"),
        (made_by("nb_func", "nanobind"), "nanobind"),
        (made_by("nb_bound_method", "nanobind"), "nanobind"),
        (made_by("f", "m", __self__=made_by("pybind11_detail_function_record_v1", "pybind11_builtins")), "pybind11"),
        (made_by("f", "m", __self__=made_by("Lib", "_cffi_backend")), "cffi"),
        (functools.partial(specimens.holds, 5), "PyO3"),
        (len, None),
        (bytes(5).count, None),
        (place_of, None),
        (made_by("Model", "numbasa.core"), None),
    ],
)
def test_binding_when_a_layer_made_the_function_then_it_is_named(function, binding):
    assert place_of(function).binding == binding
    assert binding is None or binding in BINDINGS


def test_place_when_the_function_is_foreign_then_it_is_that_of_its_library():
    """It was that of ctypes, which is a part of Python."""
    place = place_of(ctypes.PyDLL(None).getpid)

    assert place.function == "getpid"
    assert Path(place.library).name.startswith("libc")


def test_place_when_a_function_has_no_module_then_it_has_its_own_name_and_not_the_symbol():
    """A held method of a PyO3 class was reported as `fastcall_cfunction_with_keywords`."""
    assert place_of(bytes(5).count).function == "bytes.count"
