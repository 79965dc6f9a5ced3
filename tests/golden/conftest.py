"""Expected outputs, kept as files beside the tests that compare with them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

EXPECTED = Path(__file__).parent / "expected"
REMEDY = "look at the difference, then: GILCHECK_GOLDEN=write nox -s tests -- tests/golden"


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Is this text still what the file of this name holds? With ``GILCHECK_GOLDEN=write`` the file is written.

    A test that writes is skipped, not passed: a run that refreshes its expectations has checked nothing.
    """

    def compare(name: str, actual: str) -> None:
        path = EXPECTED / name
        if os.environ.get("GILCHECK_GOLDEN") == "write":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(actual, encoding="utf-8")
            pytest.skip(f"wrote {path}")
        if not path.exists():
            pytest.fail(f"{path} does not exist; {REMEDY}")
        expected = path.read_text(encoding="utf-8")

        assert actual == expected, f"{name} differs; {REMEDY}"

    return compare
