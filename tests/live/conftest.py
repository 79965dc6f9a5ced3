"""Real time, specimens only. Assertions are about order and safety: *inconclusive* may happen on a busy machine, a wrong
word may not."""

import subprocess
import sys
import textwrap

import pytest

from pytest_gilcheck import _native


@pytest.fixture(autouse=True)
def hooks_are_out_again():
    """After every test, whatever it did."""
    yield
    assert not _native.ledger_is_recording()


@pytest.fixture
def python(tmp_path):
    """Runs a script in a process of its own: what it printed, and how it ended."""

    def run(source, *arguments, **more):
        script = tmp_path / "script.py"
        script.write_text(textwrap.dedent(source))
        return subprocess.run(
            [sys.executable, str(script), *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=tmp_path,
            check=False,
            **more,
        )

    return run
