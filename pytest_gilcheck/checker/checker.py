"""One check: brackets `run` with `observe`, hands the observation to `judge`."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_gilcheck.checker.isolated import measure_in_child
from pytest_gilcheck.checker.measure import Alone, machine_notes, measure, unguarded
from pytest_gilcheck.declare.settings import Settings
from pytest_gilcheck.evidence import (
    CallSpan,
    Instrument,
    Observation,
    Plan,
    Reason,
    UsageError,
    Verdict,
)
from pytest_gilcheck.judge import judge
from pytest_gilcheck.observe import (
    Block,
    clock_quality,
    exact_ledger,
)
from pytest_gilcheck.plan import survey
from pytest_gilcheck.report.sentences import with_text
from pytest_gilcheck.run import (
    Call,
    Rescue,
    refuse_what_returns_at_once,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_gilcheck.evidence import Agreement


class Checker:
    """Measures calls: ``check(fn, *args)`` gives a `Verdict`; `options` sets how, `span` measures a block.

    `on_check` is told of each check, `on_agreement` of each agreement, also where it differs, with the function, and whether
    it is one example of several of the same test. `agreement_of` tells what came of comparing a function's answers before.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        on_check: Callable[[Observation, Verdict, Settings], None] | None = None,
        rescue: Rescue | None = None,
        alone: Alone = unguarded,
        agreement_of: Callable[[object], str] | None = None,
        on_agreement: Callable[[Callable[..., Any], Agreement, bool], None] | None = None,
    ) -> None:
        self._settings = settings or Settings()
        self._on_check = on_check
        self._rescue = rescue or Rescue()
        self._alone = alone
        self._agreement_of = agreement_of
        self._on_agreement = on_agreement

    def options(self, **changes: Any) -> Checker:
        """How is it measured, and what must hold? A checker with these settings (see `Settings`).

        Raises `UsageError` for an unknown name or a wrong value.
        """
        return self._with(self._settings.changed(changes))

    def _with(self, settings: Settings) -> Checker:
        made = copy.copy(self)
        made._settings = settings  # noqa: SLF001  (its maker)
        return made

    def __call__(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Verdict:
        """Does this call release the GIL, and what does it do to others? Everything after the function is its own.

        Calls it several times: first one that sizes the rest, then single calls alone, then beside a native waiter and,
        unless ``overlap=False``, in competing threads. Raises what the call raises, `DeadlineExceeded` where it
        does not come back, `UsageError` where it cannot be measured.
        """
        settings = self._settings
        call = Call(function, args, kwargs, settings.setup, settings.args_for)
        return self.of_call(call)

    def of_call(self, call: Call) -> Verdict:
        """As calling the checker, for a call that is put together already."""
        refuse_what_returns_at_once(call.function)
        settings = self._settings
        name = settings.name or call.title
        observe = measure_in_child if settings.isolate else measure
        observation, result = observe(call, settings, name, self._rescue, self._alone)
        if self._agreement_of is not None:
            observation = replace(observation, agreement=self._agreement_of(call.function))
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
        """Are the answers still right when threads compete? See `pytest_gilcheck.agrees`.

        Of what ``gilcheck.options(...)`` and the run say, `name`, `threads` and `deadline` count here too.
        """
        from pytest_gilcheck.agree.agreement import compare_answers, require_agreement  # noqa: PLC0415  (hypothesis only where it is used)

        __tracebackhide__ = True  # of a difference, pytest then shows the test's own line
        settings = self._settings
        said = {"name": settings.name, "threads": settings.threads, "deadline": settings.deadline / 1e9}
        nearer = {option: value for option, value in options.items() if value is not None}
        agreement = compare_answers(function, oracle, inputs, rescue=self._rescue, **{**said, **nearer})
        if self._on_agreement is not None:
            self._on_agreement(function, agreement, isinstance(inputs, tuple))
        return require_agreement(agreement)

    def span(self, name: str) -> contextlib.AbstractContextManager[Span]:
        """Does this block release the GIL? The block runs once, in the calling thread; ``span.verdict`` afterwards.

        For properties, operators, context managers, and objects bound to this thread. There is no second measurement:
        the longest wait and the wall clock are not measured. Where the block raises there is no verdict.
        """
        if not isinstance(name, str) or not name:  # type: ignore[redundant-expr]  # what users pass is not checked by mypy
            message = f"span: expected a name, got {name!r}; write `with gilcheck.span('load') as span:`"
            raise UsageError(message)
        return self._span(name)

    @contextlib.contextmanager
    def _span(self, name: str) -> Iterator[Span]:
        machine = survey(clock_quality())
        span = Span(name)
        with exact_ledger() as instrument:
            block = Block() if instrument.grade == "exact" else None
            try:
                yield span
            finally:
                # Also where the block raised: a span that is never ended would be taken for the outer one's.
                seen = block.end() if block else None
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
        if isinstance(seen, Reason):
            instrument = Instrument("progress", "bounded", seen)
        calls = (seen,) if isinstance(seen, CallSpan) else ()
        observation = Observation(
            name=self._settings.name or name,
            claim=self._settings.claim,
            machine=machine,
            plan=plan,
            instrument=instrument,
            pilot=None,
            calls=calls,
            notes=machine_notes(machine),
        )
        span._verdict = self._judged(observation, None)  # noqa: SLF001  (its maker)


class Span:
    """A block that is measured; `verdict` once it has ended."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._verdict: Verdict | None = None

    @property
    def verdict(self) -> Verdict:
        """What came of it? Raises `UsageError` while the block runs, or where it raised."""
        if self._verdict is None:
            message = f"the block {self.name!r} has not ended: ask for its verdict after the `with` statement"
            raise UsageError(message)
        return self._verdict

    def __getattr__(self, attribute: str) -> Any:
        """A verdict's attributes: ``span.released``."""
        return getattr(self.verdict, attribute)
