"""Calls: their arguments, and the functions that are refused."""

import asyncio
import functools
import io
import operator
import os
import unittest.mock
import zlib
from xml.etree import ElementTree as ET

import pytest

from pytest_gilcheck.evidence import UsageError
from pytest_gilcheck.run.call import LONGEST_NAME, Call, name_of, refuse_what_returns_at_once


async def coroutine():
    """Return a coroutine."""


async def async_generator():
    """Return an asynchronous generator."""
    yield


def generator():
    """Return a generator."""
    yield


class Callable:
    """Its objects can be called."""

    def __call__(self):
        """Plain."""

    async def method(self):
        """Lazy."""

    def plain(self):
        """Not lazy."""

    @classmethod
    def made(cls):
        """Not lazy."""

    @staticmethod
    async def static():
        """Lazy."""


class LazyCallable:
    """Calls of its objects return generators."""

    def __call__(self):
        """Lazy."""
        yield


LAZY = [
    (coroutine, "coroutine function"),
    (async_generator, "asynchronous generator function"),
    (generator, "generator function"),
    (functools.partial(coroutine), "coroutine function"),
    (functools.partial(functools.partial(generator)), "generator function"),
    (LazyCallable(), "generator function"),
    (functools.partial(LazyCallable()), "generator function"),
    (Callable().method, "coroutine function"),
    (functools.partial(Callable().method), "coroutine function"),
    (Callable.static, "coroutine function"),
]
EAGER = [
    len,
    str.upper,
    int,
    Callable,
    Callable(),
    Callable().plain,
    Callable.made,
    LazyCallable,
    functools.partial(len),
    lambda: 1,
    asyncio.run,
    [].append,
]


@pytest.mark.parametrize(("function", "kind"), LAZY)
def test_refuse_when_a_function_returns_at_once_then_the_message_has_the_remedy(function, kind):
    """Such a function would look fast and innocent."""
    with pytest.raises(UsageError, match=f"is an? {kind}: calling it does no work yet.*Instead: "):
        refuse_what_returns_at_once(function)


@pytest.mark.parametrize("function", EAGER, ids=lambda function: type(function).__name__)
def test_refuse_when_a_call_does_its_work_then_nothing_is_raised(function):
    """Functions, methods, classes, partials, callable objects."""
    refuse_what_returns_at_once(function)


@pytest.mark.parametrize("thing", [1, None, "f", [len]])
def test_refuse_when_a_thing_cannot_be_called_then_the_message_has_the_remedy(thing):
    """The usual mistake is to call the function oneself."""
    with pytest.raises(UsageError, match=r"cannot be called. Pass the function and its arguments apart"):
        refuse_what_returns_at_once(thing)


def test_arguments_when_there_is_no_setup_and_no_args_for_then_they_are_those_of_the_call():
    """They are used as they are."""
    call = Call(len, ("abc",))

    assert call.args_of_next(call.args_in_thread(0, {})) == ("abc",)


def test_arguments_when_there_are_setup_and_args_for_then_setup_wins():
    """Each of them returns None to leave the arguments to the next."""
    by_thread = Call(len, ("own",), args_for=lambda index: (index,))
    by_call = Call(len, ("own",), setup=lambda: ("fresh",), args_for=lambda index: (index,))
    by_nobody = Call(len, ("own",), setup=lambda: None, args_for=lambda _index: None)

    assert by_thread.args_of_next(by_thread.args_in_thread(3, {})) == (3,)
    assert by_call.args_of_next(by_call.args_in_thread(3, {})) == ("fresh",)
    assert by_nobody.args_of_next(by_nobody.args_in_thread(3, {})) == ("own",)


@pytest.mark.parametrize("option", ["setup", "args_for"])
@pytest.mark.parametrize("returned", ["text", [1], 0, False])
def test_arguments_when_an_option_returns_no_tuple_then_the_message_names_the_option(option, returned):
    """A bare value would be taken apart, or lost."""
    call = Call(len, **{option: lambda *_: returned})

    with pytest.raises(UsageError, match=f"{option}= must return a tuple") as raised:
        call.args_of_next(call.args_in_thread(0, {}))
    assert repr(returned) in str(raised.value)


def test_describe_when_arguments_are_long_then_they_are_cut():
    """The call stays on one line."""
    text = Call(len, ("x" * 1000,), {"key": 1}).describe()

    assert text.startswith("len('xxxxxxx") and text.endswith("xxx', key=1)") and len(text) < 60
    assert Call(Callable.made, name="named").title == "named"


class Adder:
    """A callable object."""

    def __call__(self, n):
        """Return n."""
        return n


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (len, "len"),
        (zlib.compress, "zlib.compress"),
        (os.path.join, "posixpath.join"),
        (io.BytesIO, "_io.BytesIO"),
        (ET.fromstring, "xml.etree.ElementTree.XML"),
        (str.upper, "str.upper"),
        ([].append, "list.append"),
        (coroutine, "coroutine"),
        (Callable.made, "Callable.made"),
        (Adder(), "Adder"),
        (lambda: 1, "<lambda>"),
        (operator.methodcaller("upper"), "operator.methodcaller"),
        (unittest.mock.Mock(), "unittest.mock.Mock"),
        (functools.partial(zlib.compress, level=9), "partial(zlib.compress, level=9)"),
        (functools.partial(functools.partial(Adder(), 1), Adder()), "partial(Adder, 1, <Adder>)"),
    ],
)
def test_name_when_a_thing_can_be_called_then_it_is_the_same_in_every_run(function, name):
    """No address, no private part of a module; the functions of a test file have no module before them."""
    assert name_of(function) == name


def test_name_when_a_partial_has_large_arguments_then_it_is_short():
    """The name is in every line of the report."""
    large = functools.partial(zlib.compress, bytes(80_000_000), *range(1000))

    assert len(name_of(large)) <= LONGEST_NAME
    assert name_of(large).startswith("partial(zlib.compress, b'")
    assert len(Call(large, (bytes(80_000_000),)).describe()) < 200


def test_name_when_a_module_is_private_then_its_public_part_is_left():
    """A package's own name is what its users know."""

    def function():
        """Plain."""

    function.__qualname__ = "svd"
    for module, name in (
        ("numpy.linalg._linalg", "numpy.linalg.svd"),
        ("mylib.mylib", "mylib.svd"),
        ("_core", "_core.svd"),
        (None, "svd"),
    ):
        function.__module__ = module
        assert name_of(function) == name


def test_refuse_when_a_call_was_made_already_then_its_large_result_is_not_written_out():
    """``gilcheck(compress(data))``."""
    with pytest.raises(UsageError) as raised:
        refuse_what_returns_at_once(bytes(80_000_000))
    assert len(str(raised.value)) < 300


def test_name_when_pybind11_made_a_function_then_it_has_no_record_in_it():
    """Its functions are methods of objects whose class is named after the compiler."""

    class Record:
        """As pybind11's."""

    Record.__module__ = "pybind11_builtins"

    class Function:
        """As a built-in method."""

        __self__ = Record()
        __module__ = "mylib"
        __qualname__ = "pybind11_detail_function_record_v1_system_libstdcpp_gxx_abi_1xxx_use_cxx11_abi_1.search"
        __name__ = "search"

        def __call__(self):
            """Plain."""

    class Hasher:
        """A class of the author's."""

    class Method:
        """As a bound method."""

        __func__ = Function()
        __self__ = Hasher()
        __module__ = "mylib"
        __name__ = "search"

        def __call__(self):
            """Plain."""

    Hasher.__qualname__ = "Hasher"
    assert name_of(Function()) == "mylib.search"
    assert name_of(Method()) == "mylib.Hasher.search"
