"""The Python line, and the function, in which a traced call spent its time."""

import operator
from types import SimpleNamespace

import pytest

from pytest_gilcheck.observe.lines import PythonLines

# No event of a trace or a profile tells of its calls, as of those of Cython, Numba, nanobind and ctypes.
COUNT = operator.methodcaller("count", b"x")
DATA = bytes(20_000_000)
NAMES = {"count": COUNT, "module": SimpleNamespace(count=COUNT, data=DATA), "data": DATA, "n": 100_000}


def busiest(statement):
    lines = PythonLines()
    lines.around(eval)(compile(statement, "<statement>", "eval"), dict(NAMES))
    return lines.busiest()


@pytest.mark.parametrize(
    "statement",
    [
        "count(data)",
        "module.count(data)",
        "count(module.data)",
        "module.count(module.data)",
        "(count(data), count(data))",
        "count(data) + n",
        "[count(data) for _ in range(9)]",
    ],
)
def test_busiest_when_no_event_tells_of_a_native_function_then_its_line_names_it(statement):
    """A name of an argument hid the function before it."""
    found = busiest(statement)

    assert found.native is not None
    assert found.native.function == "operator.methodcaller"
    assert not found.is_python


def test_busiest_when_a_line_names_two_native_functions_then_none_is_said_to_be_it():
    """Nor is it said that Python code ran."""
    other = operator.methodcaller("find", b"y")
    lines = PythonLines()
    lines.around(eval)(compile("(count(data), other(data))", "<s>", "eval"), {**NAMES, "other": other})

    assert lines.busiest().native is None
    assert not lines.busiest().is_python


@pytest.mark.parametrize("statement", ["sum(i * i for i in range(n))", "[i * i for i in range(n)]"])
def test_busiest_when_python_code_runs_then_it_is_said(statement):
    found = busiest(statement)

    assert found.native is None
    assert found.is_python
