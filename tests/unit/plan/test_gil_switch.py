"""Who decides whether a free-threaded build has a GIL, on built interpreters."""

import types

import pytest

from pytest_gilcheck.plan import gil_switch


@pytest.fixture
def interpreter(monkeypatch):
    """A free-threaded interpreter whose GIL is off, and its loader of native modules."""
    state = types.SimpleNamespace(gil=False)
    monkeypatch.setattr(gil_switch, "is_gil_enabled", lambda: state.gil)
    monkeypatch.setattr(gil_switch, "is_free_threaded", lambda: True)
    monkeypatch.setattr(gil_switch, "_switched_on", [])
    monkeypatch.setattr(gil_switch, "forced_by", lambda: "")

    def load(what):
        state.gil = state.gil or "old" in (getattr(what, "name", "") or what.__name__)
        return what

    state.loader = types.SimpleNamespace(create_dynamic=load, exec_dynamic=load)
    return state


def test_the_first_module_that_switches_the_gil_on_is_named_with_its_import(interpreter):
    gil_switch.watch_imports(interpreter.loader)
    interpreter.loader.create_dynamic(types.SimpleNamespace(name="new"))
    assert gil_switch.switched_on_by() == ""

    interpreter.loader.create_dynamic(types.SimpleNamespace(name="old.first"))
    interpreter.loader.create_dynamic(types.SimpleNamespace(name="old.second"))

    assert gil_switch.switched_on_by().startswith(f"the import of old.first in {__file__}:")


def test_a_module_that_switches_it_on_when_it_is_executed_is_named_too(interpreter):
    gil_switch.watch_imports(interpreter.loader)

    interpreter.loader.exec_dynamic(types.ModuleType("old"))

    assert "import of old in" in gil_switch.switched_on_by()


def test_an_import_that_fails_still_switches_it_on(interpreter):
    def fail(_what):
        interpreter.gil = True
        raise ImportError

    interpreter.loader.create_dynamic = fail
    gil_switch.watch_imports(interpreter.loader)
    with pytest.raises(ImportError):
        interpreter.loader.create_dynamic(types.SimpleNamespace(name="broken"))

    assert "import of broken" in gil_switch.switched_on_by()


def test_watching_twice_wraps_once(interpreter):
    gil_switch.watch_imports(interpreter.loader)
    once = interpreter.loader.create_dynamic
    gil_switch.watch_imports(interpreter.loader)

    assert interpreter.loader.create_dynamic is once


def test_a_module_imported_before_is_not_known(interpreter):
    interpreter.gil = True

    assert "imported before gilcheck" in gil_switch.switched_on_by()


def test_the_option_or_the_variable_is_named_first(interpreter, monkeypatch):
    interpreter.gil = True
    monkeypatch.setattr(gil_switch, "forced_by", lambda: "PYTHON_GIL=1")

    assert gil_switch.switched_on_by() == "PYTHON_GIL=1"


def test_a_build_with_a_gil_has_nobody_who_switched_it_on(interpreter, monkeypatch):
    monkeypatch.setattr(gil_switch, "is_free_threaded", lambda: False)
    interpreter.gil = True

    assert gil_switch.switched_on_by() == ""


@pytest.mark.parametrize(
    ("options", "environment", "expected"),
    [
        ({}, {}, ""),
        ({"gil": "0"}, {"PYTHON_GIL": "1"}, "-X gil=0"),
        ({"gil": "1"}, {}, "-X gil=1"),
        ({}, {"PYTHON_GIL": "1"}, "PYTHON_GIL=1"),
        ({"dev": True}, {"PYTHON_GIL": ""}, ""),
    ],
)
def test_what_forces_it_is_shown_as_its_user_wrote_it(options, environment, expected):
    assert gil_switch.forced_by(options, environment) == expected
