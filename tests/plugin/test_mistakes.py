"""A mistake in a test is shown in at most five lines, and none of them is ours."""

import fnmatch
import re

MISTAKES = {
    "the verdict itself": (
        "assert gilcheck(len, [])",
        "TypeError: the verdict on len is no yes or no: ask for .released*",
    ),
    "not the verdict": (
        "assert not gilcheck(len, [])",
        "TypeError: the verdict on len is no yes or no: ask for .released*",
    ),
    "the span itself": (
        "with gilcheck.span('load') as span: pass\n    assert span",
        "TypeError: the block 'load' is no yes or no: ask for .released*",
    ),
    "a figure itself": ("assert gilcheck(len, []).held_share", "TypeError: held share is a figure, not a yes or no*"),
    "a power of a figure": ("gilcheck(len, []).held_share ** 2", "TypeError: held share is an interval*take .value*"),
    "an unknown option": (
        "gilcheck.options(thread=2)",
        "*UsageError: options: unknown option 'thread'; did you mean 'threads'*",
    ),
    "a wrong value": (
        "gilcheck.options(threads='many')",
        "*UsageError: options: threads: expected a whole number*'many'*",
    ),
    "a call already made": ("gilcheck(bytes(10**8))", "*UsageError: gilcheck measures calls, got b'*"),
    "a coroutine": ("async def f(): pass\n    gilcheck(f)", "*UsageError: f is a coroutine function*"),
    "a wrong argument": ("gilcheck(len, 5)", "TypeError: object of type 'int' has no len()"),
    "a setup that returns no tuple": (
        "gilcheck.options(setup=lambda: [1])(len)",
        "*UsageError: setup= must return a tuple*",
    ),
    "inputs that nobody knows": ("gilcheck.agrees(lambda n: n)", "*UsageError: agrees: inputs= is needed*"),
    "inputs that do not fit": (
        "from hypothesis import strategies as st\n    gilcheck.agrees(lambda a, b: a, None, st.integers())",
        "*UsageError: agrees: inputs= gives 1 argument*For several arguments draw tuples*",
    ),
    "an agreement's wrong option": (
        "gilcheck.agrees(len, None, ('a',), threads=0)",
        "*UsageError: agrees: threads: expected*",
    ),
    "an undecided figure": (
        "from pytest_gilcheck import Estimate\n    assert Estimate(1.0, 0.5, 1.5, 'speed-up') > 1.1",
        "*Inconclusive: speed-up 1 [[]0.5, 1.5] does not decide speed-up > 1.1",
    ),
    "what was not measured": (
        "assert gilcheck.options(overlap=False)(len, []).overlaps",
        "*Inconclusive: len: whether calls overlap is not measured*",
    ),
}


def test_mistake_when_a_test_makes_it_then_its_own_line_and_the_remedy_are_shown(project):
    """The frames of this package explain nothing there. (One process for all: within this one, modules are loaded twice.)"""
    names = {mistake: "test_" + mistake.replace(" ", "_").replace("'", "") for mistake in MISTAKES}
    tests = [f"def {names[mistake]}(gilcheck):\n    {body}\n" for mistake, (body, _) in MISTAKES.items()]

    result = project("\n".join(tests), "-p", "no:gilcheck-section-writer", subprocess=True)

    result.assert_outcomes(failed=len(MISTAKES))
    output = "\n".join(result.stdout.lines).partition("short test summary info")[0]
    for mistake, (body, message) in MISTAKES.items():
        shown = re.split(r"\n_+ test_\w+ _+\n", output.partition(f" {names[mistake]} _")[2])[0]
        lines = shown.splitlines()
        assert f">       {body.splitlines()[-1].strip()}" in lines, shown
        assert "pytest_gilcheck/" not in shown, shown
        errors = [line for line in lines if line.startswith("E ")]
        assert 1 <= len(errors) <= 5, shown
        assert any(fnmatch.fnmatch(line, f"E *{message}") for line in errors), shown


def test_mistake_in_a_marker_is_an_error_of_collection_without_a_traceback(project):
    """It is found before any test runs."""
    result = project("@pytest.mark.gilcheck(relases=0.9)\ndef test_it(): pass\n", subprocess=True)

    assert result.ret != 0
    text = "\n".join(result.stdout.lines + result.stderr.lines)
    assert "did you mean 'releases'" in text
    assert "pytest_gilcheck/" not in text and "Traceback" not in text


def test_an_error_of_ours_keeps_its_traceback(project):
    """A bug of this package can be reported."""
    result = project(
        """
def test_it(gilcheck, monkeypatch):
    import pytest_gilcheck.checker.checker as module
    def broken(*_): raise KeyError("a bug")
    broken.__globals__["__name__"] = "pytest_gilcheck.judge.verdict"
    monkeypatch.setattr(module, "judge", broken)
    gilcheck(len, [])
""",
        subprocess=True,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*checker/checker.py:*", "E*KeyError: 'a bug'"])


def test_an_unmeasured_verdict_has_no_truth_value_either(project):
    """``--gilcheck-disable`` changes no outcome of such a mistake."""
    result = project("def test_it(gilcheck):\n    assert gilcheck(len, [])\n", "--gilcheck-disable")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*TypeError: a verdict is no yes or no*"])
