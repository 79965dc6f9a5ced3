"""The checker of the fixtures: calls, blocks, and agreement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_gilcheck.check import Checker

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_gilcheck.evidence import Agreement


class FixtureChecker(Checker):
    """What the fixtures give: a `Checker` that also compares answers. `on_agreement` is told of each agreement, also where
    it differs, with the function, and whether it is one example of several of the same test."""

    def __init__(
        self,
        *arguments: Any,
        on_agreement: Callable[[Callable[..., Any], Agreement, bool], None] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self._on_agreement = on_agreement

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
        from pytest_gilcheck.agree.agreement import compared, required  # noqa: PLC0415  (hypothesis only where it is used)

        __tracebackhide__ = True  # of a difference, pytest then shows the test's own line
        settings = self._settings
        said = {"name": settings.name, "threads": settings.threads, "deadline": settings.deadline / 1e9}
        nearer = {option: value for option, value in options.items() if value is not None}
        agreement = compared(function, oracle, inputs, rescue=self._rescue, **{**said, **nearer})
        if self._on_agreement is not None:
            self._on_agreement(function, agreement, isinstance(inputs, tuple))
        return required(agreement)
