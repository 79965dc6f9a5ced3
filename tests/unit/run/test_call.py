"""What is called, with which arguments, and what is refused."""

import asyncio
import functools

import pytest

from pytest_gilcheck.evidence import UsageError
from pytest_gilcheck.run.call import Call, refuse_what_returns_at_once


async def coroutine():
    """Makes a coroutine."""


async def async_generator():
    """Makes an asynchronous generator."""
    yield


def generator():
    """Makes a generator."""
    yield


class Callable:
    """Objects that are called."""

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
    """Its calls make generators."""

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
def test_what_returns_at_once_is_refused_with_the_remedy(function, kind):
    """It would look fast and innocent."""
    with pytest.raises(UsageError, match=f"is an? {kind}: calling it does no work yet.*Instead: "):
        refuse_what_returns_at_once(function)


@pytest.mark.parametrize("function", EAGER, ids=lambda function: type(function).__name__)
def test_whatever_else_can_be_called_may_be_checked(function):
    """Functions, methods, classes, partials, callable objects."""
    refuse_what_returns_at_once(function)


@pytest.mark.parametrize("thing", [1, None, "f", [len]])
def test_what_cannot_be_called_is_refused_with_the_remedy(thing):
    """The usual slip is to call it oneself."""
    with pytest.raises(UsageError, match=r"cannot be called. Pass the function and its arguments apart"):
        refuse_what_returns_at_once(thing)


def test_arguments_are_those_given():
    """Without setup and args_for."""
    call = Call(len, ("abc",))

    assert call.args_of_next(call.args_in_thread(0, {})) == ("abc",)


def test_setup_wins_over_args_for_over_args():
    """Each may leave it to the next by returning None."""
    by_thread = Call(len, ("given",), args_for=lambda index: (index,))
    by_call = Call(len, ("given",), setup=lambda: ("fresh",), args_for=lambda index: (index,))
    by_nobody = Call(len, ("given",), setup=lambda: None, args_for=lambda _index: None)

    assert by_thread.args_of_next(by_thread.args_in_thread(3, {})) == (3,)
    assert by_call.args_of_next(by_call.args_in_thread(3, {})) == ("fresh",)
    assert by_nobody.args_of_next(by_nobody.args_in_thread(3, {})) == ("given",)


@pytest.mark.parametrize("option", ["setup", "args_for"])
@pytest.mark.parametrize("made", ["text", [1], 0, False])
def test_what_is_no_tuple_is_refused_by_the_options_name(option, made):
    """A bare value would be taken apart, or lost."""
    call = Call(len, **{option: lambda *_: made})

    with pytest.raises(UsageError, match=f"{option}= must return a tuple") as raised:
        call.args_of_next(call.args_in_thread(0, {}))
    assert repr(made) in str(raised.value)


def test_description_is_short():
    """Long arguments are cut."""
    assert Call(len, ("x" * 1000,), {"key": 1}).describe() == "len('" + "x" * 38 + "…, key=1)"
    assert Call(functools.partial(len)).title == repr(functools.partial(len))
    assert Call(Callable.made, name="named").title == "named"
