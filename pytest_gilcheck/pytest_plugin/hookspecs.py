"""Hooks that users may implement in a ``conftest.py`` or in a plugin of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from pytest_gilcheck.evidence import Agreement, Observation, Verdict


def pytest_gilcheck_verdict(item: pytest.Item | None, observation: Observation, verdict: Verdict) -> None:
    """Receive one check as soon as it is judged.

    Called in the process that measured it, before the test goes on.

    Args:
        item: The test that made the check, also through a fixture of a wider scope. None: no test was running.
        observation: What was measured.
        verdict: What it means.
    """


def pytest_gilcheck_agreement(item: pytest.Item | None, agreement: Agreement) -> None:
    """Receive one comparison of a function's results, also one that found a difference.

    Called in the process that made it, before the test goes on or fails.

    Args:
        item: The test that made the comparison. None: no test was running.
        agreement: What was compared and found.
    """
