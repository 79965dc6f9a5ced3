"""Calls: their arguments, and the functions that are refused."""

import asyncio
import functools

import pytest

from pytest_gilcheck.evidence import UsageError
from pytest_gilcheck.run.call import Call, refuse_what_returns_at_once


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
    assert Call(len, ("x" * 1000,), {"key": 1}).describe() == "len('" + "x" * 38 + "…, key=1)"
    assert Call(functools.partial(len)).title == repr(functools.partial(len))
    assert Call(Callable.made, name="named").title == "named"
