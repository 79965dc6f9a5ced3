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


class Hasher:
    """Its method is native, and no event tells of its calls."""

    update = COUNT

    def __init__(self, *seeds):
        self.seeds = seeds


@pytest.mark.parametrize("statement", ["Hasher().update(data)", "module.Hasher(3).update(module.data)"])
def test_busiest_when_a_statement_calls_a_method_of_what_it_makes_then_it_is_named(statement):
    """A method of a Cython class was reported without a name, a line and its own remedy."""
    names = {"Hasher": Hasher, "data": DATA, "module": SimpleNamespace(Hasher=Hasher, data=DATA)}
    lines = PythonLines()
    lines.around(eval)(compile(statement, "<statement>", "eval"), names)

    assert lines.busiest().native.function == "operator.methodcaller"


@pytest.mark.parametrize(
    "statement", ["same(Hasher()).update(data)", "same(Hasher)(3).update(data)", "Hasher(len(data)).update(data)"]
)
def test_busiest_when_it_is_not_known_what_a_call_makes_then_its_method_is_not_named(statement):
    """Whatever a function returns may be of any class."""
    lines = PythonLines()
    lines.around(eval)(compile(statement, "<s>", "eval"), {"Hasher": Hasher, "same": lambda it: it, "data": DATA})

    assert lines.busiest().native is None


def test_busiest_when_a_line_names_two_native_functions_then_none_is_said_to_be_it():
    """Nor is it said that Python code ran."""
    other = operator.methodcaller("find", b"y")
    lines = PythonLines()
    lines.around(eval)(compile("(count(data), other(data))", "<s>", "eval"), {**NAMES, "other": other})

    assert lines.busiest().native is None
    assert not lines.busiest().is_python


@pytest.mark.parametrize("statement", ["sum(i * i for i in range(n))", "[i * i for i in range(n)]"])
def test_busiest_when_python_code_runs_then_it_is_said(statement):
    """Kept off the processor for as long as all turns together, one of them looks like a native call: then nothing is said."""
    found = [busiest(statement) for _ in range(5)]

    assert not any(one.native for one in found)
    assert any(one.is_python for one in found)


def test_busiest_when_the_trace_itself_takes_time_then_that_is_no_time_of_the_statement():
    """ "80.7 % of the time" was said of a statement that calls one function and does nothing else."""
    lines = PythonLines()
    code = compile("count(data)", "<statement>", "eval")
    line = (code, 1, None)
    lines._times = [0, 50_000, 51_000, 351_000, 352_000]
    lines._positions = [(None, None), (line, None), (line, len), (line, None), (None, None)]
    lines._end_ns = 400_000

    found = lines.busiest()

    assert found.native.function == "builtins.len"
    assert found.share == 300_000 / 302_000
