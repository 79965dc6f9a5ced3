"""Calls in a child process."""

import sys

import pytest

from pytest_gilcheck import CheckFailed, UsageError, check, specimens

MS = 1_000_000


def abort():
    """Crash."""
    import os

    os.abort()


def leave():
    """End the process."""
    import os

    os._exit(5)


@pytest.mark.parametrize(("function", "how"), [(abort, "killed by SIGABRT"), (leave, "exit status 5")])
def test_check_when_its_child_process_crashes_then_it_fails_and_says_how(function, how):
    """The suite goes on."""
    with pytest.raises(CheckFailed, match=f"ended its child process: {how}"):
        check.options(isolate=True)(function)


def test_check_when_isolated_then_it_has_verdict_result_and_exceptions():
    """As in this process."""
    isolated = check.options(isolate=True, overlap=False)

    verdict = isolated(lambda ns: (specimens.holds(ns), "result")[1], 20 * MS)
    assert (verdict.gil in ("held", "inconclusive"), verdict.result) == (True, "result")
    with pytest.raises(ZeroDivisionError):
        isolated(lambda: 1 / 0)
    with pytest.raises(SystemExit):
        isolated(sys.exit, 3)


def test_check_when_a_value_cannot_be_sent_then_it_says_so():
    """To the child it is misuse, and back from it a reason."""
    with pytest.raises(UsageError, match="cannot be sent to a child process.*setup="):
        check.options(isolate=True)(len, (line for line in ()))

    verdict = check.options(isolate=True, overlap=False)(lambda: (line for line in ()))
    assert verdict.result is None
    assert "result-not-sent" in verdict.reasons
