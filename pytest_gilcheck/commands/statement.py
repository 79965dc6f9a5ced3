"""A statement from the shell, as a call that can be checked, in timeit's manner."""

from __future__ import annotations

import _thread
import ast
import linecache
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_gilcheck.evidence import UsageError
from pytest_gilcheck.evidence.shown import shortened

if TYPE_CHECKING:
    from collections.abc import Callable

_VALUE = "__gilcheck_value__"

#: The files that tracebacks name.
STATEMENT_FILE, SETUP_FILE = "<gilcheck statement>", "<gilcheck setup>"

#: A line that does not compile is shown with so many characters at most.
_LONGEST_LINE = 100


def _compiled(source: str, what: str) -> tuple[Any, bool]:
    """Return code that keeps the value of its last expression alive until the span has ended, and whether in a name.

    The value of a single expression is what `eval` returns.
    """
    file = f"<gilcheck {what}>"
    # Tracebacks then show the lines of the statement.
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    try:
        try:
            return compile(source.strip(), file, "eval", dont_inherit=True), False
        except SyntaxError:
            tree = _keeping_the_last_value(ast.parse(source))
            return compile(tree, file, "exec", dont_inherit=True), _is_kept(tree)
    except (SyntaxError, ValueError) as error:
        message = f"the {what} does not compile: {_reason(error)}"
        raise UsageError(message) from None


def _reason(error: SyntaxError | ValueError) -> str:
    """Return why a source does not compile, with a sign below the place."""
    if not isinstance(error, SyntaxError):
        return str(error)
    line = (error.text or "").rstrip("\n")
    if not line.strip() or len(line) > _LONGEST_LINE:
        return f"{error.msg} (line {error.lineno}: {shortened(line, _LONGEST_LINE)!r})"
    column = max(0, min((error.offset or 1) - 1, len(line)))
    return f"{error.msg}\n  {line}\n  {' ' * column}^"


def _keeping_the_last_value(tree: ast.Module) -> ast.Module:
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = tree.body[-1]
        target = ast.copy_location(ast.Name(_VALUE, ast.Store()), last)
        tree.body[-1] = ast.copy_location(ast.Assign([target], last.value), last)
    return tree


def _is_kept(tree: ast.Module) -> bool:
    last = tree.body[-1] if tree.body else None
    return isinstance(last, ast.Assign) and isinstance(last.targets[0], ast.Name) and last.targets[0].id == _VALUE


@dataclass
class Statement:
    """A statement as a call.

    Attributes:
        statement: The source of the statement.
        setup: Source that is run once before, in the thread that is measured first, because what it makes may be bound
            to that thread. Each thread then has a copy of the names that it made: a statement such as ``del x`` takes
            them from no other thread.
        names: The names that the setup made.

    Raises:
        UsageError: One of the two does not compile.
    """

    statement: str
    setup: str = "pass"
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__", "__builtins__": __builtins__})

    def __post_init__(self) -> None:
        self._code, self._keeps_its_value = _compiled(self.statement, "statement")
        self._setup: Any = _compiled(self.setup, "setup")[0]
        self._fresh: dict[str, Any] = {}
        self._names_of: dict[int, dict[str, Any]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"statement": self.statement, "setup": self.setup}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]  # code objects cannot be pickled: compiled anew

    @property
    def setup_of_call(self) -> Callable[[], None] | None:
        """What a `Call` needs to do before each call, or None: disposing of a value that a name keeps is no part of a call."""
        return self._forget_value if self._keeps_its_value else None

    def _forget_value(self) -> None:
        self._names_of[_thread.get_ident()].pop(_VALUE, None)

    def args_for(self, _index: int) -> tuple[Any, ...]:
        """Return the arguments of `eval` for one thread; the first time, run the setup."""
        if self._setup is not None:
            setup, self._setup = self._setup, None
            exec(setup, self.names)  # noqa: S102  (the purpose of the command)
            self._fresh = dict(self.names)
            names = self.names  # functions that the setup defined see what the statement assigns here
        else:
            names = dict(self._fresh)
        self._names_of[_thread.get_ident()] = names
        return (self._code, names)
