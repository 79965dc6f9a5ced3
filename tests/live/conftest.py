"""Tests in real time, on specimens only.

Assertions are about order and safety: on a busy machine a verdict may be *inconclusive*, but never a wrong word.
"""

import subprocess
import sys
import textwrap

import pytest

from pytest_gilcheck import _native


@pytest.fixture(autouse=True)
def no_hooks_left():
    """Check after every test that the ledger's hooks are removed."""
    yield
    assert not _native.ledger_is_recording()


@pytest.fixture
def python(tmp_path):
    """Run a script in a process of its own; gives its output and exit status."""

    def run(source, *arguments, **more):
        script = tmp_path / "script.py"
        script.write_text(textwrap.dedent(source))
        return subprocess.run(
            [sys.executable, str(script), *arguments],
            capture_output=True,
            text=True,
            timeout=more.pop("timeout", 120),
            cwd=tmp_path,
            check=False,
            **more,
        )

    return run
