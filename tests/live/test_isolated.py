"""Calls that are measured in a child process."""

import sys

import pytest

from pytest_gilcheck import CheckFailed, UsageError, check, specimens

MS = 1_000_000


def abort():
    """Crashes."""
    import os

    os.abort()


def leave():
    """Ends its process by itself."""
    import os

    os._exit(5)


@pytest.mark.parametrize(("function", "how"), [(abort, "killed by SIGABRT"), (leave, "exit status 5")])
def test_a_crash_in_a_child_process_fails_one_check(function, how):
    """And says how it ended."""
    with pytest.raises(CheckFailed, match=f"ended its child process: {how}"):
        check.options(isolate=True)(function)


def test_isolated_calls_give_verdicts_results_and_exceptions():
    """As if measured here."""
    isolated = check.options(isolate=True, overlap=False)

    verdict = isolated(lambda ns: (specimens.holds(ns), "result")[1], 20 * MS)
    assert (verdict.gil in ("held", "inconclusive"), verdict.result) == (True, "result")
    with pytest.raises(ZeroDivisionError):
        isolated(lambda: 1 / 0)
    with pytest.raises(SystemExit):
        isolated(sys.exit, 3)


def test_what_cannot_travel_is_said():
    """To the child: misuse. Back from it: a reason."""
    with pytest.raises(UsageError, match="cannot be sent to a child process.*setup="):
        check.options(isolate=True)(len, (line for line in ()))

    verdict = check.options(isolate=True, overlap=False)(lambda: (line for line in ()))
    assert verdict.result is None
    assert "result-not-sent" in verdict.reasons
