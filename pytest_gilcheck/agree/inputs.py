"""Where the examples of an agreement come from: what a test passes, the function's annotations, or texts with a word."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.errors import HypothesisException

from pytest_gilcheck.agree import strategies
from pytest_gilcheck.evidence import UsageError
from pytest_gilcheck.evidence.errors import is_hidden
from pytest_gilcheck.evidence.shown import shown
from pytest_gilcheck.run.call import name_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy

__tracebackhide__ = is_hidden

#: The oracles in this module count words, whatever the function's own parameters are called.
_REFERENCE = "pytest_gilcheck.reference"

#: From these hypothesis could draw anything, on which most functions only raise.
_ANYTHING = (Any, object, inspect.Parameter.empty)

_REMEDY = "Pass a hypothesis strategy, such as inputs=st.integers() for one argument or inputs=st.tuples(st.integers(), st.text()) for two"


def signature_of(function: Callable[..., Any]) -> inspect.Signature | None:
    """Return the function's signature; None for the many built-in functions that have none."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def default_inputs(function: Callable[..., Any], oracle: Callable[..., Any] | None) -> SearchStrategy[tuple[Any, ...]]:
    """Return the strategy of arguments for a test that passes none.

    Texts with a word to look for, if the oracle is one of `pytest_gilcheck.reference`. Otherwise what the function's
    annotations say, or the oracle's, which takes the same arguments.

    Args:
        function: what is called.
        oracle: returns the expected result for the same arguments; None: there is none.

    Returns:
        The strategy, of tuples of positional arguments.

    Raises:
        UsageError: Neither says what the arguments are.
    """
    if getattr(oracle, "__module__", None) == _REFERENCE:
        return strategies.texts_with_needle()
    found = _annotated(function)
    if isinstance(found, str) and oracle is not None:
        of_oracle = _annotated(oracle)
        found = found if isinstance(of_oracle, str) else of_oracle
    if isinstance(found, str):
        message = f"agrees: inputs= is needed, because {found}. {_REMEDY}."
        raise UsageError(message)
    return found


def _annotated(function: Callable[..., Any]) -> SearchStrategy[tuple[Any, ...]] | str:
    """Return the strategy that a function's annotations ask for, or what they lack."""
    name = name_of(function)
    try:
        signature = inspect.signature(function, eval_str=True)
    except (TypeError, ValueError):
        return f"{name} has no signature that says what it takes"
    except Exception as error:  # noqa: BLE001  (an annotation is any code)
        return f"the annotations of {name} cannot be read ({type(error).__name__}: {shown(str(error))})"
    kinds = []
    for parameter in signature.parameters.values():
        is_needed = parameter.default is inspect.Parameter.empty
        if not is_needed or parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            continue
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY or parameter.annotation in _ANYTHING:
            return _not_said(function, parameter)
        kinds.append(parameter.annotation)
    if not kinds and takes_anything(signature):
        return f"{name}{signature} does not say how many arguments to pass"
    drawn = st.tuples(*map(st.from_type, kinds))
    try:
        drawn.validate()
    except HypothesisException as error:
        return f"hypothesis draws no arguments for {name}{inspect.signature(function)} ({_first_sentence(error)})"
    return drawn


def _not_said(function: Callable[..., Any], parameter: inspect.Parameter) -> str:
    """Return what is missing to draw an argument for this parameter."""
    name = name_of(function)
    if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
        return f"{name} needs {parameter.name}= by keyword, and examples are positional arguments"
    return f"{name}{inspect.signature(function)} does not say what {parameter.name!r} is"


def takes_anything(signature: inspect.Signature | None) -> bool:
    """Return whether nothing is known of what a function takes: it has no signature, or ``*args`` among its parameters.

    `math.hypot` has no signature up to 3.13, and ``(*coordinates)`` from 3.14 on.
    """
    if signature is None:
        return True
    return any(parameter.kind is parameter.VAR_POSITIONAL for parameter in signature.parameters.values())


def _first_sentence(error: Exception) -> str:
    return str(error).partition("\n")[0].partition(". ")[0]


def arguments_of(
    example: Any, signatures: list[tuple[str, Callable[..., Any], inspect.Signature | None]]
) -> tuple[Any, ...]:
    """Return the positional arguments that an example stands for: itself, or the one argument that it is.

    Args:
        example: What the strategy gave.
        signatures: What is called with it: what it is to the test, the function, and its signature if that is known.

    Returns:
        The arguments.

    Raises:
        UsageError: One of the functions does not take them.
    """
    args = example if isinstance(example, tuple) else (example,)
    for what, function, signature in signatures:
        if signature is None:
            continue
        try:
            signature.bind(*args)
        except TypeError as error:
            n = "1 argument" if len(args) == 1 else f"{len(args)} arguments"
            remedy = (
                "For an argument that is a tuple: inputs=strategy.map(lambda value: (value,))"
                if isinstance(example, tuple)
                else "For several arguments draw tuples: inputs=st.tuples(...)"
            )
            message = (
                f"agrees: inputs= gives {n}, {shown(example)}, which the {what} {name_of(function)}{signature} does not take: {error}. "
                f"{remedy}."
            )
            raise UsageError(message) from None
    return args
