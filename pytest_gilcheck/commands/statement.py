"""A statement from the shell, as a call that can be checked, in timeit's manner."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any

from pytest_gilcheck.evidence import UsageError

_RESULT = "__gilcheck_result__"


def _compiled(source: str, what: str) -> Any:
    """Return code that keeps the value of an expression, or of the last one, alive until the span has ended."""
    try:
        try:
            return compile(source.strip(), f"<gilcheck {what}>", "eval", dont_inherit=True)
        except SyntaxError:
            return compile(_keeping_the_last_value(ast.parse(source)), f"<gilcheck {what}>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        where = f" (line {error.lineno}: {(error.text or '').strip()!r})" if isinstance(error, SyntaxError) else ""
        message = f"the {what} does not compile: {error}{where}. Quote it for the shell; several lines may be given one after the other."
        raise UsageError(message) from None


def _keeping_the_last_value(tree: ast.Module) -> ast.Module:
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = tree.body[-1]
        target = ast.copy_location(ast.Name(_RESULT, ast.Store()), last)
        tree.body[-1] = ast.copy_location(ast.Assign([target], last.value), last)
    return tree


@dataclass
class Statement:
    """A statement as a call.

    Attributes:
        statement: The source of the statement.
        setup: Source that is run once before, in the thread that is measured first, because what it makes may be bound
            to that thread.
        names: The names that both see.

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
        self.__init__(**state)  # type: ignore[misc]  # code objects cannot be pickled: compiled anew

    def between(self) -> None:
        """Dispose of what the last call returned, so that the next span does not include that."""
        self.names.pop(_RESULT, None)

    def args_for(self, _index: int) -> tuple[Any, ...]:
        """Return the arguments of `eval` for one call, the first time after the setup."""
        if self._setup is not None:
            setup, self._setup = self._setup, None
            exec(setup, self.names)  # noqa: S102  (what the tool is for)
        return (self._code, self.names)
