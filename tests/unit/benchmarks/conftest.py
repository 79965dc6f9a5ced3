"""The benchmarks are no installed package: their tests find them from the project's root."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))


@pytest.fixture
def fake_adapter(monkeypatch):
    """An adapter whose verdicts, crashes and hangs the case defines; workers import it by name."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    return "scripted_adapter"
