"""What pytest reports of an interrupt that comes where no line is."""

import pytest

# A function of ours none of whose instructions has a line stands for the jump back at the end of a loop of ours, at which an
# interrupt comes by chance.
WITHOUT_LINES = """
import sys
import types
import pytest_gilcheck.judge.timeline as ours

def made_here(raises):
    raises()

n_units = len(made_here.__code__.co_code) // 2
if sys.version_info < (3, 11):
    table = bytes([2 * n_units, 0x80])
else:
    table = b"".join(bytes([0x80 | 15 << 3 | min(8, n_units - done) - 1]) for done in range(0, n_units, 8))
code = made_here.__code__.replace(co_linetable=table, co_filename=ours.__file__)
without_lines = types.FunctionType(code, vars(ours))
"""


def test_run_when_interrupted_at_an_instruction_without_a_line_then_it_ends_as_an_interrupted_run(project):
    """pytest computes with the number of the line: the run ended in a `TypeError` and with status 1."""
    result = project(
        WITHOUT_LINES
        + """
def interrupts():
    raise KeyboardInterrupt

def test_before():
    pass

def test_interrupted(gilcheck):
    without_lines(interrupts)
""",
        "--full-trace",
        subprocess=True,
    )
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["test_a.py:*: KeyboardInterrupt"])


def test_run_when_another_exception_comes_there_then_the_test_fails_with_it(project):
    """As from the signal of a timeout; one that was raised while it was handled is shown, too."""
    result = project(
        WITHOUT_LINES
        + """
def times_out():
    raise TimeoutError("too late")

def test_late(gilcheck):
    try:
        without_lines(times_out)
    except TimeoutError:
        raise ValueError("while it was handled")
""",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*TimeoutError: too late*", "*ValueError: while it was handled*"])
