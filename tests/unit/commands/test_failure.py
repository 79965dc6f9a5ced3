"""What the command says of a statement that raises: the user's lines alone."""

import pytest

from pytest_gilcheck.commands.failure import failure_lines
from pytest_gilcheck.commands.statement import Statement


def lines_of(source, setup="pass"):
    """What is said of this statement."""
    statement = Statement(source, setup)
    with pytest.raises(Exception) as raised:  # noqa: PT011  (each has its own)
        eval(*statement.args_for(0))
    error = raised.value
    # The command calls from within the package, whose frames are left out. This file's is taken out here.
    return failure_lines(error.with_traceback(error.__traceback__.tb_next))


@pytest.mark.parametrize(
    ("source", "setup", "expected"),
    [
        (
            "zlib.compress(d)",
            "pass",
            [
                "gilcheck: the statement raised NameError: name 'zlib' is not defined",
                "  zlib.compress(d)",
                "  import it first: -s 'import zlib'",
            ],
        ),
        (
            "a = 1\ndata[a]",
            "pass",
            [
                "gilcheck: the statement raised NameError: name 'data' is not defined",
                "  data[a]",
                "  define it first: -s 'data = ...'",
            ],
        ),
        (
            "1",
            "import zlibb",
            ["gilcheck: the setup raised ModuleNotFoundError: No module named 'zlibb'", "  import zlibb"],
        ),
        (
            "1",
            "d = json.loads('1')",
            [
                "gilcheck: the setup raised NameError: name 'json' is not defined",
                "  d = json.loads('1')",
                "  import it first: -s 'import json'",
            ],
        ),
        ("assert 0", "pass", ["gilcheck: the statement raised AssertionError", "  assert 0"]),
    ],
)
def test_failure_when_the_statements_own_line_raises_then_it_is_shown_with_a_remedy(source, setup, expected):
    """A typo needs no traceback."""
    assert lines_of(source, setup) == expected


def test_failure_when_a_called_function_raises_then_its_traceback_has_no_line_of_ours():
    """It begins at the statement."""
    lines = lines_of("outer(0)", "def inner(x):\n  return 1 // x\ndef outer(x):\n  return inner(x)")

    assert lines[0] == "Traceback (most recent call last):"
    assert [line.strip() for line in lines if line.startswith("  File")] == [
        'File "<gilcheck statement>", line 1, in <module>',
        'File "<gilcheck setup>", line 4, in outer',
        'File "<gilcheck setup>", line 2, in inner',
    ]
    assert "    return 1 // x" in lines
    assert lines[-1] == "gilcheck: the statement raised ZeroDivisionError; there is nothing to judge"


def test_failure_when_an_error_has_a_cause_then_both_are_shown():
    """As the interpreter shows them."""
    text = "\n".join(
        lines_of("f()", "def f():\n  try: 1 // 0\n  except ZeroDivisionError as e: raise ValueError('no') from e")
    )

    assert "ZeroDivisionError" in text and "direct cause" in text and "ValueError: no" in text
    assert "pytest_gilcheck" not in text


def test_failure_when_the_message_is_long_then_it_is_cut():
    """A statement may raise with all its data in the message."""
    lines = lines_of("raise ValueError('x' * 10**6)")

    assert len(lines) == 2 and max(map(len, lines)) < 250
