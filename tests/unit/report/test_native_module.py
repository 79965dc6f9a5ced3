"""An import error says which build to install, and what else to do."""

import importlib
import sys
import sysconfig

import pytest

import pytest_gilcheck
from pytest_gilcheck.report.native_module import why_not_imported

STABLE, GIL, FREE_THREADED, WINDOWS, FOR_BOTH = (
    "_native.abi3.so",
    "_native.cpython-314-x86_64-linux-gnu.so",
    "_native.cpython-314t-x86_64-linux-gnu.so",
    "_native.cp314t-win_amd64.pyd",
    "_native.abi3t-x86_64-linux-gnu.so",
)


@pytest.mark.parametrize("found", [{STABLE}, {GIL}, {STABLE, GIL}])
def test_error_when_a_free_threaded_build_has_a_wheel_for_the_gil_then_the_tag_to_install_is_named(found):
    text = why_not_imported("No module named '_native'", found, (3, 14), is_free_threaded=True)

    assert "free-threaded CPython 3.14t" in text and "tag cp314t" in text and "use python3.14" in text
    assert all(name in text for name in found)


@pytest.mark.parametrize(
    ("version", "remedy"),
    [
        ((3, 13), "there is no wheel for 3.13t, use python3.14t or python3.13"),
        ((3, 14), "install a wheel with the tag cp314t, or use python3.14"),
        ((3, 15), "install a wheel with the tag abi3t, or use python3.15"),
        ((3, 16), "install a wheel with the tag abi3t, or use python3.16"),
    ],
)
def test_error_names_the_wheel_that_a_free_threaded_version_has(version, remedy):
    assert why_not_imported("", {STABLE}, version, is_free_threaded=True).endswith(remedy)


@pytest.mark.parametrize("name", [FREE_THREADED, WINDOWS])
def test_error_when_a_gil_build_has_a_free_threaded_wheel_then_the_tag_to_install_is_named(name):
    text = why_not_imported("No module named '_native'", {name}, (3, 14), is_free_threaded=False)

    assert "CPython 3.14 with a GIL" in text and "cp310-abi3" in text and name in text


@pytest.mark.parametrize(("python", "is_wrong"), [((3, 14), True), ((3, 15), False), ((3, 16), False)])
def test_error_when_a_gil_build_has_the_wheel_for_both_then_it_is_wrong_before_both_could_be_served(python, is_wrong):
    text = why_not_imported("GLIBC_2.99 not found", {FOR_BOTH}, python, is_free_threaded=False)

    assert ("cp310-abi3" in text) == is_wrong and ("GLIBC_2.99" in text) != is_wrong


@pytest.mark.parametrize(
    ("found", "is_free_threaded"), [({STABLE}, False), ({FREE_THREADED}, True), ({STABLE, FREE_THREADED}, False)]
)
def test_error_when_the_build_is_the_right_one_then_the_cause_is_shown(found, is_free_threaded):
    text = why_not_imported("GLIBC_2.99 not found", found, (3, 14), is_free_threaded=is_free_threaded)

    assert "GLIBC_2.99 not found" in text and "pip install" in text


def test_error_when_there_is_no_native_module_then_it_says_that_it_is_not_installed():
    text = why_not_imported("No module named '_native'", set(), (3, 12), is_free_threaded=False)

    assert "is not installed" in text and "pip install" in text


def test_error_when_in_a_subinterpreter_then_the_main_one_is_named():
    text = why_not_imported(
        "module does not support loading in subinterpreters", {STABLE}, (3, 14), is_free_threaded=False
    )

    assert "run the check in the main interpreter" in text


def test_import_when_a_free_threaded_build_begins_to_load_the_module_then_it_is_an_import_error_too(monkeypatch):
    """3.13t takes any `.abi3.so` for its own, and says that its init function has returned an uninitialized object."""

    def half_loaded(name):
        raise SystemError("init function of _native returned uninitialized object")

    monkeypatch.delattr(pytest_gilcheck, "_native", raising=False)
    monkeypatch.setattr(sysconfig, "get_config_var", {"Py_GIL_DISABLED": 1}.get)
    monkeypatch.setattr(importlib, "import_module", half_loaded)

    with pytest.raises(ImportError, match="is for builds with a GIL|init function"):
        pytest_gilcheck.__getattr__("_native")


@pytest.mark.parametrize("name", ["_native", "reference"])
def test_import_when_the_native_module_is_missing_then_the_error_says_what_to_do(name, monkeypatch):
    """As users meet it, from whichever public name they import first."""
    monkeypatch.delattr(pytest_gilcheck, "_native", raising=False)
    monkeypatch.setitem(sys.modules, "pytest_gilcheck._native", None)

    with pytest.raises(ImportError, match="pip install") as raised:
        getattr(pytest_gilcheck, name) if name == "_native" else pytest_gilcheck.__getattr__(name)

    assert raised.value.__cause__ is not None
    importlib.invalidate_caches()
