"""The fixture behind the golden tests cannot pass without having compared."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A suite of one golden test, beside a copy of the fixture."""
    monkeypatch.delenv("GILCHECK_GOLDEN", raising=False)
    pytester.makeconftest((Path(__file__).parent / "conftest.py").read_text(encoding="utf-8"))
    pytester.makepyfile(test_it="def test_it(golden):\n    golden('greeting.txt', 'hello\\n')\n")
    return pytester


def expect(suite: pytest.Pytester, text: str) -> None:
    (suite.path / "expected").mkdir(exist_ok=True)
    (suite.path / "expected" / "greeting.txt").write_text(text, encoding="utf-8")


def test_golden_fails_when_there_is_no_file_and_says_how_to_make_one(suite: pytest.Pytester) -> None:
    result = suite.runpytest()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*greeting.txt does not exist*GILCHECK_GOLDEN=write*"])


@pytest.mark.parametrize(("kept", "outcome"), [("hello\n", "passed"), ("hello", "failed"), ("", "failed")])
def test_golden_passes_only_when_the_text_is_the_same(suite: pytest.Pytester, kept: str, outcome: str) -> None:
    expect(suite, kept)

    suite.runpytest().assert_outcomes(**{outcome: 1})


def test_golden_write_replaces_the_file_and_skips(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    expect(suite, "stale")
    monkeypatch.setenv("GILCHECK_GOLDEN", "write")

    suite.runpytest().assert_outcomes(skipped=1)

    monkeypatch.delenv("GILCHECK_GOLDEN")
    suite.runpytest().assert_outcomes(passed=1)
