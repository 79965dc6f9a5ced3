"""A statement from the shell as a call, as timeit makes it."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any

from pytest_gilcheck.evidence import UsageError

_RESULT = "__gilcheck_result__"


def _compiled(source: str, what: str) -> Any:
    """Return code that keeps the value of the last expression alive until the span has ended."""
    try:
        try:
            return compile(source.strip(), f"<gilcheck {what}>", "eval", dont_inherit=True)
        except SyntaxError:
            return compile(_keeping_the_last_value(ast.parse(source)), f"<gilcheck {what}>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        where = f" (line {error.lineno}: {(error.text or '').strip()!r})" if isinstance(error, SyntaxError) else ""
        message = f"the {what} does not compile: {error}{where}. Quote it for the shell; several lines can be separate arguments."
        raise UsageError(message) from None


def _keeping_the_last_value(tree: ast.Module) -> ast.Module:
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = tree.body[-1]
        target = ast.copy_location(ast.Name(_RESULT, ast.Store()), last)
        tree.body[-1] = ast.copy_location(ast.Assign([target], last.value), last)
    return tree


@dataclass
class Statement:
    """A statement as a call of `eval`.

    Attributes:
        statement: Source of what is measured.
        setup: Source that runs once before, in the thread that is measured first. What it creates may belong to that
            thread.
        names: The globals of both.

    Raises:
        UsageError: One of the two does not compile.
    """

    statement: str
    setup: str = "pass"
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__", "__builtins__": __builtins__})

    def __post_init__(self) -> None:
        self._code = _compiled(self.statement, "statement")
        self._setup: Any = _compiled(self.setup, "setup")

    def __getstate__(self) -> dict[str, Any]:
        return {"statement": self.statement, "setup": self.setup}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]  # code objects cannot be pickled, so they are compiled again

    def between(self) -> None:
        """Free the result of the last call, so that this is not part of the next span."""
        self.names.pop(_RESULT, None)

    def args_for(self, _index: int) -> tuple[Any, ...]:
        """Return the arguments of `eval` for one call. The first time, run the setup before."""
        if self._setup is not None:
            setup, self._setup = self._setup, None
            exec(setup, self.names)  # noqa: S102  (the user's own code)
        return (self._code, self.names)
