"""Hooks that users may implement in a ``conftest.py`` or a plugin of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from pytest_gilcheck.evidence import Agreement, Observation, Verdict


def pytest_gilcheck_verdict(item: pytest.Item | None, observation: Observation, verdict: Verdict) -> None:
    """What came of a check? Called once for each, in the process that measured it, before the test goes on.

    `item` is the test during which it was made, also by a fixture of a wider scope; None outside of any test.
    """


def pytest_gilcheck_agreement(item: pytest.Item | None, agreement: Agreement) -> None:
    """What came of comparing a function's answers? Called once for each comparison, also for one that differs, in the
    process that made it, before the test goes on or fails. `item` as above.
    """
