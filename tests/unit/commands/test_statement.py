"""Statements from the shell."""

import pickle

import pytest

from pytest_gilcheck.commands.statement import Statement
from pytest_gilcheck.evidence import UsageError


def run(statement):
    """What one call gives, and the names afterwards."""
    return eval(*statement.args_for(0)), statement.names


def test_expression_gives_its_value():
    """As eval does."""
    assert run(Statement("a + 1", "a = 1"))[0] == 2


@pytest.mark.parametrize("source", ["a = 1\nb = a + 1", "for b in range(3): pass", "b = 2; a = b"])
def test_statements_run_in_their_names(source):
    """Names are kept from call to call, as timeit's are."""
    value, names = run(Statement(source))

    assert value is None
    assert names["b"] == 2


def test_the_last_expressions_value_outlives_the_call():
    """Otherwise its disposal would fall into the span."""
    deaths = []
    statement = Statement("a = 1\nThing()", "class Thing:\n    def __del__(self): deaths.append(1)")
    statement.names["deaths"] = deaths

    run(statement)

    assert deaths == []


def test_what_a_call_left_is_disposed_of_before_the_next():
    """And not within its span."""
    deaths = []
    statement = Statement("a = len(deaths)\nThing()", "class Thing:\n    def __del__(self): deaths.append(1)")
    statement.names["deaths"] = deaths
    code, names = statement.args_for(0)

    eval(code, names)
    statement.setup_of_call()
    assert deaths == [1]
    eval(code, names)
    assert names["a"] == 1


def test_setup_runs_once():
    """In the thread that is measured first."""
    statement = Statement("n", "n = globals().get('n', 0) + 1")

    assert [run(statement)[0] for _ in range(3)] == [1, 1, 1]


@pytest.mark.parametrize("source", ["1 +", "return", "def f(:", "\0", "a = ", "await x"])
def test_what_does_not_compile_is_refused(source):
    """With the place, and how to write it."""
    with pytest.raises(UsageError, match="the statement does not compile: "):
        Statement(source)
    with pytest.raises(UsageError, match="the setup does not compile: "):
        Statement("1", source)


def test_empty_statement_does_nothing():
    """As Python's own."""
    assert run(Statement(""))[0] is None


def test_statement_travels_to_a_child_process():
    """Its code is compiled anew there."""
    statement = pickle.loads(pickle.dumps(Statement("a + 1", "a = 1")))

    assert run(statement)[0] == 2


def test_statement_runs_as_a_main_module_of_its_own():
    """Names of the tool's own do not leak in."""
    value, names = run(Statement("__name__"))

    assert value == "__main__"
    assert "Statement" not in names
