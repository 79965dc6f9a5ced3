"""The checker: measures calls and blocks, has them judged, and compares results under competition."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from pytest_gilcheck.checker.attachment import attachment_of_block, instrument_of
from pytest_gilcheck.checker.isolated import measure_in_child
from pytest_gilcheck.checker.measure import Exclusive, machine_notes, measure, unguarded
from pytest_gilcheck.declare.settings import Settings
from pytest_gilcheck.evidence import (
    CallSpan,
    Observation,
    Plan,
    Reason,
    Surroundings,
    UsageError,
    Verdict,
)
from pytest_gilcheck.evidence.errors import is_hidden
from pytest_gilcheck.judge import judge, others_matter
from pytest_gilcheck.observe import (
    Block,
    WatchedAttachment,
    call_span,
    clock_quality,
    exact_ledger,
    watched_attachment,
    without_ledger,
)
from pytest_gilcheck.plan import survey
from pytest_gilcheck.report.sentences import with_text
from pytest_gilcheck.run import (
    Call,
    Rescue,
    is_within_a_checked_call,
    refuse_what_returns_at_once,
    watch_others,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_gilcheck.evidence import Agreement

__tracebackhide__ = is_hidden


class Checker:
    """Measures calls: ``check(fn, *args)`` returns a `Verdict`.

    `options` sets how calls are measured, `span` measures a block, and `agrees` compares results under competition.

    Args:
        settings: how calls are measured, and what is claimed of them.
        on_check: called after each check with its observation, its verdict and its settings.
        rescue: what is saved if a call ends this process.
        exclusive: guards rounds on the wall clock from other processes.
        earlier_agreement: returns what comparing a function's results gave in this test: ``agree``, ``differ`` or
            ``not_checked``.
        on_agreement: called after each comparison, also one that differs, with the function, the agreement, and whether it
            is one of several examples of the same test.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        on_check: Callable[[Observation, Verdict, Settings], None] | None = None,
        rescue: Rescue | None = None,
        exclusive: Exclusive = unguarded,
        earlier_agreement: Callable[[object], str] | None = None,
        on_agreement: Callable[[Callable[..., Any], Agreement, bool], None] | None = None,
    ) -> None:
        self._settings = settings or Settings()
        self._on_check = on_check
        self._rescue = rescue or Rescue()
        self._exclusive = exclusive
        self._earlier_agreement = earlier_agreement
        self._on_agreement = on_agreement

    def options(self, **changes: Any) -> Checker:
        """Return a checker with some settings changed.

        Args:
            **changes: names and values of `Settings`, as a user writes them: ``threads=4``, ``budget="1s"``.

        Returns:
            A checker like this one, with these settings. This one stays as it is.

        Raises:
            UsageError: an unknown name or a wrong value.
        """
        return self._with(self._settings.changed(changes))

    def _with(self, settings: Settings) -> Checker:
        checker = copy.copy(self)
        checker._settings = settings  # noqa: SLF001  (a copy of this one)
        return checker

    def __call__(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Verdict:
        """Measure a call: whether it releases the GIL, and what it does to other threads.

        The function is called several times: once to size the rest, then alone, then beside a native thread that waits
        for the GIL and, unless ``overlap=False``, in competing threads. `options` says how; what the call raises is
        raised here.

        Args:
            function: what is called. It must do its work before it returns.
            *args: its positional arguments.
            **kwargs: its keyword arguments.

        Returns:
            The verdict. Its `result` is what the first measured call returned.

        Raises:
            DeadlineExceeded: a call did not return in time.
            UsageError: the function cannot be called, or is a coroutine or generator function.
            CheckFailed: with ``isolate=True``, the call ended its child process.
        """
        settings = self._settings
        call = Call(function, args, kwargs, settings.setup, settings.args_for)
        return self.of_call(call)

    def of_call(self, call: Call) -> Verdict:
        """Measure a call that is put together already, as calling the checker does.

        Args:
            call: the function with its arguments.

        Returns:
            The verdict.
        """
        refuse_what_returns_at_once(call.function)
        _refuse_within_a_checked_call("a check")
        settings = self._settings
        name = settings.name or call.title
        measure_call = measure_in_child if settings.isolate else measure
        observation, result = measure_call(call, settings, name, self._rescue, self._exclusive)
        if self._earlier_agreement is not None:
            observation = replace(observation, agreement=self._earlier_agreement(call.function))
        return self._judged(observation, result)

    def _judged(self, observation: Observation, result: Any) -> Verdict:
        verdict = replace(with_text(judge(observation), observation), result=result)
        if self._on_check is not None:
            self._on_check(observation, verdict, self._settings)
        return verdict

    def agrees(
        self,
        function: Callable[..., Any],
        oracle: Callable[..., Any] | None = None,
        inputs: Any = None,
        **options: Any,
    ) -> Agreement:
        """Compare results of a function under competing threads; see `pytest_gilcheck.agrees`.

        Of this checker's settings `name`, `threads` and `deadline` apply, unless `options` has another value.

        Args:
            function: what is called.
            oracle: a function that returns the expected result for the same arguments; None: not compared.
            inputs: a hypothesis strategy or one tuple of arguments, as for `pytest_gilcheck.agrees`.
            **options: `same`, `threads`, `examples`, `deadline` (seconds) and `blob`, as for `pytest_gilcheck.agrees`,
                and `name`.

        Returns:
            How many inputs and calls agreed.

        Raises:
            Disagreement: a result was wrong, or a call changed its arguments.
            UsageError: an argument does not fit.
            OracleFailed: the oracle raised where the function did not.
            DeadlineExceeded: calls did not return in time.
        """
        from pytest_gilcheck.agree.agreement import compare, require_agreement  # noqa: PLC0415  (hypothesis only where it is used)

        _refuse_within_a_checked_call("comparing results")
        settings = self._settings
        defaults = {"name": settings.name, "threads": settings.threads, "deadline": settings.deadline / 1e9}
        changes = {option: value for option, value in options.items() if value is not None}
        agreement = compare(function, oracle, inputs, rescue=self._rescue, **{**defaults, **changes})
        if self._on_agreement is not None:
            self._on_agreement(function, agreement, isinstance(inputs, tuple))
        return require_agreement(agreement)

    def span(self, name: str) -> contextlib.AbstractContextManager[Span]:
        """Measure a block of code: ``with check.span("load") as span:``, then ``span.verdict``.

        For properties, operators, context managers, and objects that are bound to this thread. The block runs once, in
        the calling thread. The longest wait and the wall clock are not measured. A block that raises has no verdict.

        Args:
            name: the name of the block in reports; the setting `name` takes precedence.

        Returns:
            A context manager that gives a `Span`.

        Raises:
            UsageError: `name` is not a text, or is empty.
        """
        if not isinstance(name, str) or not name:  # type: ignore[redundant-expr]  # what users pass is not checked by mypy
            message = f"span: expected a name, got {name!r}; write `with gilcheck.span('load') as span:`"
            raise UsageError(message)
        return self._span(name)

    @contextlib.contextmanager
    def _span(self, name: str) -> Iterator[Span]:
        machine = survey(clock_quality())
        span = Span(name)
        with exact_ledger(self._settings.instrument) as opened:
            watched = WatchedAttachment()
            # A block is watched from its own thread, which is this one.
            watching = contextlib.nullcontext() if machine.has_gil else watched_attachment(0, watched)
            with watching:
                block = Block() if opened.grade == "exact" or not machine.has_gil else None
                try:
                    yield span
                finally:
                    # Also where the block raised: a span that is never ended would be taken for the outer one.
                    record = block.end() if block else None
            instrument, attachment = opened, None
            if not machine.has_gil and isinstance(record, CallSpan):
                attachment = attachment_of_block(record, watched)
                instrument = instrument_of(attachment, opened.unavailable)
                record = None
            calls = (record,) if isinstance(record, CallSpan) else ()
            # While the ledger is still open. A block runs once: two windows would tell no more.
            windows = [
                call_span(watch_others(call.span_ns), with_timeline=False) for call in calls if others_matter(calls)
            ]
        plan = Plan(
            looks=(1,),
            solo_budget_ns=0,
            budget_ns=0,
            n_threads=1,
            waiter_gap_ns=0,
            n_waiter_calls=0,
            deadline_ns=0,
            overlap=False,
        )
        if isinstance(record, Reason):
            instrument = without_ledger(record, self._settings.instrument)
        observation = Observation(
            name=self._settings.name or name,
            claim=self._settings.claim,
            machine=machine,
            plan=plan,
            instrument=instrument,
            pilot=None,
            calls=calls,
            surroundings=Surroundings(tuple(windows)),
            attachment=attachment,
            notes=machine_notes(machine),
        )
        span._verdict = self._judged(observation, None)  # noqa: SLF001  (made here)


def _refuse_within_a_checked_call(what: str) -> None:
    """Refuse what would wait for the competing threads in one of them, and so until the deadline.

    Args:
        what: What is refused.

    Raises:
        UsageError: This thread makes the calls of a check.
    """
    if is_within_a_checked_call():
        message = (
            f"{what} within a call that is checked: the call would be measured together with it. Check one of the two."
        )
        raise UsageError(message)


class Span:
    """A block that is measured.

    Once the block has ended, the span also has the attributes of its verdict: ``span.released``.

    Args:
        name: the name of the block in reports.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._verdict: Verdict | None = None

    @property
    def verdict(self) -> Verdict:
        """The verdict of the block.

        Raises:
            UsageError: the block still runs, or it raised.
        """
        if self._verdict is None:
            message = f"the block {self.name!r} has not ended: ask for its verdict after the `with` statement"
            raise UsageError(message)
        return self._verdict

    def __bool__(self) -> NoReturn:
        __tracebackhide__ = True
        message = f"the block {self.name!r} is no yes or no: ask for .released (or .held) after the `with` statement"
        raise TypeError(message)

    def __getattr__(self, attribute: str) -> Any:
        """Return an attribute of the verdict.

        Args:
            attribute: Name of an attribute of `Verdict`.

        Returns:
            Its value.
        """
        return getattr(self.verdict, attribute)
