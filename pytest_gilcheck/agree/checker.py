"""The checker of the fixtures: calls, blocks, and agreement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_gilcheck.check import Checker

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_gilcheck.evidence import Agreement


class FixtureChecker(Checker):
    """What the fixtures give: a `Checker` that also compares answers."""

    def agrees(
        self,
        function: Callable[..., Any],
        oracle: Callable[..., Any] | None = None,
        inputs: Any = None,
        **options: Any,
    ) -> Agreement:
        """Are the answers still right when threads compete? See `pytest_gilcheck.agrees`."""
        from pytest_gilcheck.agree.agreement import agrees  # noqa: PLC0415  (hypothesis only where it is used)

        return agrees(function, oracle, inputs, **options)
