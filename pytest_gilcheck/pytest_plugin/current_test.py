"""The test that runs now: what it has checked and compared, and what its next report takes along.

Knows pytest's objects and never imports pytest.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from types import BuiltinMethodType, MethodType
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from pytest_gilcheck.declare.settings import Settings
    from pytest_gilcheck.evidence import Agreement, Verdict
    from pytest_gilcheck.store.json_report import AgreementEntry, CheckEntry


@dataclass
class TestState:
    """What is kept of the test that runs now.

    Attributes:
        item: The test. None: no test runs.
        is_left_out: Whether ``--gilcheck-only`` or ``--gilcheck-skip`` leaves it out.
        unreported: Checks that no report has taken along.
        agreements: Agreements that no report has taken along.
        checks: Every check of the test, for its outcome.
        compared: Each function whose results were compared, by its identity, and the word of the agreement.
        sections: The report sections of the test, as text.
        n_not_run: 1 where the test was to be checked and ran as an ordinary test.
        n_not_enforced: Checks of the test whose claim is not met, where the run enforces no claims.
    """

    __test__: ClassVar[bool] = False  # pytest takes a class of this name for a test wherever a test module imports it

    item: pytest.Item | None = None
    is_left_out: bool = False
    unreported: list[CheckEntry] = field(default_factory=list)
    agreements: list[AgreementEntry] = field(default_factory=list)
    checks: list[tuple[Verdict, Settings]] = field(default_factory=list)
    compared: dict[object, tuple[object, str]] = field(default_factory=dict)
    sections: list[str] = field(default_factory=list)
    n_not_run: int = 0
    n_not_enforced: int = 0
    _n_of_name: Counter[tuple[str, str]] = field(default_factory=Counter)

    def begin(self, item: pytest.Item, *, is_left_out: bool) -> None:
        """Start a test. What an earlier test has not reported stays."""
        self.item, self.is_left_out = item, is_left_out
        self.begin_attempt()

    def begin_attempt(self) -> None:
        """Start the test, perhaps once more: an attempt that failed counts for nothing in the next one."""
        self.checks, self.compared, self.sections = [], {}, []
        self._n_of_name.clear()

    def next_ordinal(self, kind: str, name: str) -> int | None:
        """Return the number of this check or agreement among those of its name in this test, from 1.

        None in a test under ``@given``: its examples, and so its checks, differ from run to run.
        """
        if self.item is not None and hasattr(getattr(self.item, "obj", None), "hypothesis"):
            return None
        self._n_of_name[kind, name] += 1
        return self._n_of_name[kind, name]

    def end(self) -> None:
        """End the test."""
        self.item, self.is_left_out = None, False
        self.begin_attempt()

    def agreement_of(self, function: object) -> str:
        """Return the word of this function's agreement in this test. One difference outweighs all agreement."""
        return self.compared.get(_identity(function), (None, "not_checked"))[1]

    def add_agreement(self, function: object, entry: AgreementEntry, *, adds_up: bool) -> None:
        """Keep an agreement.

        Args:
            function: The function whose results were compared.
            entry: What was found.
            adds_up: Whether it is one example of several, as a test under a ``@given`` of its own compares them. They
                become one entry.
        """
        if self.agreement_of(function) != "differ":
            self.compared[_identity(function)] = function, entry.agreement.word
        last = self.agreements[-1] if self.agreements else None
        if adds_up and last is not None and (last.test, last.name) == (entry.test, entry.name):
            self.agreements[-1] = replace(last, agreement=_sum(last.agreement, entry.agreement))
        else:
            self.agreements.append(entry)

    def write_sections(self, *, verbosity: int) -> None:
        """Write what no report has taken along yet as report sections and, for agreements, as properties of the test.

        Called before a report is made. What was found outside of this test stays out of its sections.
        """
        if self.item is None or not (self.unreported or self.agreements):
            return
        from pytest_gilcheck.report import agreement as agreement_text  # noqa: PLC0415  (only where something was checked or compared)
        from pytest_gilcheck.report.check import report_lines  # noqa: PLC0415  (as above)

        test = self.item.nodeid
        sections = [
            report_lines(check.observation, check.verdict, verbosity=verbosity)
            for check in self.unreported
            if check.test == test
        ]
        for entry in self.agreements:
            if entry.test == test:
                sections.append(agreement_text.report_lines(entry.agreement))
                self.item.user_properties += agreement_text.junit_properties(entry.agreement)
        self.sections += map("\n".join, sections)

    def lines(self, *, failed: bool = False, failure: str = "") -> list[str]:
        """Return the checks and agreements that no report has taken along, as lines of the JSON report.

        They are text, so that xdist can send them. `failed` says whether their test did, and `failure` why.
        """
        if not self.unreported and not self.agreements:
            return []
        from pytest_gilcheck.store.json_report import to_line  # noqa: PLC0415  (only where something was checked)

        entries: list[CheckEntry | AgreementEntry] = [*self.unreported, *self.agreements]
        return [to_line(replace(entry, failed=failed, failure=failure)) for entry in entries]

    def take_lines(self, *, failed: bool, failure: str = "") -> list[str]:
        """Return the same lines, and forget them."""
        lines = self.lines(failed=failed, failure=failure)
        self.unreported, self.agreements = [], []
        return lines


class CheckerOfEachTest:
    """Passes each call on to the checker of the test that runs when the call is made.

    Args:
        current: Returns that checker.
        changes: What `options` has set, from the first to the last.
    """

    def __init__(self, current: Callable[[], Any], changes: tuple[dict[str, Any], ...] = ()) -> None:
        self._current = current
        self._changes = changes

    def _checker(self) -> Any:
        checker = self._current()
        for changes in self._changes:
            checker = checker.options(**changes)
        return checker

    def options(self, **changes: Any) -> CheckerOfEachTest:
        """Return a checker with some settings changed; `UsageError` is raised as by `Checker.options`."""
        self._checker().options(**changes)
        return CheckerOfEachTest(self._current, (*self._changes, changes))

    def __call__(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Measure a call, as `Checker` does."""
        return self._checker()(function, *args, **kwargs)

    def agrees(self, *arguments: Any, **options: Any) -> Any:
        """Compare results, as `Checker.agrees` does."""
        __tracebackhide__ = True
        return self._checker().agrees(*arguments, **options)

    def span(self, name: str) -> Any:
        """Measure a block, as `Checker.span` does."""
        return self._checker().span(name)


def _identity(function: object) -> object:
    """Return what two names of the same function share, as long as the function lives.

    A bound method is made anew each time it is asked for. The ``==`` of a callable object may mean something else.
    """
    if isinstance(function, MethodType):
        return id(function.__self__), id(function.__func__)
    if isinstance(function, BuiltinMethodType):
        return id(function.__self__), function.__name__
    return id(function)


def _sum(one: Agreement, other: Agreement) -> Agreement:
    """Return both together. Of two differences the later one stays, because hypothesis has made it smaller."""
    return replace(
        other if other.difference is not None else one,
        n_examples=one.n_examples + other.n_examples,
        n_calls=one.n_calls + other.n_calls,
    )
