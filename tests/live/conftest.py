"""Tests in real time, on specimens only.

Assertions are about order and safety: on a busy machine a verdict may be *inconclusive*, but never a wrong word.
"""

import os
import subprocess
import sys
import textwrap
from contextlib import ExitStack, contextmanager

import pytest

from pytest_gilcheck import _native


@pytest.fixture(autouse=True)
def no_hooks_left():
    """Check after every test that the ledger's hooks are removed."""
    yield
    assert not _native.ledger_is_recording()


SPIN = "import os, sys\nwhile os.getppid() == int(sys.argv[1]):\n    for _ in range(100_000): pass"


@pytest.fixture(scope="session")
def busy_processes():
    """Return a context in which this many processes are busy; they also end by themselves if this process is killed."""

    @contextmanager
    def beside(n_processes):
        with ExitStack() as stack:
            for _ in range(n_processes):
                spinner = stack.enter_context(subprocess.Popen([sys.executable, "-I", "-c", SPIN, str(os.getpid())]))
                stack.callback(spinner.kill)
            yield

    return beside


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
