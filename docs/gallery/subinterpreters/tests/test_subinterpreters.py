"""Interpreters of one process have a GIL each, so Python code in another one lets ours run."""

from concurrent import interpreters
from concurrent.futures import InterpreterPoolExecutor

import pytest
from interpreter_fibonacci import fib, new_interpreter, numbers_through_a_queue

FIRST_NUMBERS = [1, 1, 2, 3, 5, 8, 13, 21]


@pytest.fixture
def interpreter():
    interpreter = new_interpreter()
    yield interpreter
    interpreter.close()


def test_a_pool_of_interpreters_returns_the_numbers_in_order():
    with InterpreterPoolExecutor(2) as pool:
        assert list(pool.map(fib, range(1, 9))) == FIRST_NUMBERS


def test_a_queue_brings_what_another_interpreter_puts():
    assert numbers_through_a_queue(range(1, 9)) == FIRST_NUMBERS


def test_python_code_holds_the_gil_of_its_interpreter(gilcheck):
    assert gilcheck.options(overlap=False)(fib, 20).held


def test_python_code_in_another_interpreter_releases_ours(gilcheck, interpreter):
    verdict = gilcheck.options(overlap=False)(interpreter.call, fib, 25)

    assert verdict.released
    assert verdict.result == 75025


def test_names_are_not_shared(interpreter):
    interpreter.exec("interpreter_fibonacci.fib = None")

    assert fib(5) == 5


def test_a_check_inside_another_interpreter_is_refused(interpreter):
    with pytest.raises(interpreters.ExecutionFailed, match="run the check in the main interpreter"):
        interpreter.exec("from pytest_gilcheck import check; check(int)")
